"""Each operator and sensor of the package as Airflow keeps it: in the database, and while it is deferred."""

from __future__ import annotations

import json
from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from airflow.sdk import DAG, BaseNotifier, BaseOperator
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.provider_info import get_provider_info
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile
from tests.airflow.versions import DagSerialization, TaskDeferred, deserialize, serialize


class Notifier(BaseNotifier):
    """One that says nothing."""

    def notify(self, context: Any) -> None:
        """Say nothing."""


FILE = Path("/srv/{{ ds }}.yaml")
ARGUMENTS: dict[type[BaseOperator], tuple[dict[str, Any], dict[str, Any]]] = {
    OsirisOperator: (
        {
            "config": {"connection": "@mysql.main", "query": "SELECT '{{ ds }}'", "limit": 5},
            "inputs": {"rows": "{{ 1 }}"},
        },
        {"driver": "mysql.extractor"},
    ),
    OsirisDoctorOperator: (
        {"connections": ["@mysql.main", "{{ params.other }}"], "file": FILE},
        {"on_unhealthy": [Notifier()], "on_recovered": print, "warn_days": (7, 1), "deferrable": True},
    ),
    OsirisHealthcheckSensor: ({"connection": "@mysql.{{ params.alias }}"}, {"mode": "reschedule", "soft_fail": True}),
}
"""Of each its templated arguments, and others."""


def stored() -> tuple[str, Any]:
    """A DAG with each class once and once mapped, as text, and what Airflow makes of that."""
    with DAG("stored", schedule=None, params={"alias": "main", "other": "@mysql.other"}) as dag:
        for kind, (templated, others) in ARGUMENTS.items():
            kind(task_id=kind.__name__, **templated, **others)
            kind.partial(task_id=f"{kind.__name__}_mapped", **others).expand(
                **{name: [value] for name, value in templated.items()}
            )
    text = json.dumps(DagSerialization.to_dict(dag), sort_keys=True)
    return text, DagSerialization.from_dict(json.loads(text))


def test_all_of_them_are_tried() -> None:
    info = get_provider_info()
    modules = [name for kind in ("operators", "sensors") for name in info[kind][0]["python-modules"]]
    values = [value for name in modules for value in vars(import_module(name)).values()]
    own = {
        value
        for value in values
        if isclass(value) and issubclass(value, BaseOperator) and "osiris_" in value.__module__
    }
    assert own == set(ARGUMENTS)


def test_the_scheduler_knows_their_templates_and_each_parse_stores_the_same() -> None:
    text, again = stored()
    assert stored()[0] == text
    for kind, (templated, others) in ARGUMENTS.items():
        task, mapped = again.get_task(kind.__name__), again.get_task(f"{kind.__name__}_mapped")
        expected = json.loads(json.dumps(templated, default=str))
        assert {name: getattr(task, name) for name in task.template_fields} == expected
        assert set(mapped.template_fields) == set(kind.template_fields) == set(templated)
        assert mapped.operator_class["task_type"] == kind.__name__
        assert {name: value[0] for name, value in mapped.expand_input.value.items()} == expected
        assert set(others) <= set(mapped.partial_kwargs)


@pytest.mark.parametrize("kind", [OsirisDoctorOperator, OsirisHealthcheckSensor])
def test_a_worker_goes_on_with_what_the_triggerer_has_kept(
    kind: type[Any], connections_file: ConnectionsFile, closed_port: int
) -> None:
    connections_file({"mysql": {"main": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    name = "connection" if kind is OsirisHealthcheckSensor else "connections"
    task = kind(task_id="wait", deferrable=True, **{name: "@mysql.main"})
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({})
    kept: Any = json.loads(json.dumps(serialize([deferred.value.kwargs, *deferred.value.trigger.serialize()])))
    restored: Any = deserialize(kept)
    kwargs, path, arguments = restored
    assert kwargs == deferred.value.kwargs
    assert resolve_name(path)(**arguments).serialize() == deferred.value.trigger.serialize()
