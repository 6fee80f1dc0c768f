"""What a DAG file gives an operator, a sensor, a trigger or a policy is right, or an error that names the argument."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseSensorOperator, task
from osiris_provider._airflow.arguments import literal
from osiris_provider.airflow_dags import OsirisDag, OsirisTaskGroup
from osiris_provider.hooks.duckdb import OsirisDuckDBHook
from osiris_provider.hooks.shopify import OsirisShopifyHook
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor
from osiris_provider.triggers.doctor import OsirisDoctorTrigger

from tests.airflow.conftest import ConnectionsFile, RunDag

DUCKDB = {"duckdb": {"main": {"path": ":memory:"}, "other": {"path": ":memory:"}}}
RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(0)}


@task
def give(value: Any) -> Any:
    return value


def test_a_dag_file_gives_the_doctor_operator_what_it_takes() -> None:
    counts = {name: ("2", 1.5, True, 0, [1], float("nan")) for name in ("after", "remind_after")}
    flags = dict.fromkeys(("fail_on_unhealthy", "deferrable"), ("no", 1, None))
    callbacks = {f"on_{name}": ("mail", 1, ["mail"], {"a": 1}) for name in ("unhealthy", "recovered", "expiring")}
    wrong: dict[str, tuple[Any, ...]] = {
        **counts,
        **flags,
        **callbacks,
        "warn_days": ("14", b"\x0e", 1.5, True, -3, [7, "1"], [None]),
        "connections": (1, "", {"a": 1}, [None], ["@mysql.default", 2], b"@mysql.default"),
        "file": (1, ["x"], b"x"),
        "check_timeout": (0, "soon", None, timedelta(seconds=5)),
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"^{name} is "):
                OsirisDoctorOperator(task_id="a", **{name: value})


def test_a_dag_file_gives_the_sensor_what_it_takes() -> None:
    wrong: dict[str, tuple[Any, ...]] = {"connection": (None, 1, "", ["@mysql.default"]), "deferrable": ("no", 1, None)}
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"^{name} is "):
                OsirisHealthcheckSensor(task_id="a", **{"connection": "@mysql.default", name: value})


def test_a_dag_file_gives_the_operator_what_it_takes() -> None:
    wrong: dict[str, tuple[Any, ...]] = {
        "driver": (None, 1, ["mysql.extractor"]),
        "config": (None, 1, ["a"], "query"),
        "config connection": ({"connection": 3}, {"connection": ""}, {"connection": ["@mysql.default"]}),
        "inputs": (1, True, [1], ({"a": 1},)),
    }
    for name, values in wrong.items():
        for value in values:
            given = {"driver": "mysql.extractor", "config": {}, name.split()[0]: value}
            with pytest.raises(ValueError, match=rf"^Step a: {name} is "):
                OsirisOperator(task_id="a", **given)


def test_a_trigger_is_given_what_it_takes() -> None:
    wrong: dict[str, tuple[Any, ...]] = {
        "connections": ("@mysql.default", [1], None),
        "check_timeout": ("soon", 0),
        "poke_interval": (-1, "5", float("inf")),
        "delay": (-1, "5", None),
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"^{name} is "):
                OsirisDoctorTrigger(**{"connections": ["@mysql.default"], name: value})


def test_the_least_that_may_be_given_is_taken() -> None:
    right: dict[str, tuple[Any, ...]] = {
        "after": (1,),
        "remind_after": (1, None),
        "warn_days": (0, [0], [], None),
        "check_timeout": (0.1,),
        "connections": ([], ("a",), {"a"}, None),
    }
    for name, values in right.items():
        for value in values:
            assert getattr(OsirisDoctorOperator(task_id="a", **{name: value}), name) == value
    assert OsirisDoctorTrigger(connections=[], poke_interval=0).poke_interval == 0
    for config in ({}, {"connection": None}):
        assert OsirisOperator(task_id="a", driver="duckdb.processor", config=config, inputs=[]).config == config


def test_templates_and_results_of_tasks_are_taken_as_they_are() -> None:
    with DAG("placeholders", schedule=None):
        result: Any = give("@duckdb.main")
        for number, given in enumerate(["{{ params.x }}", result, ["{{ params.x }}", result]]):
            doctor = OsirisDoctorOperator(task_id=f"doctor_{number}", connections=given, file=result)
            assert doctor.connections is given
        assert OsirisHealthcheckSensor(task_id="sensor", connection=result).connection is result
        texts = ["{{ params.config }}", "{% include 'config' %}", "{# nothing #}"]
        configs: list[Any] = [result, *texts, {"connection": result}]
        for number, config in enumerate(configs):
            step = OsirisOperator(task_id=f"step_{number}", driver="duckdb.processor", config=config)
            assert step.config is config


@pytest.mark.parametrize("hook", [OsirisDuckDBHook, OsirisShopifyHook])
@pytest.mark.parametrize("target", [None, "", 1])
def test_a_hook_says_which_argument_is_no_connection_id(hook: type[Any], target: Any) -> None:
    name = hook.conn_name_attr
    ok, message = hook(**{name: target}).test_connection()
    assert (ok, message) == (False, f"{name} is a reference or an Airflow connection id")


def test_a_path_may_be_an_object_and_reaches_the_trigger_as_text() -> None:
    path = Path("/srv/osiris_connections.yaml")
    assert OsirisDoctorOperator(task_id="a", file=path).file is path
    assert OsirisDoctorTrigger(connections=[], file=path).serialize()[1]["file"] == str(path)


@pytest.mark.parametrize("operator", [OsirisDoctorOperator, OsirisOperator, OsirisHealthcheckSensor])
def test_what_default_args_say_to_sensors_reaches_no_argument_of_ours(operator: Callable[..., Any]) -> None:
    of_sensors = set(inspect.signature(BaseSensorOperator.__init__).parameters) - {"self", "kwargs"}
    assert "timeout" in of_sensors
    assert not of_sensors & set(inspect.signature(operator).parameters)


def test_a_timeout_of_sensors_leaves_the_time_of_a_check_alone() -> None:
    with DAG("defaults", schedule=None, default_args={"timeout": 3600, "poke_interval": 30, "mode": "reschedule"}):
        doctor = OsirisDoctorOperator(task_id="doctor")
        sensor = OsirisHealthcheckSensor(task_id="sensor", connection="@mysql.default")
    assert doctor.check_timeout == 2
    assert (sensor.check_timeout, sensor.timeout, sensor.poke_interval, sensor.mode) == (2, 3600, 30, "reschedule")


def test_default_args_may_be_none(tmp_path: Path) -> None:
    path = tmp_path / "none_given.yaml"
    path.write_text("steps: [{id: total, driver: duckdb.processor, config: {query: SELECT 1}}]")
    assert OsirisDag(path, default_args=None).task_ids == ["total"]
    with DAG("of_groups", schedule=None) as dag:
        OsirisTaskGroup(path, default_args=None)
    assert dag.task_ids == ["none_given.total"]


@pytest.mark.parametrize("template", ["{{ none }}", "{{ params.which }}", " {{ params.which }}\n"])
def test_a_template_of_none_checks_all_of_the_file_and_says_so(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str], template: str
) -> None:
    connections_file(DUCKDB)
    with DAG("template_of_none", schedule=None, params={"which": None}) as dag:
        OsirisDoctorOperator(task_id="doctor", connections=template)
    run = run_dag(dag)
    assert [report["alias"] for report in run.xcom("doctor")] == ["main", "other"]
    assert "connections is None: all of the connections file are checked, 2 in number" in capfd.readouterr().out


def test_a_function_may_give_what_a_template_gives(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file(DUCKDB)

    def listed(context: Any, jinja_env: Any) -> Any:  # noqa: ARG001 - Airflow gives it
        return [f"@duckdb.{name}" for name in context["params"]["names"]]

    def first(context: Any, jinja_env: Any) -> Any:
        return listed(context, jinja_env)[0]

    def config(context: Any, jinja_env: Any) -> Any:
        return {"query": "SELECT 1 AS x", "connection": first(context, jinja_env)}

    given: Any = (listed, first, config)
    with DAG("functions", schedule=None, params={"names": ["other"]}) as dag:
        OsirisDoctorOperator(task_id="doctor", connections=given[0])
        OsirisHealthcheckSensor(task_id="sensor", connection=given[1])
        OsirisOperator(task_id="step", driver="duckdb.processor", config=given[2])
    run = run_dag(dag)
    assert run.state == "success"
    assert [report["alias"] for report in (*run.xcom("doctor"), run.xcom("sensor"))] == ["other", "other"]


def test_a_result_that_is_no_connection_fails_at_once_and_names_the_argument(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file(DUCKDB)
    with DAG("results", schedule=None) as dag:
        nothing: Any = give(None)
        number: Any = give(7)
        several: Any = give(["@duckdb.main"])
        OsirisDoctorOperator(task_id="listed", connections=["@duckdb.main", nothing], **RETRIES)
        OsirisDoctorOperator(task_id="text", connections="{{ [none] }}", **RETRIES)
        OsirisDoctorOperator(task_id="odd", connections="[{[]: 1}]", **RETRIES)
        OsirisDoctorOperator(task_id="file", connections=[], file=several, **RETRIES)
        OsirisHealthcheckSensor(task_id="sensor", connection=nothing, **RETRIES)
        OsirisHealthcheckSensor(task_id="empty", connection="{{ '' }}", deferrable=True, **RETRIES)
        OsirisHealthcheckSensor(task_id="deferred", connection=several, deferrable=True, **RETRIES)
        OsirisHealthcheckSensor(task_id="soft", connection=number, soft_fail=True, **RETRIES)
        step: dict[str, Any] = {"query": "SELECT 1", "connection": number}
        OsirisOperator(task_id="step", driver="duckdb.processor", config=step, **RETRIES)
        OsirisOperator(task_id="input", driver="duckdb.processor", config={}, inputs={"x": "{[]: 1}"}, **RETRIES)
        OsirisOperator(task_id="inputs", driver="duckdb.processor", config={}, inputs=number, **RETRIES)
    run = run_dag(dag)
    ours = ("listed", "text", "odd", "file", "sensor", "empty", "deferred", "soft", "step", "input", "inputs")
    assert {name: run.tries[name] for name in ours} == dict.fromkeys(ours, 1)
    assert [run.states[name] for name in ours] == [*["failed"] * 7, "skipped", *["failed"] * 3]
    said = capfd.readouterr().out
    assert said.count("ArgumentError: connections is a reference such as @mysql.default") == 2
    assert "ArgumentError: connection is a reference such as @mysql.default" in said
    assert "ArgumentError: file is a path, or None" in said
    assert "Step step: config connection is a text such as @mysql.default" in said
    assert "ArgumentError: Step inputs: inputs is a dict from step id to result" in said
    assert not {"TypeError", "AttributeError"} & set(said.replace(":", " ").split())


@pytest.mark.parametrize("text", ["", "[", "[x]", "{[]: 1}", "[" * 500, "-" * 100_000 + "1", "\0"])
def test_a_text_that_no_value_renders_to_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="no text of a value"):
        literal(text)


def test_a_value_that_a_mapped_task_cannot_take_fails_it_at_once(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file(DUCKDB)
    with DAG("mapped_wrongly", schedule=None) as dag:
        numbers: Any = give([0])
        OsirisOperator.partial(task_id="config", driver="duckdb.processor", **RETRIES).expand(config=numbers)
        OsirisDoctorOperator.partial(task_id="connections", **RETRIES).expand(connections=numbers)
        OsirisDoctorOperator.partial(task_id="check_timeout", **RETRIES).expand(check_timeout=numbers)
        OsirisHealthcheckSensor.partial(task_id="connection", **RETRIES).expand(connection=numbers)
    run = run_dag(dag)
    names = ("config", "connections", "check_timeout", "connection")
    assert {name: (run.states[name], run.tries[name]) for name in names} == dict.fromkeys(names, ("failed", 1))
    said = capfd.readouterr().out
    assert [name for name in names if not re.search(rf"ArgumentError: (Step config: )?{name} is ", said)] == []


def test_mapped_tasks_get_each_connection(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file(DUCKDB)
    with DAG("mapped_doctors", schedule=None) as dag:
        names: Any = give(["@duckdb.main", "@duckdb.other"])
        OsirisDoctorOperator.partial(task_id="doctor", check_timeout=1).expand(connections=names)
        OsirisDoctorOperator.partial(task_id="lists").expand(connections=[["@duckdb.main"], ["@duckdb.other"]])
        OsirisHealthcheckSensor.partial(task_id="sensor").expand(connection=names)
        mapped: Any = give.partial().expand(value=names)
        OsirisDoctorOperator(task_id="all", connections=mapped)
    assert run_dag(dag).state == "success"
    said = capfd.readouterr().out
    # By tasks doctor, lists and all, then by the sensor.
    assert [len(re.findall(rf"@duckdb\.{alias} +ok ", said)) for alias in ("main", "other")] == [3, 3]
    assert [said.count(f"@duckdb.{alias} is ok") for alias in ("main", "other")] == [1, 1]
