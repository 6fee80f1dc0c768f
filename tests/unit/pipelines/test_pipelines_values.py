"""What params, templates, trigger rules and upstream's inputs become, one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from osiris_provider.errors import DriverConfigError
from osiris_provider.pipelines.dialects import input_names
from osiris_provider.pipelines.params import Param, placeholder_problem, placeholders, substitute
from osiris_provider.pipelines.run.result import Outcome, Status
from osiris_provider.pipelines.run.trigger_rules import without_running
from osiris_provider.pipelines.run.upstream import UpstreamContext, UpstreamDriver, UpstreamInputs
from osiris_provider.pipelines.templates import has_template, render, template_context, template_problem
from osiris_provider.testing.context import RecordingContext

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
CONTEXT = template_context("orders", AT, {"least": 3}, "manual__1")


@pytest.mark.parametrize(
    ("value", "given"),
    [
        ("${params.n}", 7),
        ("${params.list}", [1, "a"]),
        ("n = ${params.n}", "n = 7"),
        ("${params.n}${params.text}", "7x"),
        ("$${params.n}", "${params.n}"),
        ("$${a} ${params.n} ${other}", "${a} 7 ${other}"),
        ({"a": ["${params.text}", 1, None]}, {"a": ["x", 1, None]}),
        ("no param", "no param"),
        (True, True),
    ],
)
def test_params_take_their_places(value: Any, given: Any) -> None:
    assert substitute(value, {"n": 7, "text": "x", "list": [1, "a"]}) == given


@pytest.mark.parametrize("value", ["${params.m}", "m is ${params.m}"])
def test_a_param_without_a_value_is_said(value: str) -> None:
    with pytest.raises(DriverConfigError, match=r"^Param m has no value\. Give one: --param m=…"):
        substitute(value, {"n": 7})


def test_placeholders_have_their_positions() -> None:
    assert list(placeholders("a ${x} $${y} ${params.z}")) == [(2, "x"), (13, "params.z")]


@pytest.mark.parametrize(
    ("text", "open_at"),
    [
        ("'${params.least'", [1]),
        ("${params.least\n}", [0]),
        ("a ${x ${least}", [2]),
        ("${a{b}} ${", [0, 8]),
        ("$${params.least", []),
        ("${{ ds }} ${% if a %}${# b #}$ {", []),
    ],
)
def test_a_placeholder_that_has_no_end_is_no_text(text: str, open_at: list[int]) -> None:
    contents = dict(placeholders(text))
    assert [at for at, content in contents.items() if content == "{"] == open_at
    problem = placeholder_problem("{", {"least": Param("least", 1)})
    assert problem == "a ${ has no } in its line; write ${params.name}, or $${ for ${ itself"
    assert substitute(text, {"least": 1}) == text.replace("$${", "${")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("params.least", None),
        ("params.lest", "there is no param 'lest'. Did you mean 'least'? Params are: least"),
        ("least", "${least} is not replaced; write ${params.least}"),
        ("HOME", "${HOME}: variables of the environment are not replaced in pipelines."),
        ("param.least", "${param.least}: variables of the environment are not replaced in pipelines."),
    ],
)
def test_what_is_wrong_with_a_placeholder(content: str, problem: str | None) -> None:
    said = placeholder_problem(content, {"least": Param("least", 1)})
    assert said == problem if problem is None else (said or "").startswith(problem)


@pytest.mark.parametrize(
    ("param", "text", "value"),
    [
        (Param("p", schema={"type": "string"}), "7", "7"),
        (Param("p", "text"), "true", "true"),
        (Param("p", 1), "7", 7),
        (Param("p"), "true", True),
        (Param("p", schema={"type": ["string", "integer"]}), "7", 7),
        (Param("p"), "x y", "x y"),
        (Param("p"), "-1.5", -1.5),
        (Param("p"), "null", None),
        *(
            (Param("p"), text, text)
            for text in ("NO", "on", "1.10", "1_000", "0x1F", "+5", "", "~", "1.0000000000000000001")
        ),
        (Param("p", schema={"type": ["string", "boolean"]}), "NO", "NO"),
        (Param("p", schema={"enum": ["NO", "SE"]}), "NO", "NO"),
        (Param("p", schema={"type": "boolean"}), "NO", False),
        (Param("p", default=True), "no", False),
        (Param("p", schema={"type": ["integer", "null"]}), "1_000", 1000),
        (Param("p", schema={"type": "array"}), '[1, "NO"]', [1, "NO"]),
        (Param("p", default={"a": 1}), '{"a": [2]}', {"a": [2]}),
        (Param("p", schema={"type": "array"}), "[1,", "[1,"),
        (Param("p", schema={"type": ["array", "string"]}), "[1, 2]", "[1, 2]"),
    ],
)
def test_a_param_that_is_written_is_what_it_wants(param: Param, text: str, value: object) -> None:
    assert param.parsed(text) == value


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({}, object(), None),
        ({"type": "integer"}, 3, None),
        ({"type": "integer"}, "3", "is not of type integer"),
        ({"enum": [1, 2]}, 3, "is none of [1, 2]"),
        ({"minimum": 5}, 4, "breaks its rule minimum: 5"),
        ({"minimum": 5}, 5, None),
        ({"type": "string", "format": "date"}, "2026-02-30", "breaks its rule format: date"),
    ],
)
def test_what_is_wrong_with_a_value(schema: dict[str, Any], value: object, problem: str | None) -> None:
    assert Param("p", schema=schema).problem(value) == problem


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ ds }}", "2026-03-04"),
        ("{{ ds_nodash }}", "20260304"),
        ("{{ ts }}", "2026-03-04T05:06:07+00:00"),
        ("{{ ts_nodash }}", "20260304T050607"),
        ("{{ logical_date | ds }}", "2026-03-04"),
        ("{{ data_interval_start | ds_nodash }}", "20260304"),
        ("{{ data_interval_end | ts }}", "2026-03-04T05:06:07+00:00"),
        ("{{ logical_date | ts_nodash }}", "20260304T050607"),
        ("{{ macros.ds_add(ds, -4) }}", "2026-02-28"),
        ("{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%Y') }}", "04.03.2026"),
        ("{{ (logical_date + macros.timedelta(days=1)).day }}", "5"),
        ("{{ macros.datetime(2026, 1, 2).day }}", "2"),
        ("{{ params.least }} {{ run_id }} {{ dag.dag_id }}", "3 manual__1 orders"),
        ("{% if params.least > 2 %}many{% endif %}\n", "many\n"),
        ("a{# remark #}b", "ab"),
    ],
)
def test_templates_have_the_names_of_airflow(template: str, text: str) -> None:
    assert has_template(template)
    assert render({"a": [template, 7]}, CONTEXT, "step") == {"a": [text, 7]}


def test_a_moment_is_in_utc() -> None:
    assert template_context("p", AT.replace(tzinfo=None), {}, "r")["ts"] == CONTEXT["ts"]
    there = AT.astimezone(timezone(timedelta(hours=2)))
    assert template_context("p", there, {}, "r")["ts"] == CONTEXT["ts"]


def test_a_template_that_fails_names_its_step_and_what_there_is() -> None:
    with pytest.raises(
        DriverConfigError, match=r"^Step load: a template in its config failed: .*dss.*run_id"
    ) as raised:
        render("{{ dss }}", CONTEXT, "load")
    assert raised.value.step == "load"


@pytest.mark.parametrize(
    ("text", "line"),
    [("{{ a }}", None), ("no {a}", None), ("a\nb {{ ", 2), ("\n\n{% if %}", 3), ("{{ " + "(" * 5000, 1)],
)
def test_a_template_that_is_none_has_a_line(text: str, line: int | None) -> None:
    problem = template_problem(text)
    assert (problem and problem[0]) == line
    assert problem is None or problem[1].startswith("is not valid Jinja: ")


GOOD: Status = "done"
FAILED: Status = "failed"
BLOCKED: Status = "not run"
SKIPPED: Status = "skipped"
BEFORE = (
    *((), (GOOD,), (FAILED,), (BLOCKED,), (SKIPPED,), (GOOD, FAILED), (GOOD, SKIPPED), (FAILED, BLOCKED)),
    *((FAILED, SKIPPED), (BLOCKED, SKIPPED)),
)
RULES = {
    # As a run of Airflow has it: runs, skipped, or upstream_failed, which is not run.
    "all_success": "rrnnsnsnnn",
    "all_failed": "rsrrsssrss",
    "all_done": "rrrrrrrrrr",
    "always": "rrrrrrrrrr",
    "all_done_min_one_success": "rrnnsrsnss",
    "one_success": "rrnnsrrnnn",
    "one_failed": "rsrrsrsrrr",
    "one_done": "rrrssrrrrs",
    "none_failed": "rrnnrnrnnn",
    "none_failed_min_one_success": "rrnnsnrnnn",
    "none_skipped": "rrrrsrsrss",
    "all_skipped": "rsssrsssss",
}


def outcomes(*statuses: Status) -> list[Outcome]:
    return [Outcome(f"s{number}", status) for number, status in enumerate(statuses, start=1)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_whether_a_step_runs(rule: str) -> None:
    letters = {None: "r", "skipped": "s", "not run": "n"}
    left = (without_running(rule, outcomes(*each)) for each in BEFORE)
    assert "".join(letters[one and one[0]] for one in left) == RULES[rule]


@pytest.mark.parametrize(("status", "good"), [("given", True), ("not written", True), ("left out", False)])
def test_what_counts_as_a_success(status: Status, good: bool) -> None:
    [one] = outcomes(status)
    assert one.succeeded is good
    assert (without_running("one_success", [one]) is None) is good


def test_why_a_step_does_not_run_names_a_step() -> None:
    before = outcomes(GOOD, FAILED)
    assert without_running("all_success", before) == ("not run", "s2 did not succeed")
    assert without_running("all_failed", before) == ("skipped", "s1 succeeded")
    assert without_running("all_skipped", before) == ("skipped", "s1 was not skipped")
    assert without_running("all_success", outcomes(GOOD, SKIPPED)) == ("skipped", "s2 was skipped")


class Upstreams:
    """A driver of upstream's protocol."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.folder: Path | None = None

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Any, ctx: Any) -> Any:
        assert (step_id, config, list(inputs)) == ("s", {"a": 1}, [])
        self.folder = ctx.output_dir
        return self.result


