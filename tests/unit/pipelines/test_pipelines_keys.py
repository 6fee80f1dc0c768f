"""Each key of a pipeline: what may stand there and what may not, to the check and to the schema that editors have."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
from osiris_provider.connectors.model import leaves
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.registry import driver_names, get_driver
from osiris_provider.pipelines import model as models
from osiris_provider.pipelines import schema
from osiris_provider.pipelines.pipeline import check_pipeline

from tests.unit.pipeline_files import write_pipeline

MAX_INTEGER = 2**31 - 1
"""What an integer of Airflow's database holds."""


class Values(NamedTuple):
    """Samples of a type; ``late`` are those that the schema takes and the check does not."""

    right: tuple[Any, ...]
    wrong: tuple[Any, ...]
    late: tuple[Any, ...] = ()


TIME = Values(("30s", "1h 30m"), (5, ["5m"]), ("soon", "11y"))
DATE = Values(("2026-01-31", "2026-01-31T06:00:00Z"), (20260131, ["2026-01-31"]))
TEXT = Values(("x", "x" * 250), ("", "x" * 251, 5), ("  ",))
YES_NO = Values((True, False), ("perhaps", 2))
INTEGER = Values((-MAX_INTEGER, MAX_INTEGER), (-MAX_INTEGER - 1, MAX_INTEGER + 1, 1.5))
COUNT = Values((0, MAX_INTEGER), (-1, MAX_INTEGER + 1, 1.5))
POSITIVE = Values((1, MAX_INTEGER), (0, MAX_INTEGER + 1, 1.5))
NAMES = Values(("a", ["a"], []), (5, [5], {"a": 1}))
MAPPING = Values(({}, {"a": [1]}), ([], "a"))
RULES = (
    *("all_success", "all_failed", "all_done", "all_done_min_one_success", "all_skipped", "always", "none_failed"),
    *("none_failed_min_one_success", "none_skipped", "one_done", "one_failed", "one_success"),
)
OPTIONS = {
    "retries": COUNT,
    "retry_delay": TIME,
    "timeout": TIME,
    "pool": TEXT,
    "trigger_rule": Values(RULES, ("all_succes", 5)),
    "doc": Values(("", "x" * 100_000), (5,)),
}
TASK = {
    **dict.fromkeys(
        [
            *("allow_nested_operators", "depends_on_past", "email_on_failure", "email_on_retry"),
            *("ignore_first_depends_on_past", "wait_for_downstream", "wait_for_past_depends_before_skipping"),
        ],
        YES_NO,
    ),
    **dict.fromkeys(["executor", "owner", "queue", "run_as_user", "task_display_name"], TEXT),
    **dict.fromkeys(["max_active_tis_per_dag", "max_active_tis_per_dagrun", "pool_slots"], POSITIVE),
    **dict.fromkeys(["start_date", "end_date"], DATE),
    "email": NAMES,
    "executor_config": MAPPING,
    "max_retry_delay": TIME,
    "priority_weight": INTEGER,
    "retry_exponential_backoff": Values((0, 1.5, True), (-1, "x")),
    "weight_rule": Values(("downstream", "upstream", "absolute"), ("sideways",)),
}
LINK = "https://x/"
DAG = {
    **dict.fromkeys(["auto_register", "disable_bundle_versioning", "is_paused_upon_creation"], YES_NO),
    "access_control": MAPPING,
    "dag_display_name": TEXT,
    "dagrun_timeout": TIME,
    "fail_fast": Values((False,), ("perhaps", 2)),
    "max_active_tasks": POSITIVE,
    "max_consecutive_failed_dag_runs": COUNT,
    "owner_links": Values(({"a": LINK + "y" * 490}, {"x" * 250: LINK}), (LINK, 5)),
}
TOP = {
    **OPTIONS,
    "schedule": Values((None, "@daily", "5 4 * * *", {"after": ["@mysql.a/t"]}), (5, {"after": []}, {"after": [5]})),
    "start_date": DATE,
    "end_date": DATE,
    "catchup": YES_NO,
    "max_active_runs": POSITIVE,
    "owner": TEXT,
    "description": Values(("", "x" * 16_000), ("x" * 16_001, 5)),
    "tags": Values(([], ["x" * 100]), (5, "x")),
    "params": Values(({"a": 1},), (5, [1])),
}
DIALECTS: dict[str, dict[str, Any]] = {
    "osiris": {"steps": [{"id": "a", "driver": "duckdb.processor", "config": {"query": "SELECT 1 AS n"}}]},
    "oml": {
        "oml_version": "0.1.0",
        "name": "orders",
        "steps": [{"id": "a", "component": "duckdb.processor", "mode": "transform", "config": {"query": "SELECT 1"}}],
    },
}
OML = {"oml_version": Values(("0.1.0",), ("0.2.0", 0.1)), "name": TEXT, "profiles": MAPPING, "metadata": MAPPING}
STEP = {
    **OPTIONS,
    "id": Values(("a", "A-b_1", "_" * 100), ("", 5), ("1a", "a b", "a" * 101)),
    "config": Values(({"query": "SELECT 1 AS n"}, {"query": "FROM (VALUES (?))", "params": [1]}), ([], "a")),
    "inputs": Values(([], {}), (5, [5], {"a": 5})),
    "needs": Values(([],), (5, [5], {"a": "a"})),
}
DRIVER = Values(("duckdb.processor",), (5,), ("duckdb.procesor",))
MODE = Values(("transform",), ("transfrom", 5))
KINDS = ("right", "wrong", "late")


