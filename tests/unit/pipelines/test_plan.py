"""Before a run: which steps it has, and what its parameters are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import PipelineConfigError
from osiris_provider.pipelines.pipeline import Pipeline
from osiris_provider.pipelines.run.plan import param_values, planned_steps

from tests.unit.pipeline_files import loaded
from tests.unit.pipelines.test_pipelines_graph import OML

STEPS = """\
params: {n: {type: integer, default: 7}, text: {type: string}, any: null}
steps:
  - {id: a, driver: duckdb.processor, config: {query: SELECT 1}}
  - {id: b, driver: duckdb.processor, inputs: [a], config: {query: FROM a}}
  - {id: c, driver: duckdb.processor, inputs: [b], needs: [e], config: {query: FROM b}}
  - {id: d, driver: duckdb.processor, inputs: [], config: {query: SELECT 1}}
  - {id: e, driver: duckdb.processor, inputs: [d], config: {query: FROM d}}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return loaded(tmp_path, STEPS)


@pytest.mark.parametrize(
    ("given", "until", "planned"),
    [
        ("", None, "abcde"),
        ("", "b", "ab"),
        ("", "e", "de"),
        ("", "c", "abcde"),
        ("a", None, "abcde"),
        ("b", None, "bcde"),
        ("be", None, "bce"),
        ("b", "c", "bcde"),
        ("c", None, "c"),
        ("b", "b", "b"),
        ("c", "b", "ab"),
    ],
)
def test_which_steps_a_run_has(pipeline: Pipeline, given: str, until: str | None, planned: str) -> None:
    assert planned_steps(pipeline, given, until) == set(planned)


@pytest.mark.parametrize(("given", "until"), [(["x"], None), ([], "x"), (["a", "x"], "b")])
def test_a_step_that_is_none(pipeline: Pipeline, given: list[str], until: str | None) -> None:
    with pytest.raises(PipelineConfigError) as raised:
        planned_steps(pipeline, given, until)
    assert str(raised.value) == f"{pipeline.path}: there is no step 'x'. Steps are: a, d, b, e, c."
    assert (raised.value.step, raised.value.file) == ("x", str(pipeline.path))


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"text": "x"}, {"n": 7, "text": "x", "any": None}),
        ({"text": "", "n": 8, "any": [1]}, {"n": 8, "text": "", "any": [1]}),
    ],
)
def test_values_of_params(
    pipeline: Pipeline, given: dict[str, Any], values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Variables are upstream's way, in the files of its dialect.
    monkeypatch.setenv("OSIRIS_PARAM_N", "9")
    assert param_values(pipeline, given) == values


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "param text has no value; give one: --param text=…, or a default in the file."),
        ({"text": 5, "n": "x"}, "param n is not of type integer."),
        ({"texts": "x"}, "there is no param 'texts'. Did you mean 'text'? Params are: n, text, any."),
        ({"x": 1, "y": 1, "text": ""}, "there is no param 'x'. Params are: n, text, any."),
    ],
)
def test_what_is_wrong_with_values_of_params(pipeline: Pipeline, given: dict[str, Any], said: str) -> None:
    with pytest.raises(PipelineConfigError) as raised:
        param_values(pipeline, given)
    assert str(raised.value) == f"{pipeline.path}: {said}"
    assert (raised.value.field, raised.value.file) == ("params", str(pipeline.path))


@pytest.mark.parametrize(
    ("variable", "given", "value"), [(None, {}, 7), ("9", {}, 9), ("9", {"n": 8}, 8), ("x", {}, None)]
)
def test_a_variable_gives_a_param_of_oml(
    variable: str | None, given: dict[str, Any], value: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("OSIRIS_PARAM_N", variable)
    pipeline = loaded(tmp_path, f"params: {{n: {{type: integer, default: 7}}}}\n{OML}")
    if value is not None:
        assert param_values(pipeline, given) == {"n": value}
        return
    with pytest.raises(PipelineConfigError, match="param n is not of type integer"):
        param_values(pipeline, given)
