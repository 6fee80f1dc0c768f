"""Which step waits for which, in both dialects."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.pipelines.dialects import Draft, StepDraft
from osiris_provider.pipelines.graph import edges_of, sorted_steps
from osiris_provider.pipelines.model import AirflowTask, Options, PipelineModel
from osiris_provider.pipelines.problems import Problems

from tests.unit.pipeline_files import checked, loaded

CHAIN = """\
steps:
  - {id: a, driver: mysql.extractor, config: {connection: "@mysql", table: a}}
  - {id: b, driver: duckdb.processor, config: {query: FROM a}}
  - {id: c, driver: postgres.writer, config: {connection: "@postgres", table: c}}
  - {id: d, driver: mysql.extractor, config: {connection: "@mysql", table: d}}
"""


def test_without_inputs_and_needs_the_order_of_the_file_is_a_chain(tmp_path: Path) -> None:
    steps = loaded(tmp_path, CHAIN).steps
    assert {name: (dict(step.inputs), step.after) for name, step in steps.items()} == {
        "a": ({}, ()),
        "b": ({"a": "a"}, ("a",)),
        "c": ({"b": "b"}, ("b",)),
        "d": ({}, ("c",)),
    }


@pytest.mark.parametrize("oml", [False, True])
def test_in_a_chain_readers_take_nothing_and_writers_give_nothing(tmp_path: Path, oml: bool) -> None:
    more = """\
  - {id: e, driver: mysql.extractor, config: {connection: "@mysql", table: e}}
  - {id: f, driver: duckdb.processor, config: {query: FROM e}}
  - {id: g, driver: postgres.writer, config: {connection: "@postgres", table: g}}
  - {id: h, driver: duckdb.processor, config: {query: SELECT 1}}
"""
    text = CHAIN + more
    if oml:
        modes = {"mysql.extractor": "read", "duckdb.processor": "transform", "postgres.writer": "write"}
        for driver, mode in modes.items():
            text = text.replace(f"driver: {driver}", f"component: {driver}, mode: {mode}")
        text = f"oml_version: 0.1.0\nname: n\n{text.replace('FROM ', 'FROM df_')}"
    steps = loaded(tmp_path, text).steps
    assert {name: set(step.inputs.values()) for name, step in steps.items() if name >= "d"} == {
        "d": set(),
        "e": set(),
        "f": {"e"},
        "g": {"f"},
        "h": set(),
    }
    assert [step.after for step in steps.values()] == [(), *((name,) for name in "abcdefg")]


def test_one_step_that_says_it_makes_all_others_roots(tmp_path: Path) -> None:
    steps = loaded(tmp_path, CHAIN.replace("id: c,", "id: c, inputs: [a], needs: b,")).steps
    assert {name: step.after for name, step in steps.items()} == {"a": (), "b": (), "d": (), "c": ("a", "b")}
    assert dict(steps["c"].inputs) == {"a": "a"}


def test_one_step_that_waits_makes_all_others_roots_and_gets_no_data(tmp_path: Path) -> None:
    text = CHAIN.replace("id: b,", "id: b, needs: [a],").replace("id: c,", "id: c, inputs: [b],")
    steps = loaded(tmp_path, text).steps
    assert {name: (dict(step.inputs), step.after) for name, step in steps.items()} == {
        "a": ({}, ()),
        "b": ({}, ("a",)),
        "c": ({"b": "b"}, ("b",)),
        "d": ({}, ()),
    }


@pytest.mark.parametrize("given", ["needs: [b]", "inputs: []", "inputs: {}", "needs: []"])
def test_a_writer_that_gets_no_data_is_a_mistake(tmp_path: Path, given: str) -> None:
    _, problems = checked(tmp_path, CHAIN.replace("id: c,", f"id: c, {given},"))
    said = "driver postgres.writer needs an input: inputs: [the step whose result it writes]"
    assert problems == [f"orders.yaml:4: c: {said}"]


@pytest.mark.parametrize("needs", ["[]", "[first]"])
def test_oml_a_writer_that_gets_no_data_is_a_mistake(tmp_path: Path, needs: str) -> None:
    first = "  - {id: first, component: filesystem.csv_writer, mode: write, needs: [one], config: {path: /tmp/y.csv}}\n"
    text = OML.replace("  - {id: last,", f"{first}  - {{id: last, needs: {needs},")
    _, problems = checked(tmp_path, text)
    said = "driver filesystem.csv_writer needs an input: needs: [the step whose result it writes]"
    assert problems == [f"orders.yaml:8: last: {said}"]


@pytest.mark.parametrize("given", ["needs: [x]", "inputs: [x]", "needs: [b, x]"])
def test_a_name_that_is_no_step_is_the_only_mistake(tmp_path: Path, given: str) -> None:
    _, problems = checked(tmp_path, CHAIN.replace("id: c,", f"id: c, {given},"))
    assert [problem.partition("'")[0] for problem in problems] == ["orders.yaml:4: c: there is no step "]


@pytest.mark.parametrize(
    ("config", "is_chosen"),
    [("", False), ("input: d, ", False), ("input: b, ", True), ('input: "{{ run_id }}", ', True)],
)
def test_of_several_results_one_is_written(tmp_path: Path, config: str, is_chosen: bool) -> None:
    text = CHAIN.replace("id: c,", "id: c, inputs: [a, b],").replace('{connection: "@p', f'{{{config}connection: "@p')
    _, problems = checked(tmp_path, text)
    said = "there are several inputs (a, b); config field input says which one is written"
    assert problems == ([] if is_chosen else [f"orders.yaml:4: c: {said}"])


@pytest.mark.parametrize("written", ["[a]", "{a: b}", "5"])
def test_an_input_that_is_no_text_is_a_mistake_like_any_other(tmp_path: Path, written: str) -> None:
    text = CHAIN.replace("id: c,", "id: c, inputs: [a, b],").replace(
        '{connection: "@p', f'{{input: {written}, connection: "@p'
    )
    assert [problem.partition(" (")[0].partition("; ")[0] for problem in checked(tmp_path, text)[1]] == [
        "orders.yaml:4: c: there are several inputs",
        "orders.yaml:4: c: config field input: is a text",
    ]


def test_the_only_input_is_the_one_that_is_named(tmp_path: Path) -> None:
    text = CHAIN.replace("id: c,", "id: c, inputs: {rows: b},").replace(
        '{connection: "@p', '{input: NAME, connection: "@p'
    )
    said = "orders.yaml:4: c: config field input names 'b', and its inputs are: rows"
    assert checked(tmp_path, text.replace("NAME", "b"))[1] == [said]
    assert checked(tmp_path, text.replace("NAME", "rows"))[1] == []


RULES = """\
steps:
  - {id: a, driver: mysql.extractor, config: {connection: "@mysql", table: a}}
  - {id: b, driver: mysql.extractor, config: {connection: "@mysql", table: b}}
  - {id: c, driver: duckdb.processor, inputs: [a], config: {query: FROM a}}
  - {id: d, driver: duckdb.processor, GIVEN, config: {query: SELECT 1}}
