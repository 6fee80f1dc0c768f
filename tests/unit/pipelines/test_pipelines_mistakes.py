"""A mistake in a pipeline hides no other."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.registry import get_driver
from osiris_provider.pipelines.file import MAX_CHARS
from osiris_provider.pipelines.lint import check_paths
from osiris_provider.pipelines.params import MAX_PARAMS
from osiris_provider.pipelines.pipeline import check_pipeline

from tests.unit.pipeline_files import ORDERS, checked, write_pipeline
from tests.unit.pipelines.test_pipelines_checks import GOOD


def test_the_sql_of_a_step_with_another_mistake_is_parsed_in_the_same_call(tmp_path: Path) -> None:
    text = GOOD.replace("SELECT country FROM", "SELECT country FORM").replace("inputs: [orders]", "inputs: [order]")
    path = write_pipeline(tmp_path, text)
    problems = [(problem.line, problem.message[:50]) for problem in check_paths([path], connections=False)[1]]
    assert problems == [
        (15, "there is no step 'order'. Did you mean 'orders'? S"),
        (17, "config field query: the SQL cannot be parsed: synta"[:50]),
    ]
    # What could be wrong because of the other mistake is not told.
    columns = GOOD.replace("inputs: [orders]", "inputs: [order]").replace("SELECT country", "SELECT nothing")
    assert len(check_paths([write_pipeline(tmp_path, columns)], connections=False)[1]) == 1


@pytest.mark.parametrize("written", ["absent_one.sql", "../gone.sql", "orders_by_countri.sql", "long.sql"])
def test_a_file_of_sql_that_cannot_be_read_is_one_mistake(tmp_path: Path, written: str) -> None:
    path = write_pipeline(tmp_path, ORDERS.replace("orders_by_country.sql", f'"{written}"'), long="x" * (MAX_CHARS + 1))
    [problem] = check_paths([path], connections=False)[1]
    assert (problem.file, problem.line, problem.step) == (path, 10, "by_country")
    near = problem.message.partition(". ")[2]
    assert near == ("Did you mean 'orders_by_country.sql'?" if "countri" in written else "")
    fits = write_pipeline(tmp_path, ORDERS.replace("orders_by_country.sql", "long.sql"), long="x" * MAX_CHARS)
    assert not check_pipeline(fits)[1]


@pytest.mark.parametrize(
    "text", ["${HOME}", "\n${HOME}", "\n\n  ${HOME}", "a\n${HOME}", "{{ ds", "\n{{ ds", "\na\n{{ ds\n"]
)
def test_a_mistake_in_a_text_is_in_its_line(tmp_path: Path, text: str) -> None:
    line = text.partition("${" if "${" in text else "{{")[0].count("\n") + 1
    in_file = check_pipeline(write_pipeline(tmp_path, orders_by_country=text))[1]
    assert [(problem.file.name, problem.line) for problem in in_file] == [("orders_by_country.sql", line)]
    block = "|2\n" + indent(text, " " * 8, lambda _: True)
    in_block = check_pipeline(
        write_pipeline(tmp_path, ORDERS.replace("{query: orders_by_country.sql}", f"\n      query: {block}"))
    )
    assert [(problem.file.name, problem.line) for problem in in_block[1]] == [("orders.yaml", 11 + line)]


def test_a_key_of_the_other_dialect_hides_no_other_mistake(tmp_path: Path) -> None:
    ours = checked(tmp_path, "steps: [{id: a, component: duckdb.procesor, mode: read, retrys: 1}]")[1]
    assert [problem[:58] for problem in ours] == [
        "orders.yaml:1: a: component: belongs to OML, whose files b",
        "orders.yaml:1: a: key mode is unknown. Known are id, drive",
        "orders.yaml:1: a: key retrys is unknown. Did you mean 'ret",
        "orders.yaml:1: a: There is no driver 'duckdb.procesor'. Di",
    ]
    oml = "oml_version: 0.1.0\nname: n\nsteps: [{id: a, driver: duckdb.processor, config: {query: SELECT 1}}]"
    said = "driver: belongs to files without oml_version; write component:, and mode: read, write or transform"
    assert checked(tmp_path, oml)[1] == [f"orders.yaml:3: a: {said}", "orders.yaml:3: a: key mode is required"]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{country: CZ, n: 18446744073709551616}", "a number has more than 64 bits"),
        ("{country: CZ, n: -9223372036854775809}", "a number has more than 64 bits"),
        ('description: "a\\0b"', "a text has a NUL character"),
        ('airflow: {default_args: {executor_config: {"a\\0b": 1}}}', "a text has a NUL character"),
        (
            f"airflow: {{owner_links: {{sales: 'https://x/{'y' * 491}'}}}}",
            "key airflow.owner_links.sales: has to have at most",
        ),
        (f"airflow: {{owner_links: {{{'s' * 251}: https://x}}}}", "key airflow.owner_links.sss"),
        (f"description: {'d' * 16_001}", "key description: has to have at most 16000"),
        ("{country: CZ, n: {type: [5], default: 5}}", "param n has type 5, which is none"),
        ("{country: CZ, n: {description: [5], default: 5}}", "param n is not described as JSON Schema has it"),
    ],
)
def test_what_would_take_all_dags_down_with_it_is_a_mistake(tmp_path: Path, written: str, problem: str) -> None:
    more = written if written.startswith("{country") else f"{{country: CZ}}\n{written}"
    [said] = checked(tmp_path, GOOD.replace("{country: CZ}", more))[1]
    assert said.partition(": ")[2].startswith(problem)


def test_what_is_wrong_with_a_param_is_found_at_its_default_if_it_has_one(tmp_path: Path) -> None:
    params = "params:\n  country: CZ\n  n:\n    type: integer\n    default: x\n  m:\n    title: M\n    type: int"
    problems = checked(tmp_path, GOOD.replace("params: {country: CZ}", params).replace('schedule: "@daily"\n', ""))[1]
    assert [problem[:40] for problem in problems] == [
        "orders.yaml:8: param n is not of type in",
        "orders.yaml:9: param m has type int, whi",
    ]


def test_what_just_fits_into_airflow_is_no_mistake(tmp_path: Path) -> None:
    others = ", ".join(f"p{number}: 1" for number in range(MAX_PARAMS - 3))
    params = f"params: {{country: CZ, high: 18446744073709551615, low: -9223372036854775808, {others}}}"
    links = f"airflow: {{owner_links: {{{'s' * 250}: 'https://x/{'y' * 490}'}}}}"
    text = GOOD.replace("params: {country: CZ}", f"{params}\n{links}\ndescription: {'d' * 16_000}")
    assert checked(tmp_path, text)[1] == []


@pytest.mark.parametrize(
    "written", ["20260131", "2026", "'20260131'", "'1767225600'", "-5", "1e9", "true", "[2026-01-31]"]
)
@pytest.mark.parametrize("key", ["start_date", "end_date"])
def test_a_number_is_no_date_as_seconds_since_1970_would_be(tmp_path: Path, written: str, key: str) -> None:
    [said] = checked(tmp_path, GOOD.replace("start_date: 2026-01-01", f"{key}: {written}"))[1]
    assert f": key {key}: is a date such as 2026-01-31, or a time such as" in said


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"@daily"', "{after: [5]}", "1: key schedule.after.0: is a text; put it in quotes"),
        ('"@daily"', "{after: 5}", "1: key schedule.after: is a list"),
        (
            "owner: sales",
            "airflow: {default_args: {retry_exponential_backoff: x}}",
            "2: key airflow.default_args.retry_exponential_backoff: is a number, or is true or false",
        ),
        (
            "owner: sales",
            "airflow: {default_args: {retry_exponential_backoff: -1}}",
            "2: key airflow.default_args.retry_exponential_backoff: has to be greater than or equal to 0, or is true",
        ),
        (
            "table: orders",
            "table: orders\n      incremental: {column: at, lookback: x}",
            "13: orders: config field incremental.lookback: is a whole number, or is a number",
        ),
        (
            "table: orders",
            "table: orders\n      incremental: {column: at, initial_value: [1]}",
            "13: orders: config field incremental.initial_value: is a whole number, or is a number, or is a date",
        ),
    ],
)
def test_a_mistake_in_what_may_be_of_several_types_is_one(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    text = GOOD.replace(right, wrong, 1)
    assert text != GOOD
    [problem] = checked(tmp_path, text)[1]
    assert problem.startswith(f"orders.yaml:{said}")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"filters": {"a": 5}},
            [(("filters", "a"), "config field filters.a: is a text; put it in quotes, or is a list")],
        ),
        (
            {"filters": {"str": 5}},
            [(("filters", "str"), "config field filters.str: is a text; put it in quotes, or is a list")],
        ),
        ({"filters": {"a": [5]}}, [(("filters", "a", 0), "config field filters.a.0: is a text; put it in quotes")]),
        (
            {"filters": {"a": [5], "b": 5}},
            [
                (("filters", "a", 0), "config field filters.a.0: is a text; put it in quotes"),
                (("filters", "b"), "config field filters.b: is a text; put it in quotes, or is a list"),
            ],
        ),
    ],
)
def test_a_wrong_value_of_several_types_in_a_config_is_found_where_it_stands(
    config: dict[str, Any], said: list[tuple[tuple[str | int, ...], str]]
) -> None:
    driver = get_driver("supabase.extractor")
    assert isinstance(driver, BaseDriver)
    assert driver.config_problems({"table": "orders", **config}) == said
    assert (("table",), "config field table is required") in driver.config_problems(config)


@pytest.mark.parametrize(("right", "wrong"), [("owner: sales", "airflow: {step: []}"), ("timeout: 1h", "step: 1")])
def test_steps_are_suggested_only_where_they_may_stand(tmp_path: Path, right: str, wrong: str) -> None:
    [problem] = checked(tmp_path, GOOD.replace(right, wrong))[1]
    assert "step is unknown" in problem
    assert "Did you mean" not in problem


AFTER = """\
schedule: {after: "@postgres.reports/x"}
steps:
  - id: a
    driver: duckdb.processor
    config:
      params: [1, "TEXT"]
      query: |
        SELECT ? AS x, ? AS y
        -- TEXT
  - id: b
    driver: duckdb.processor
    inputs: [a]
    config: {query: b.sql}