def keys(dialect: str) -> Iterator[tuple[tuple[str | int, ...], Values]]:
    """Yield each key of a dialect's files, and its values."""
    step = {"component": DRIVER, "mode": MODE} if dialect == "oml" else {"driver": DRIVER}
    tables: dict[tuple[str | int, ...], dict[str, Values]] = {
        (): {**TOP, **(OML if dialect == "oml" else {})},
        ("airflow",): DAG,
        ("airflow", "default_args"): TASK,
        ("steps", 0): {**STEP, **step},
        ("steps", 0, "airflow"): TASK,
    }
    for location, table in tables.items():
        for name, values in table.items():
            yield (*location, name), values


def file_of(dialect: str, kind: str, number: int) -> tuple[dict[str, Any], set[str]]:
    """Return a file in which each key has one of its values of a kind, and which keys have."""
    file, filled = copy.deepcopy(DIALECTS[dialect]), set[str]()
    for location, values in keys(dialect):
        some = values[KINDS.index(kind)]
        inner: Any = file
        for part in location[:-1] if some else ():
            inner = inner.setdefault(part, {}) if isinstance(part, str) else inner[part]
        if some:
            inner[location[-1]] = copy.deepcopy(some[number % len(some)])
            filled.add(".".join(map(str, location)))
    return file, filled


