"""A mistake in a pipeline hides no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.pipelines.lint import check_paths

from tests.unit.pipeline_files import checked, write_pipeline
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
        (f"airflow: {{owner_links: {{sales: 'https://x/{'y' * 491}'}}}}", "key airflow.owner_links.sales: String"),
        (f"airflow: {{owner_links: {{{'s' * 251}: https://x}}}}", "key airflow.owner_links.sss"),
        (f"description: {'d' * 16_001}", "key description: String should"),
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
    params = "params: {country: CZ, high: 18446744073709551615, low: -9223372036854775808}"
    links = f"airflow: {{owner_links: {{{'s' * 250}: 'https://x/{'y' * 490}'}}}}"
    text = GOOD.replace("params: {country: CZ}", f"{params}\n{links}\ndescription: {'d' * 16_000}")
    assert checked(tmp_path, text)[1] == []