"""


@pytest.mark.parametrize(
    ("given", "rule", "missing"),
    [
        ("inputs: [a]", "all_failed", "a"),
        ("inputs: [a]", "all_skipped", "a"),
        ("inputs: [a]", "one_failed", "a"),
        ("inputs: [b], needs: [a]", "one_failed", "b"),
        ("inputs: [a, b]", "one_success", "a"),
        ("inputs: [b], needs: [c]", "one_success", "b"),
        ("inputs: [a, b]", "one_done", "a"),
    ],
)
def test_a_rule_by_which_data_may_not_be_there_is_a_mistake(
    tmp_path: Path, given: str, rule: str, missing: str
) -> None:
    said = f"trigger_rule: with {rule}, Airflow may run this step without the data of step {missing}"
    advice = "use all_success, or inputs: {} and needs"
    text = RULES.replace("GIVEN", f"{given}, trigger_rule: {rule}")
    assert checked(tmp_path, text)[1] == [f"orders.yaml:5: d: {said}; {advice}"]
    of_all = f"trigger_rule: {rule}\n{RULES.replace('GIVEN', given)}"
    assert f"orders.yaml:1: d: {said}; {advice}" in checked(tmp_path, of_all)[1]
    needs = given.replace("inputs: [a, b]", "needs: [a, b]").replace("inputs: [a]", "needs: [a]")
    free = f"{needs.replace('inputs: [b], ', '')}, inputs: {{}}, trigger_rule: {rule}"
    assert checked(tmp_path, RULES.replace("GIVEN", free))[1] == []


@pytest.mark.parametrize("given", ["needs: [a]", "inputs: [a]"])
def test_a_step_that_always_runs_waits_for_none(tmp_path: Path, given: str) -> None:
    said = "trigger_rule: with always, Airflow waits for no other step; use all_done"
    text = RULES.replace("GIVEN", f"{given}, trigger_rule: always")
    assert checked(tmp_path, text)[1] == [f"orders.yaml:5: d: {said}"]


@pytest.mark.parametrize(
    "given",
    [
        "trigger_rule: always",
        "inputs: [a], trigger_rule: one_success",
        "inputs: [a, c], trigger_rule: all_done",
        "inputs: [a], needs: [c], trigger_rule: one_failed",
        "inputs: [a], needs: [c], trigger_rule: one_done",
        "inputs: [a], needs: [b], trigger_rule: all_done_min_one_success",
    ],
)
def test_a_rule_by_which_data_is_there_may_stand(tmp_path: Path, given: str) -> None:
    assert checked(tmp_path, RULES.replace("GIVEN", given))[1] == []


@pytest.mark.parametrize("written", ["[a]", "a", "{a: a}", '{a: "${a.df}"}', '{a: "${a.data}"}'])
def test_inputs_are_a_step_a_list_or_names(tmp_path: Path, written: str) -> None:
    assert dict(
        loaded(tmp_path, CHAIN.replace("id: b,", f"id: b, inputs: {written},").replace("id: c,", "id: c, inputs: [b],"))
        .steps["b"]
        .inputs
    ) == {"a": "a"}


def test_the_name_of_an_input_is_the_table(tmp_path: Path) -> None:
    text = CHAIN.replace("id: b,", "id: b, inputs: {sales: a},").replace("id: c,", "id: c, inputs: [b],")
    assert dict(loaded(tmp_path, text).steps["b"].inputs) == {"sales": "a"}


OML = """\
oml_version: "0.1.0"
name: hello
steps:
  - {id: one, component: mysql.extractor, mode: read, config: {connection: "@mysql", table: a}}
  - {id: two, component: mysql.extractor, mode: read, config: {connection: "@mysql", table: b}}
  - {id: both-of, component: duckdb.processor, mode: transform, needs: [one, two], config: {query: FROM df_one}}
  - {id: last, component: filesystem.csv_writer, mode: write, config: {path: /tmp/x.csv}}