"""
RUN_AFTER = "write dag_run.run_after, as in {{ dag_run.run_after | ds }}"


def dates(folder: Path, pipeline: str, text: str) -> list[tuple[str, int, str | None, str]]:
    path = write_pipeline(folder, pipeline.replace("TEXT", text), b=f"SELECT x\nFROM a -- {text}\n")
    problems = check_paths([path], connections=False)[1]
    return [(problem.file.name, problem.line, problem.step, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "text", ["{{ ds }}", "{{ macros.ds_add(ds, 1) }}", "{{ 1 }}{% for x in [ds] %}{{ x }}{% endfor %}"]
)
def test_runs_that_wait_for_tables_have_no_logical_date(tmp_path: Path, text: str) -> None:
    said = f"a run that waits for tables has no ds, because it has no logical date in Airflow; {RUN_AFTER}"
    assert dates(tmp_path, AFTER, text) == [
        ("orders.yaml", 6, "a", f"config field params.1: {said}"),
        ("orders.yaml", 9, "a", f"config field query: {said}"),
        ("b.sql", 2, "b", f"config field query: {said}"),
    ]
    assert dates(tmp_path, AFTER.replace('{after: "@postgres.reports/x"}', '"@daily"'), text) == []


@pytest.mark.parametrize("schedule", ['"@daily"', '{after: "@postgres.reports/x"}', "null"])
def test_names_that_are_gone_from_airflow_are_mistakes(tmp_path: Path, schedule: str) -> None:
    text = AFTER.replace('{after: "@postgres.reports/x"}', schedule)
    said = "execution_date is gone from Airflow 3; write ds, logical_date or macros.ds_add(ds, -1)"
    assert [message.partition(": ")[2] for *_, message in dates(tmp_path, text, "{{ execution_date }}")] == [said] * 3


@pytest.mark.parametrize(
    "text",
    [
        "{{ dag_run.run_after | ds }}",
        "{{ ds | default(run_id) }}",
        "{{ next_ds | d('2026') }}",
        "{{ ds if ds is defined else 1 }}",
        "{% if dag_run.logical_date is defined %}{{ ds }}{% endif %}",
        "{{ params.ds }}",
    ],
)
def test_a_template_that_needs_no_logical_date_or_asks_for_it_may_stand(tmp_path: Path, text: str) -> None:
    assert dates(tmp_path, f"params: {{ds: 1}}\n{AFTER}", text) == []


def test_a_template_without_an_end_hides_no_date(tmp_path: Path) -> None:
    both = AFTER.replace("[1, ", '["{{ ds", ')
    assert [(line, message[:28]) for _, line, _, message in dates(tmp_path, both, "{{ ts }}")][:2] == [
        (6, "config field params.0: is no"),
        (6, "config field params.1: a run"),
    ]


@pytest.mark.parametrize("text", ["${params.p}", "slow_{{ ds }}", "${QUEUE}"])
def test_what_is_replaced_in_configs_only_stands_nowhere_else(tmp_path: Path, text: str) -> None:
    options = (
        f"pool: '{text}'\nairflow: {{default_args: {{queue: '{text}'}}}}\nschedule: {{after: '@mysql.a/{text}'}}\n"
    )
    params = f"params: {{p: '{text.replace('.p', '.q')}', q: {{default: '{text}', type: string}}, r: '$${{x}}'}}\n"
    _, problems = checked(tmp_path, f"{options}{params}{ORDERS.partition(chr(10))[2]}")
    as_it_is = "is taken as it is; ${params.x} and Jinja are replaced in config only"
    in_config = "has a default with ${…} or Jinja, which are replaced in configs only; move it there"
    assert [problem.removeprefix("orders.yaml:") for problem in problems] == [
        f"1: key pool: {as_it_is}",
        f"2: key airflow.default_args.queue: {as_it_is}",
        f"3: '@mysql.a/{text}' is no table; write it as '@family.alias/table'",
        f"4: param p {in_config}",
        f"4: param q {in_config}",
    ]


@pytest.mark.parametrize("table", ["@postgres.reports/by_country", "@postgres/by_country"])
def test_a_pipeline_does_not_wait_for_its_own_table(tmp_path: Path, table: str) -> None:
    own = ORDERS.replace("@postgres.reports", table.partition("/")[0])
    text = own.replace('"@daily"', f'{{after: ["@mysql.shop/by_country", "{table}"]}}')
    said = f"schedule: step store writes '{table}' itself, and each run would start the next one; take the table out"
    assert checked(tmp_path, text)[1] == [f"orders.yaml:1: {said}"]
    assert checked(tmp_path, text.replace(table, f"{table}_2"))[1] == []