@pytest.mark.parametrize("make", [list, lambda rows: {"data": rows, "n": 2}, lambda rows: {"df": rows, "n": 2}])
def test_the_folder_of_a_step_is_there_until_its_stream_has_ended(make: Callable[[Any], Any]) -> None:
    rows = iter([1, 2])
    driver = Upstreams(rows if make is list else make(rows))
    result = UpstreamDriver(driver, "oml").run(step_id="s", config={"a": 1}, inputs={}, ctx=RecordingContext())
    assert result.get("n") == (None if make is list else 2)
    assert next(result["data"]) == 1
    assert driver.folder is not None
    assert driver.folder.is_dir()
    assert list(result["data"]) == [2]
    assert not driver.folder.exists()


@pytest.mark.parametrize("result", [None, {"rows": 3}, pa.table({"a": [1]}), pd.DataFrame({"a": [1]}), [{"a": 1}], 0])
def test_a_result_without_a_stream_stays_as_it_is(result: Any) -> None:
    driver = UpstreamDriver(Upstreams(result), "oml")
    assert driver.run(step_id="s", config={"a": 1}, inputs={}, ctx=RecordingContext()) is result


def test_upstream_lists_frames_and_this_package_has_them_for_those_who_ask() -> None:
    given = {"load-a": {"df": "frame", "data": "stream"}}
    theirs, own = UpstreamInputs(given, "oml"), UpstreamInputs(given, "osiris")
    assert (list(theirs), len(theirs)) == (["load-a", "df_load_a", "df", "input_df"], 4)
    assert (list(own), len(own)) == (["load-a"], 1)
    for inputs in (theirs, own):
        assert inputs["load-a"] is given["load-a"]
        assert [inputs[name] for name in ("df_load_a", "df", "input_df")] == ["frame"] * 3
        assert ("df" in inputs, "df_load_b" in inputs) == (True, False)