"""


def test_oml_needs_carry_data_and_the_step_before_is_their_default(tmp_path: Path) -> None:
    steps = loaded(tmp_path, OML).steps
    assert dict(steps["both-of"].inputs) == {"one": "one", "two": "two", "df_one": "one", "df_two": "two"}
    assert dict(steps["last"].inputs) == {"both-of": "both-of"}
    assert steps["two"].after == ("one",)


def test_oml_profiles_are_not_left_out_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loaded(tmp_path, OML.replace("name: hello\n", "name: hello\nprofiles: {}\n"))
    assert caplog.messages == []
    loaded(tmp_path, OML.replace("name: hello\n", "name: hello\nprofiles: {prod: {}}\n"))
    assert caplog.messages == [
        f"{tmp_path}/orders.yaml:3: key profiles is not applied: all runs take the file as it is."
    ]


def test_oml_empty_needs_are_a_root(tmp_path: Path) -> None:
    assert loaded(tmp_path, OML.replace("id: two,", "id: two, needs: [],")).steps["two"].after == ()


def test_oml_a_single_input_is_input_df(tmp_path: Path) -> None:
    steps = loaded(tmp_path, OML.replace("needs: [one, two]", "needs: [two]")).steps
    assert dict(steps["both-of"].inputs) == {"two": "two", "df_two": "two", "input_df": "two"}


def test_oml_inputs_say_whose_rows_are_written(tmp_path: Path) -> None:
    text = OML.replace("id: last,", 'id: last, inputs: {df: "${one.df}"},')
    last = loaded(tmp_path, text).steps["last"]
    assert (dict(last.inputs), last.after) == ({"df": "one"}, ("one",))


def test_cycles_are_named_with_their_lines(tmp_path: Path) -> None:
    text = """\
    steps:
      - {id: a, driver: duckdb.processor, inputs: [c], config: {query: FROM c}}
      - {id: b, driver: duckdb.processor, inputs: [a], config: {query: FROM a}}
      - {id: c, driver: duckdb.processor, inputs: [b], config: {query: FROM b}}
      - {id: d, driver: duckdb.processor, inputs: [c], config: {query: FROM c}}
      - {id: e, driver: duckdb.processor, inputs: [f], config: {query: FROM f}}
      - {id: f, driver: duckdb.processor, needs: [e], config: {query: FROM e}}
    """
    _, problems = checked(tmp_path, text)
    assert problems == [
        "orders.yaml:2: a: steps wait for each other: a → b → c → a (lines 2, 3, 4); take one of these edges away",
        "orders.yaml:6: e: steps wait for each other: e → f → e (lines 6, 7); take one of these edges away",
    ]


@given(st.lists(st.lists(st.integers(0, 11), max_size=4), min_size=1, max_size=12))
def test_order_or_cycles(needs: list[list[int]]) -> None:
    steps = tuple(
        StepDraft(
            f"s{index}", ("steps", index), "x", {}, None, tuple({f"s{of}": 0 for of in after}), Options(), AirflowTask()
        )
        for index, after in enumerate(needs)
    )
    draft = Draft("osiris", PipelineModel(), steps, frozenset(step.id for step in steps))
    problems = Problems(Path("x.yaml"))
    edges = edges_of(draft, {step.id: "any" for step in steps}, problems)
    order = sorted_steps(draft, edges, problems)
    position = {name: at for at, name in enumerate(order)}
    assert all(position[of] < position[name] for name in order for of in edges[name].after)
    cycles = [problem for problem in problems.items if "wait for each other" in problem.message]
    itself = any(step.id in edges[step.id].after for step in steps)
    assert bool(cycles) or itself or len(order) == len(steps)
    if cycles:
        assert len(order) < len(steps)
