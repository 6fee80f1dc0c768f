"""Mistakes in pipelines: each is found at its line, all of a file in one call, and no bytes do harm."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.errors import PipelineConfigError
from osiris_provider.pipelines.lint import check_paths
from osiris_provider.pipelines.pipeline import check_pipeline, load_pipeline
from osiris_provider.pipelines.problems import MAX_PROBLEMS

from tests.examples import examples
from tests.unit.pipeline_files import ORDERS, SQL, checked, write_pipeline

GOOD = """\
schedule: "@daily"
owner: sales
retries: 2
retry_delay: 5m
params: {country: CZ}
start_date: 2026-01-01
steps:
  - id: orders
    driver: mysql.extractor
    config:
      connection: "@mysql.shop"
      table: orders
  - id: by_country
    driver: duckdb.processor
    inputs: [orders]
    config:
      query: SELECT country FROM orders WHERE country = '${params.country}'
  - id: store
    driver: postgres.writer
    inputs: [by_country]
    timeout: 1h
    trigger_rule: all_success
    airflow: {queue: fast}
    config:
      connection: "@postgres.reports"
      table: by_country
      write_mode: replace
"""

MISTAKES = [
    ("schedule:", "shedule:", "1: key shedule is unknown. Did you mean 'schedule'?"),
    ("@daily", "@dayly", "1: schedule: '@dayly' is neither a cron text nor a preset. Did you mean '@daily'?"),
    ('"@daily"', '"61 * * * *"', "1: schedule: '61 * * * *' is neither a cron text"),
    ('"@daily"', '{after: "reports/x"}', "1: 'reports/x' is no table"),
    ('"@daily"', "{before: x}", "1: key schedule: is a cron text"),
    ("owner: sales", "owner: [1]", "2: key owner: is a text; put it in quotes"),
    ("owner: sales", "schedule: x", "2: 'schedule' stands twice in the file, first in line 1"),
    ("owner: sales", "tags: sales", "2: key tags: is a list"),
    ("owner: sales", "airflow: {max_activ_tasks: 1}", "2: key airflow.max_activ_tasks is unknown. Did you mean"),
    ("owner: sales", "max_active_runs: 0", "2: key max_active_runs: has to be greater than"),
    ("retries: 2", "retries: -1", "3: key retries: has to be greater than"),
    ("retries: 2", "retries: two", "3: key retries: is a whole number"),
    ("5m", "5", "4: key retry_delay: is a time such as 30s, 5m"),
    ("{country: CZ}", "[country]", "5: key params: is a mapping of names to values"),
    ("{country: CZ}", "{country: {type: string}}", "5: param country needs a default"),
    ("{country: CZ}", "{country: {default: 1, type: string}}", "5: param country is not of type string"),
    ("{country: CZ}", "{country: {default: 1, typ: x}}", "5: param country: typ is unknown. Did you mean 'type'?"),
    ("{country: CZ}", "{count: CZ}", "17: by_country: config field query: there is no param 'country'. Did you mean"),
    ("2026-01-01", "yesterday", "6: key start_date: is a date such as 2026-01-31, or a time"),
    ("start_date: 2026-01-01", "catchup: true", "6: catchup: true needs a start_date"),
    ("steps:", "step:", "7: key step is unknown. Did you mean 'steps'?"),
    ("- id: orders", "- id: or.ders", "8: or.ders: 'or.ders' cannot be the id of a step"),
    ("- id: orders", "- di: orders", "8: key id is required"),
    ("mysql.extractor", "mysql.extracter", "9: orders: There is no driver 'mysql.extracter'. Did you mean"),
    ("mysql.extractor", "os.path.Nothing", "9: orders: There is no driver 'os.path.Nothing'"),
    ("driver: mysql", "component: mysql", "9: orders: component: belongs to OML"),
    ("@mysql.shop", "mysql.shop", "11: orders: config field connection: 'mysql.shop' is not a connection reference"),
    ("@mysql.shop", "@postgres.shop", "11: orders: driver mysql.extractor needs a mysql connection"),
    ("@mysql.shop", "${MYSQL}", "11: orders: config field connection: ${MYSQL}: variables of the environment"),
    ('connection: "@mysql.shop"', "batch_rows: 7", "10: orders: driver mysql.extractor needs a connection"),
    ("table: orders", "tabel: orders", "12: orders: config field tabel is unknown. Did you mean 'table'?"),
    (
        'connection: "@mysql.shop"',
        'conection: "@mysql.shop"',
        "11: orders: config field conection is unknown. Did you",
    ),
    ("table: orders", "incremental: id", "12: orders: config field incremental: is a mapping of names to values"),
    ("table: orders", "table: [orders]", "12: orders: config field table: is a text; put it in quotes"),
    ("table: orders", "resolved_connection: {}", "12: orders: resolved_connection may not stand in config"),
    ("- id: by_country", "- id: orders", "13: orders: the id 'orders' stands twice, first in line 8"),
    ("inputs: [orders]", "inputs: [order]", "15: by_country: there is no step 'order'. Did you mean 'orders'?"),
    ("inputs: [orders]", "inputs: 7", "15: by_country: key inputs: is a list of steps"),
    ("inputs: [orders]", "needs: [by_country]", "15: by_country: the step cannot be its own need"),
    ("inputs: [orders]", "inputs: [store]", "15: by_country: step store writes and has no result"),
    ("SELECT country FROM", "SELECT {{ ds FROM", "17: by_country: config field query: is not valid Jinja"),
    (
        "SELECT country FROM orders WHERE country = '${params.country}'",
        "query.sql",
        "17: by_country: config field query: query.sql cannot be read",
    ),
    (
        "SELECT country FROM orders WHERE country = '${params.country}'",
        "../x.sql",
        "17: by_country: config field query: ../x.sql lies outside",
    ),
    (
        "'${params.country}'",
        "'${country}'",
        "17: by_country: config field query: ${country} is not replaced; write ${params",
    ),
    ("inputs: [by_country]", "inputs: []", "20: store: driver postgres.writer needs an input"),
    (
        "inputs: [by_country]",
        "inputs: [by_country, orders]",
        "20: store: there are several inputs (by_country, orders)",
    ),
    ("timeout: 1h", "timeuot: 1h", "21: store: key timeuot is unknown. Did you mean 'timeout'?"),
    ("all_success", "all_succes", "22: store: key trigger_rule: has to be 'all_success'"),
    ("{queue: fast}", "{quue: fast}", "23: store: key airflow.quue is unknown. Did you mean 'queue'?"),
    ("write_mode: replace", "write_mode: replce", "27: store: config field write_mode: has to be"),
    ("write_mode: replace", "write_mode: upsert", "24: store: write_mode upsert needs primary_key"),
    ("owner: sales", f"tags: [{'a' * 101}]", "2: key tags.0: has to have at most 100 characters"),
    ("owner: sales", f"owner: {'a' * 251}", "2: key owner: has to have at most 250 characters"),
    ("owner: sales", "airflow: {owner_links: {sales: here}}", "2: key airflow.owner_links.sales: is a link such as"),
    (
        "owner: sales",
        "airflow: {default_args: {pool: x}}",
        "2: key airflow.default_args.pool is unknown. Write pool: beside",
    ),
    ("owner: sales", "default_args: {}", "2: key default_args is unknown. Write default_args: below airflow:."),
    (
        "{country: CZ}",
        "{country: {default: 1, type: int}}",
        "5: param country has type int, which is none. Did you mean",
    ),
    (
        "query: SELECT country FROM orders WHERE",
        "query: |\n        SELECT country FROM orders\n        WHERE {{ ds }",
        "19: by_country: config field query: is not valid Jinja",
    ),
    ("write_mode: replace", 'write_mode: "replace', "27: the file is not valid YAML: while scanning a quoted scalar"),
    ("owner: sales", "end_date: 2025-12-31", "2: end_date is before start_date"),
    ("owner: sales", "max_active_runs: 99999999999", "2: key max_active_runs: has to be less than"),
    ("retries: 2", "retries: 99999999999", "3: key retries: has to be less than"),
    ("5m", "999999w " * 300, "4: key retry_delay: is longer than ten years"),
    ("{country: CZ}", "{country: .nan}", "5: a number is infinite or none at all"),
    ("{country: CZ}", "{country: {default: x, type: string, format: date}}", "5: param country breaks its rule format"),
    ("{country: CZ}", f"{{{','.join(f'p{n}: 1' for n in range(201))}}}", "5: there are 201 params; at most 200"),
    ("2026-01-01", "9999-12-31T23:00:00-12:00", "6: key start_date: is a time of no year"),
    ('"@daily"', f'"{"1," * 100}1 * * * *"', "1: schedule: '1,1"),
    ('"@daily"', '"@continuous"\nmax_active_runs: 2', "2: schedule @continuous has one run at a time"),
    ('"@daily"', "{after: []}", "1: key schedule: is a cron text"),
    ('"@daily"', f'{{after: "@mysql.a/{"b" * 1500}"}}', "1: '@mysql.a/bbb"),
    (
        "owner: sales",
        "airflow: {fail_fast: true}\ntrigger_rule: one_failed",
        "3: trigger_rule: with airflow.fail_fast, Airflow has all_success only",
    ),
    ("SELECT country FROM", "SELECT {{ " + "1" * 5000 + " }} FROM", "17: by_country: config field query: is not valid"),
    ("owner: sales", "owner: &sales", "2: a value begins with &"),
    ("owner: sales", "owner: !sales x", "2: a value begins with !"),
    ("owner: sales", "\towner: sales", "2: the file is indented with a tab"),
]


def test_the_good_pipeline_has_no_mistake(tmp_path: Path) -> None:
    assert checked(tmp_path, GOOD)[1] == []


@pytest.mark.parametrize(("right", "wrong", "expected"), MISTAKES, ids=[wrong for _, wrong, _ in MISTAKES])
def test_each_mistake_is_found_at_its_line(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    problems = checked(tmp_path, text)[1]
    assert [problem for problem in problems if problem.startswith(f"orders.yaml:{expected}")], problems


def test_all_mistakes_of_a_file_come_in_one_call(tmp_path: Path) -> None:
    text = GOOD
    wrong = [
        "shedule:",
        "retries: -1",
        "yesterday",
        "mysql.shop",
        "tabel: orders",
        "[order]",
        "timeuot: 1h",
        "{quue: fast}",
    ]
    together = [mistake for mistake in MISTAKES if mistake[1] in wrong]
    for right, written, _ in together:
        text = text.replace(right, written, 1)
    problems = checked(tmp_path, text)[1]
    for _, _, expected in together:
        assert any(problem.startswith(f"orders.yaml:{expected}") for problem in problems), expected
    assert len(problems) == len(together)


def test_what_needs_other_files_comes_in_the_same_call(tmp_path: Path) -> None:
    text = GOOD.replace("SELECT country FROM", "SELECT country FORM").replace("timeout: 1h", "timeuot: 1h")
    text = text.replace("mysql.extractor", "mysql.extracter").replace("@postgres.reports", "@postgres.rports")
    connections = tmp_path / "osiris_connections.yaml"
    connections.write_text("version: 1\nconnections: {postgres: {reports: {host: db, database: d, user: u}}}\n")
    path = write_pipeline(tmp_path, text)
    problems = [str(problem) for problem in check_paths([path], str(connections))[1]]
    for expected in (
        "9: orders: There is no driver 'mysql.extracter'",
        "17: by_country: config field query: the SQL cannot be parsed",
        "21: store: key timeuot is unknown",
        "25: store: config field connection: @postgres.rports is not in",
    ):
        assert any(problem.startswith(f"{path}:{expected}") for problem in problems), problems
    assert len(problems) == 4


def test_steps_of_one_id_are_not_mixed_up(tmp_path: Path) -> None:
    problems = checked(tmp_path, GOOD.replace("- id: store", "- id: by_country"))[1]
    assert problems == [
        "orders.yaml:18: by_country: the id 'by_country' stands twice, first in line 13; give each step its own"
    ]


def test_a_step_that_is_wrong_itself_makes_no_other_wrong(tmp_path: Path) -> None:
    problems = checked(tmp_path, GOOD.replace("driver: mysql.extractor", "river: x"))[1]
    assert len(problems) == 2
    assert all("orders: key" in problem for problem in problems)


def test_mistakes_in_sql_files_are_found_in_them(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, orders_by_country="SELECT 1\n-- ${HOME}\n-- {{ ds\n")
    problems = check_pipeline(path)[1]
    assert [(problem.file.name, problem.line, problem.step) for problem in problems] == [
        ("orders_by_country.sql", 2, "by_country"),
        ("orders_by_country.sql", 3, "by_country"),
    ]


def test_a_link_that_leads_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (tmp_path / "secret.sql").write_text("SELECT 1")
    path = write_pipeline(folder)
    (folder / "orders_by_country.sql").unlink()
    (folder / "orders_by_country.sql").symlink_to(tmp_path / "secret.sql")
    [problem] = check_pipeline(path)[1]
    assert "lies outside of the pipeline's folder" in problem.message


def test_the_error_has_every_problem_and_where_it_stands(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, ORDERS.replace("owner", "ower").replace("table: orders", "tabel: orders"))
    with pytest.raises(PipelineConfigError) as caught:
        load_pipeline(path)
    assert str(caught.value).splitlines()[0].startswith(f"{path}:2: key ower is unknown")
    assert [problem["line"] for problem in caught.value.problems] == [2, 6]


@pytest.mark.parametrize("value", ["{{ ds }}", "x-${params.a}", "${params.a}"])
def test_values_that_the_run_brings_are_left_to_it(tmp_path: Path, value: str) -> None:
    text = ORDERS.replace("owner: sales", "params: {a: append}").replace("replace}", f"'{value}'}}")
    problems = checked(tmp_path, text)[1]
    # The default of a param is looked at, what it is put into is not known to be right.
    assert bool(problems) == value.startswith("x-")


def test_what_a_param_stands_for_is_checked_with_its_default(tmp_path: Path) -> None:
    text = ORDERS.replace("owner: sales", "params: {a: 7}").replace("replace}", "'${params.a}'}")
    assert "config field write_mode: has to be" in checked(tmp_path, text)[1][0]


def test_a_literal_dollar_brace_is_written_with_two_dollars(tmp_path: Path) -> None:
    assert checked(tmp_path, GOOD.replace("'${params.country}'", "'$${HOME}'"))[1] == []


@pytest.mark.parametrize("name", ["a b.yaml", "žluť.yaml"])
def test_names_of_files_that_are_no_ids(tmp_path: Path, name: str) -> None:
    [problem] = check_pipeline(write_pipeline(tmp_path, name=name))[1]
    assert "cannot be the id of a DAG" in problem.message


def test_a_name_that_load_dags_would_not_look_at(tmp_path: Path) -> None:
    [problem] = check_pipeline(write_pipeline(tmp_path, name="x.yaml.txt"))[1]
    assert problem.message == "the name of a pipeline ends with .yaml or .yml: rename the file"


def test_the_digest_changes_with_each_byte_of_yaml_and_sql(tmp_path: Path) -> None:
    first = load_pipeline(write_pipeline(tmp_path)).digest
    assert load_pipeline(write_pipeline(tmp_path)).digest == first
    assert load_pipeline(write_pipeline(tmp_path, ORDERS + "#")).digest != first
    assert load_pipeline(write_pipeline(tmp_path, orders_by_country=SQL + " ")).digest != first


HOSTILE = {
    "aliases": "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nsteps: [*e,*e,*e,*e,*e,*e,*e,*e,*e]",
    "alias to itself": "steps: &a [*a]",
    "deep": "steps: " + "[" * 50_000,
    "wide": "steps: [" + "a," * 120_000 + "]",
    "unknown keys": "\n".join(f"{'k' * 30}{index}: 1" for index in range(7_000)),
    "unknown keys of a step": "steps:\n - id: a\n" + "\n".join(f"   {'k' * 30}{n}: 1" for n in range(6_000)),
    "many steps": "steps:\n" + "\n".join(f" - {{id: s{n}, driver: nothing.s{n}}}" for n in range(500)),
    "long names": "steps: [{id: " + "a" * 100_000 + ", driver: " + "b" * 100_000 + "}]",
    "many inputs": "steps: [{id: a, driver: duckdb.processor, inputs: [" + "b," * 100_000 + "], config: {query: x}}]",
    "jinja": "steps: [{id: a, driver: duckdb.processor, config: {query: '" + "{{ (" * 20_000 + "'}}]",
    "placeholders": "steps: [{id: a, driver: duckdb.processor, config: {query: '" + "${a} " * 40_000 + "'}}]",
    "too large": "#" * 300_000,
    "long ids": "steps:\n"
    + "\n".join(f" - {{id: {'s' * 90}{n}, driver: duckdb.processor, inputs: [{'s' * 89}t{n}]}}" for n in range(500)),
    "many params": "params: {" + ",".join(f"p{n}: 1" for n in range(14_000)) + "}\nsteps: [{id: a, driver: x, "
    "config: {query: '" + " ".join(f"${{params.q{n}}}" for n in range(1_000)) + "'}}]",
    "described params": "params:\n" + "\n".join(f" p{n}: {{type: string, default: a}}" for n in range(6_000)),
    "calls in jinja": "steps: [{id: a, driver: duckdb.processor, config: {query: '{{ a" + "()" * 120_000 + " }}'}}]",
    "jinja again and again": "x: &x '" + "{{ a }}" * 3_000 + "'\nsteps: [{id: a, driver: duckdb.processor, "
    "config: {query: [" + "*x," * 2_000 + "]}}]",
    "digits in jinja": "steps: [{id: a, driver: duckdb.processor, config: {query: '{{ " + "1" * 200_000 + " }}'}}]",
    "wrong values": "steps: [{id: a, driver: mysql.extractor, config: {connection: '@mysql.a', table: x, columns: ["
    + "1," * 40_000
    + "]}}]",
    "cron": "schedule: '" + "*," * 100_000 + "* * * * *'\nsteps: [{id: a, driver: duckdb.processor}]",
    "circles": "steps:\n"
    + "\n".join(f" - {{id: s{n}, driver: duckdb.processor, inputs: [s{(n + 1) % 500}]}}" for n in range(500)),
    "all of all": "x: &x ["
    + ",".join(f"s{n}" for n in range(500))
    + "]\nsteps:\n"
    + "\n".join(f" - {{id: s{n}, driver: duckdb.processor, inputs: *x}}" for n in range(500)),
    "durations": "retry_delay: '" + "999999w " * 30_000 + "'\nsteps: []",
    "pattern": "params: {a: {default: '" + "a" * 40 + "!', pattern: '(a+)+$'}}\nsteps: [{id: a, driver: x}]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_soon(tmp_path: Path, name: str) -> None:
    path = write_pipeline(tmp_path, HOSTILE[name])
    check_pipeline(write_pipeline(tmp_path, name="warm.yaml"))
    # What other tests left is not looked for now, and other threads' time is not counted.
    gc.collect()
    began = time.thread_time()
    problems = check_pipeline(path)[1]
    took = time.thread_time() - began
    assert 0 < len(problems) <= MAX_PROBLEMS
    # What is open to such a file takes minutes of it, or for ever.
    assert took < 5


@examples(100)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_located_errors(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    pipeline, problems = check_pipeline(path)
    assert pipeline is None
    assert problems
    assert all(problem.line >= 1 and str(problem).startswith(f"{path}:") for problem in problems)


NAMES = st.sampled_from(
    ["steps", "id", "driver", "config", "inputs", "needs", "schedule", "after", "params", "airflow", "oml_version",
     "component", "mode", "default", "type", "connection", "query", "table", "a", "b", "1", "null", "<<", "", "x y"]
)  # fmt: skip
LEAVES = st.one_of(
    NAMES,
    st.sampled_from(
        ["duckdb.processor", "mysql.extractor", "@mysql.a", "@daily", "0.1.0", "read", "${a.df}", "{{ x }}"]
    ),
    st.integers(-5, 5),
    st.none(),
    st.booleans(),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))
STEPS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=4)


@examples(60)
@given(top=st.dictionaries(NAMES, VALUES, max_size=5), steps=STEPS)
def test_any_values_give_a_pipeline_or_located_errors(
    top: dict[str, object], steps: list[object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import json

    path = tmp_path_factory.getbasetemp() / "values.yaml"
    path.write_text(json.dumps({**top, "steps": steps}))
    pipeline, problems = check_pipeline(path)
    assert pipeline is not None or problems
    assert all(problem.line == 1 and problem.file == path for problem in problems)


@examples(60)
@given(
    at=st.integers(0, len(GOOD) - 1),
    slip=st.sampled_from(["", "x", ":", "- ", "{", "}", "'", '"', "\n", "  ", "&", "*", "${"]),
)
def test_one_slip_of_the_finger_gives_a_pipeline_or_located_errors(
    at: int, slip: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "slip.yaml"
    path.write_text(GOOD[:at] + slip + GOOD[at + 1 :])
    pipeline, problems = check_pipeline(path)
    assert pipeline is not None or problems
    assert all(1 <= problem.line <= GOOD.count("\n") + 2 for problem in problems)
