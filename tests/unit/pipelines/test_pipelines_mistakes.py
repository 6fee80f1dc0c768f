"""A mistake in a pipeline hides no other."""

from __future__ import annotations

from pathlib import Path

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