def test_a_single_frame_has_no_name_of_its_own_among_several() -> None:
    inputs = UpstreamInputs({"a": {"df": 1}, "b": {"df": 2}}, "oml")
    assert list(inputs) == ["a", "b", "df_a", "df_b"]
    assert ("df" in inputs, inputs["df_b"]) == (False, 2)


def test_a_frame_that_several_inputs_would_have_is_none_of_them() -> None:
    given = {"a-b": {"df": 1}, "a.b": {"df": 2}, "c": {"df": 3}}
    assert list(UpstreamInputs(given, "oml")) == ["a-b", "a.b", "c", "df_c"]
    assert input_names({name: name for name in given}) == {"a-b": "a-b", "a.b": "a.b", "c": "c", "df_c": "c"}


def test_a_step_that_is_called_as_upstreams_frame_is_itself_in_this_packages_dialect() -> None:
    given = {"df": {"df": "frame"}}
    assert UpstreamInputs(given, "osiris")["df"] == {"df": "frame"}
    assert UpstreamInputs(given, "oml")["df"] == "frame"


def test_keywords_of_a_figure_become_its_tags() -> None:
    recorded = RecordingContext()
    context = UpstreamContext(recorded)
    context.log_metric("rows", 3, unit="rows", tags={"a": "b"}, step=7)
    context.log_metric("bytes", 5)
    assert [(one.name, one.value, one.unit, one.tags) for one in recorded.metrics] == [
        ("rows", 3, "rows", {"a": "b", "step": "7"}),
        ("bytes", 5, None, {}),
    ]
    context.close()