@cache
def validator() -> jsonschema.Draft202012Validator:
    """What an editor has: it knows the dialect from the schema."""
    known = schema.pipeline_schema()
    assert known["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(known)
    return jsonschema.Draft202012Validator(known)


def innermost(error: jsonschema.ValidationError) -> Iterator[str]:
    """Yield where an error stands, rather within what may be of several types."""
    inner = [one for one in error.context or () if len(one.absolute_path) > len(error.absolute_path)]
    if not inner:
        yield ".".join(map(str, error.absolute_path))
    for one in inner:
        yield from innermost(one)


def refused(folder: Path, file: dict[str, Any], keys: set[str]) -> list[set[str]]:
    """Return the keys that are wrong to the check, and to the schema; what else is wrong is there, too."""
    problems = check_pipeline(write_pipeline(folder, json.dumps(file)))[1]
    errors = [where for error in validator().iter_errors(file) for where in innermost(error)]
    return [
        {next((key for key in keys if f"{where}.".startswith(f"{key}.")), where) for where in places}
        for places in ([problem.field or str(problem) for problem in problems], errors)
    ]


SAMPLES = [(dialect, number) for dialect in DIALECTS for number in range(3)]


@pytest.mark.parametrize(
    ("dialect", "number"), [(dialect, number) for dialect in DIALECTS for number in range(len(RULES))]
)
def test_what_a_key_takes(dialect: str, number: int, tmp_path: Path) -> None:
    assert refused(tmp_path, *file_of(dialect, "right", number)) == [set(), set()]


@pytest.mark.parametrize(("dialect", "number"), SAMPLES)
def test_what_a_key_does_not_take(dialect: str, number: int, tmp_path: Path) -> None:
    file, keys = file_of(dialect, "wrong", number)
    assert refused(tmp_path, file, keys) == [keys, keys]


@pytest.mark.parametrize(("dialect", "number"), SAMPLES)
def test_what_a_key_does_not_take_though_editors_cannot_know(dialect: str, number: int, tmp_path: Path) -> None:
    file, keys = file_of(dialect, "late", number)
    assert refused(tmp_path, file, keys) == [keys, set()]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_no_file_is_without(dialect: str, tmp_path: Path) -> None:
    for steps in ([], {"id": "a"}, 5, [5], None):
        key = "steps.0" if steps == [5] else "steps"
        assert refused(tmp_path, {**DIALECTS[dialect], "steps": steps}, {key}) == [{key}, {key}]
    for key in DIALECTS[dialect].keys() - {"oml_version"}:
        file = {name: value for name, value in {**DIALECTS[dialect], "owner": "a"}.items() if name != key}
        assert refused(tmp_path, file, set()) == [{key}, {""}]
    for key in DIALECTS[dialect]["steps"][0]:
        step = {name: value for name, value in DIALECTS[dialect]["steps"][0].items() if name != key}
        problems, errors = refused(tmp_path, {**DIALECTS[dialect], "steps": [step]}, set())
        assert (f"steps.0.{key}" in problems or "steps.0.config.query" in problems, errors) == (True, {"steps.0"})


def test_every_key_has_its_values() -> None:
    assert set(TOP) | set(OML) | {"airflow"} == set(models.OmlPipelineModel.model_fields)
    assert set(STEP) | {"component", "mode", "airflow"} == set(models.OmlStepModel.model_fields)
    assert (set(DAG) | {"default_args"}, set(TASK)) == (
        set(models.AirflowDag.model_fields),
        set(models.AirflowTask.model_fields),
    )


def with_config(driver: str, config: object, dialect: str = "osiris") -> dict[str, Any]:
    """Return a file with one step of a driver."""
    file = copy.deepcopy(DIALECTS[dialect])
    file["steps"][0].update({"component" if dialect == "oml" else "driver": driver, "config": config})
    return file | {"params": {"a": {"type": "string"}}}


def config_of(driver: str) -> dict[str, Any]:
    """Return a config that a driver takes."""
    need = {"query": "SELECT 1 AS n"} if driver == "duckdb.processor" else {"table": "t"}
    need = {"path": "/x.csv"} if driver.startswith(("api", "filesystem")) else need
    return {"resource": "orders"} if driver.startswith("shopify") else need


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", driver_names())
def test_the_connection_of_a_driver(name: str, dialect: str, tmp_path: Path) -> None:
    family = getattr(get_driver(name), "family", None)
    right = [f"@{family or 'mysql'}.a", f"@{family or 'mysql'}", "@{{ ds }}", "${params.a}"]
    wrong = ["mysql.a", f"@{family}s.a" if family else "@Mysql.a", f"@{family or 'mysql'}.a.b", 5]
    key = "steps.0.config.connection"
    for reference in right:
        file = with_config(name, {"connection": reference, **config_of(name)}, dialect)
        assert key not in refused(tmp_path, file, {key})[0], reference
        assert validator().is_valid(file), reference
    for refusal in wrong:
        file = with_config(name, {"connection": refusal, **config_of(name)}, dialect)
        assert refused(tmp_path, file, {key})[1] == {key}, refusal
        assert key in refused(tmp_path, file, {key})[0], refusal


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", driver_names())
def test_what_a_driver_needs(name: str, dialect: str, tmp_path: Path) -> None:
    driver = get_driver(name)
    assert isinstance(driver, BaseDriver)
    family = driver.family
    without = with_config(name, config_of(name), dialect)
    assert validator().is_valid(without) is (family is None)
    unknown = with_config(name, {"connection": f"@{family or 'mysql'}.a", **config_of(name), "x": 1}, dialect)
    assert not validator().is_valid(unknown)
    empty = with_config(name, {"connection": f"@{family or 'mysql'}.a"}, dialect)
    assert validator().is_valid(empty) is not any(
        info.is_required() for info in driver.config_model.model_fields.values()
    )
    del without["steps"][0]["config"]
    assert not validator().is_valid(without)
    for file in (without, unknown, empty):
        assert "steps.0" in refused(tmp_path, file, {"steps.0"})[0]


KEYWORDS = {
    "$schema",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "then",
    "else",
    "discriminator",
}
"""Beside those that check something."""


def schemas(outer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all within it."""
    yield outer
    for keyword, value in outer.items():
        inner = value.values() if keyword in ("properties", "$defs") else value if isinstance(value, list) else [value]
        for one in inner if keyword not in ("default", "examples", "const", "enum", "discriminator") else ():
            if isinstance(one, dict):
                yield from schemas(one)


def test_the_schema_has_keywords_of_its_dialect_only() -> None:
    known = KEYWORDS | validator().VALIDATORS.keys()
    assert {keyword for one in schemas(schema.pipeline_schema()) for keyword in one} - known == set()


class Plain:
    """A driver whose config no model describes."""

    def run(self, **_: Any) -> dict[str, Any]:
        return {}


def test_editors_know_the_name_of_a_driver_without_a_model_and_take_any_config(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*driver_names(), "plain"]
    monkeypatch.setattr(schema, "driver_names", lambda: names)
    monkeypatch.setattr(schema, "get_driver", lambda name: get_driver(Plain if name == "plain" else name))
    described = schema.pipeline_schema()
    assert described["$defs"]["step"]["properties"]["driver"]["anyOf"][0]["enum"] == names
    known = jsonschema.Draft202012Validator(described)
    assert known.is_valid({"steps": [{"id": "a", "driver": "plain"}]})
    assert known.is_valid(with_config("plain", {"x": [1]}))
    assert not known.is_valid(with_config("plain", 5))


LATE = ("a {{ ds }}", "${params.a}", "{% if x %}1")
"""What is known at the run."""
VALUES = ("x", 1.5, ["x"], [1], {"x": "x"}, {"x": ["x"]}, [{"x": "x"}], None)
NO_NUMBERS = ("$params.a", "${params", "{ ds }", "%}", "x", [1], {"x": 1})


@pytest.mark.parametrize("name", driver_names())
def test_what_a_driver_takes_is_right_to_editors(name: str) -> None:
    driver = get_driver(name)
    assert isinstance(driver, BaseDriver)
    config = {"connection": f"@{driver.family or 'mysql'}.a", **config_of(name)}
    for field, info in driver.config_model.model_fields.items():
        is_number = set(leaves(info.annotation)) <= {int, float, bool, type(None)}
        for value in (*LATE, *VALUES):
            problems = driver.config_problems({**config, field: value})
            if value in LATE or all(location[:1] != (field,) for location, _ in problems):
                assert validator().is_valid(with_config(name, {**config, field: value})), (field, value)
        for wrong in NO_NUMBERS if is_number else ():
            assert not validator().is_valid(with_config(name, {**config, field: wrong})), (field, wrong)
