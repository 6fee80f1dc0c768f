"""What may be said of a parameter, and what that asks of its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.pipelines.params import KEYWORDS, MAX_PARAMS, TYPES

from tests.unit.pipeline_files import checked

STEPS = {"steps": [{"id": "a", "driver": "duckdb.processor", "config": {"query": "SELECT 1"}}]}
DESCRIBED: dict[str, tuple[list[Any], list[Any]]] = {
    "default": ([7, None], []),
    "description": (["d"], [5, ["d"]]),
    "required": ([True, False], ["no", 0, None]),
    "title": (["t"], [5]),
    "type": (["integer", ["null", "integer"]], ["int", ["int"], 5, [5]]),
    "enum": ([[6, 7]], [7]),
    "minimum": ([7, -1.5], ["x", 8]),
    "maximum": ([7], ["x", 6]),
    "minLength": ([0, 1], [-1, "x"]),
    "maxLength": ([0, 1], [-1, "x"]),
    "format": (["date", "anything"], [5]),
}
"""What may be said of a param whose default is 7, and what may not."""
VALUES: dict[str, list[Any]] = {
    "string": ["a", ""],
    "integer": [7, -1, 7.0],
    "number": [1.5],
    "boolean": [True, False],
    "array": [[], [1]],
    "object": [{}, {"a": 1}],
    "null": [None],
}


def problems_of(folder: Path, param: Any, schedule: str | None = None) -> list[str]:
    return checked(folder, json.dumps({**STEPS, "schedule": schedule, "params": {"p": param}}))[1]


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_what_is_said_of_a_param(keyword: str, tmp_path: Path) -> None:
    right, wrong = DESCRIBED[keyword]
    for value in right:
        assert problems_of(tmp_path, {"default": 7, keyword: value}) == [], value
    for value in wrong:
        [problem] = problems_of(tmp_path, {"default": 7, keyword: value})
        assert problem.startswith("orders.yaml:1: param p "), problem


def test_a_param_is_required_unless_it_has_a_default(tmp_path: Path) -> None:
    assert problems_of(tmp_path, {"required": True}) == []
    [problem] = problems_of(tmp_path, {"required": False})
    assert problem.startswith("orders.yaml:1: param p is required, because it has no default")


@pytest.mark.parametrize("keyword", ["pattern", "const", "Default", "x-secret"])
def test_what_is_not_said_of_a_param(keyword: str, tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, {"default": 7, keyword: 7})
    assert problem.startswith(f"orders.yaml:1: param p: {keyword} is unknown.")


@pytest.mark.parametrize("name", TYPES)
def test_a_default_is_of_its_type(name: str, tmp_path: Path) -> None:
    for other, values in VALUES.items():
        for value in values:
            fits = other == name or (name == "number" and other == "integer")
            problems = problems_of(tmp_path, {"type": name, "default": value})
            assert problems == ([] if fits else [f"orders.yaml:1: param p is not of type {name}"]), value


@pytest.mark.parametrize(
    ("schema", "wrong", "said"),
    [
        ({"minLength": 2}, "a", "breaks its rule minLength: 2"),
        ({"maxLength": 2}, "abc", "breaks its rule maxLength: 2"),
        ({"minimum": 2}, 1, "breaks its rule minimum: 2"),
        ({"maximum": 2}, 3, "breaks its rule maximum: 2"),
        ({"format": "date"}, "2026-02-30", "breaks its rule format: date"),
        ({"enum": ["CZ", "SK"]}, "PL", "is none of ['CZ', 'SK']"),
    ],
)
def test_a_default_keeps_the_rules(schema: dict[str, Any], wrong: Any, said: str, tmp_path: Path) -> None:
    [problem] = problems_of(tmp_path, {**schema, "default": wrong})
    assert problem == f"orders.yaml:1: param p {said}"
    assert problems_of(tmp_path, schema) == []


def test_a_schedule_brings_no_values(tmp_path: Path) -> None:
    undescribed: list[Any] = [{"default": None}, None, 7, [7]]
    for default in ({}, {"type": "integer"}):
        [problem] = problems_of(tmp_path, default, "@daily")
        assert problem == "orders.yaml:1: param p needs a default, because the pipeline has a schedule"
    for value in undescribed:
        assert problems_of(tmp_path, value, "@daily") == []


@pytest.mark.parametrize(
    ("name", "right"), [("a", True), ("_A9", True), ("9a", False), ("a-b", False), ("a.b", False), ("", False)]
)
def test_the_name_of_a_param(name: str, right: bool, tmp_path: Path) -> None:
    text = f"params:\n  {json.dumps(name)}: 7\n  b: {{type: int}}\nsteps: {json.dumps(STEPS['steps'])}"
    wrong = [] if right else [f"orders.yaml:2: '{name}' cannot be a param: use letters, digits and _"]
    *problems, other = checked(tmp_path, text)[1]
    assert (problems, other[:37]) == (wrong, "orders.yaml:3: param b has type int, ")


@pytest.mark.parametrize("number", [MAX_PARAMS, MAX_PARAMS + 1])
def test_a_pipeline_has_so_many_params_and_no_more(number: int, tmp_path: Path) -> None:
    params = json.dumps({f"p{at}": at for at in range(number)})
    problems = checked(tmp_path, f"steps: {json.dumps(STEPS['steps'])}\nparams: {params}")[1]
    said = "orders.yaml:2: there are 201 params; at most 200 are allowed in a pipeline"
    assert problems == ([] if number == MAX_PARAMS else [said])


@pytest.mark.parametrize("field", ["table", "query"])
@pytest.mark.parametrize("said", [{}, {"type": "string"}, {"required": True}])
def test_a_field_that_is_given_with_the_run_is_given(tmp_path: Path, field: str, said: dict[str, Any]) -> None:
    step = {"id": "a", "driver": "mysql.extractor", "config": {"connection": "@mysql", field: "${params.p}"}}
    text = {"params": {"p": {"description": "d", **said}}, "steps": [step]}
    assert checked(tmp_path, json.dumps(text))[1] == []
    step["config"]["partition_num"] = -1  # type: ignore[index] # the config is a dict
    [problem] = checked(tmp_path, json.dumps(text))[1]
    assert "config field partition_num" in problem
