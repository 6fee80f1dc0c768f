"""Pipelines that ask for more than they may have."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from osiris_provider.errors import OsirisError
from osiris_provider.pipelines.lint import check_paths
from osiris_provider.pipelines.pipeline import check_pipeline
from osiris_provider.pipelines.run import run_pipeline
from osiris_provider.pipelines.templates import renders_soon

from tests.unit.pipeline_files import ORDERS, write_pipeline

CANARY = "c4n4ry-s3cret"


@pytest.mark.parametrize("written", ["${CANARY}", "${params.CANARY}", "${CANARY:-x}", "a ${CANARY} b"])
def test_variables_of_the_environment_are_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    in_yaml = write_pipeline(tmp_path, ORDERS.replace("orders_by_country.sql", f"'SELECT 1 -- {written}'"))
    in_sql = write_pipeline(tmp_path, name="sql.yaml", orders_by_country=f"SELECT 1 -- {written}")
    for path in (in_yaml, in_sql):
        problems = check_pipeline(path)[1]
        assert len(problems) == 1
        assert CANARY not in str(problems)


@pytest.mark.parametrize("name", ["../secret.sql", "{folder}/secret.sql", "link.sql", "linked/secret.sql"])
def test_sql_is_not_read_from_elsewhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (tmp_path / "secret.sql").write_text(CANARY)
    (folder / "link.sql").symlink_to(tmp_path / "secret.sql")
    (folder / "linked").symlink_to(tmp_path)
    path = write_pipeline(folder, ORDERS.replace("orders_by_country.sql", name.format(folder=tmp_path)))
    pipeline, problems = check_pipeline(path)
    assert pipeline is None or not pipeline.source.sql
    assert "lies outside of the pipeline's folder" in problems[0].message


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 10 ** 10 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' | center(10000000000) }}",
        "{{ '%10000000000d' % 1 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set a = 'a' %}",
    ],
)
def test_validate_renders_nothing_that_could_take_all_memory_or_time(tmp_path: Path, template: str) -> None:
    text = "steps: [{id: a, driver: duckdb.processor, config: {query: q.sql, params: [p.sql]}}]"
    for query, param in ((template, "1"), ("SELECT ?", template)):
        path = write_pipeline(tmp_path, text, q=query, p=param)
        assert check_paths([path], connections=False)[1] == []
    assert not renders_soon(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ds }}",
        "{{ params.least | default(1) }}",
        "{{ macros.ds_add(ds, -7) }}",
        "{{ data_interval_start.strftime('%Y-%m') }}",
        "{% if params.least == 1 %}1{% else %}2{% endif %}",
        "{% for name in ['a', 'b'] %}{{ name }},{% endfor %}",
    ],
)
def test_validate_renders_what_pipelines_have(template: str) -> None:
    assert renders_soon(template)


ENDLESS = {
    "expressions": "SELECT 1 AS a0, " + ", ".join(f"a{i}+a{i} AS a{i + 1}" for i in range(60)),
    "columns": "WITH c0 AS (SELECT 1 AS x), "
    + ", ".join(f"c{i + 1} AS (SELECT * FROM c{i} a, c{i} b)" for i in range(60))
    + " SELECT * FROM c60",
    "rows": "PIVOT (SELECT range AS x FROM range(1000000000000)) ON x",
}
"""Queries that DuckDB would be busy with for years before it runs them; it hears of no interruption meanwhile."""


@pytest.mark.parametrize("name", ENDLESS)
def test_validate_gives_up_a_query_that_cannot_be_bound_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("osiris_provider.drivers.duckdb.query_check.SECONDS", 0.2)
    text = (
        "steps:\n"
        "  - {id: first, driver: duckdb.processor, inputs: [], config: {query: SELECT 1 AS x}}\n"
        "  - {id: endless, driver: duckdb.processor, inputs: [], config: {query: q.sql}}\n"
        "  - {id: wrong, driver: duckdb.processor, inputs: [first], config: {query: SELECT y FROM first}}\n"
    )
    path = write_pipeline(tmp_path, text, q=f"-- a comment\n{ENDLESS[name]}\n")
    problems = check_paths([path], connections=False)[1]
    actual = [(item.file, item.line, item.step, item.message.partition(";")[0]) for item in problems]
    said = "config field query: the SQL could not be bound within 0.2 s of computing"
    assert (tmp_path / "q.sql", 1, "endless", said) in actual
    # The process that was ended has a successor.
    assert [(line, step) for _, line, step, _ in actual if step != "endless"] == [(4, "wrong")]


def test_validate_gives_up_a_file_of_many_such_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osiris_provider.drivers.duckdb.query_check.SECONDS", 0.2)
    monkeypatch.setattr("osiris_provider.pipelines.lint.MAX_SECONDS", 0.4)
    step = "  - {{id: s{0}, driver: duckdb.processor, inputs: [], config: {{query: q.sql}}}}\n"
    text = "steps:\n" + "".join(map(step.format, range(200)))
    path = write_pipeline(tmp_path, text, q=ENDLESS["expressions"])
    actual = [(item.file.name, item.line, item.step) for item in check_paths([path], connections=False)[1]]
    assert actual == [("orders.yaml", 4, "s2"), ("q.sql", 1, "s0"), ("q.sql", 1, "s1")]


def test_the_process_that_binds_queries_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from osiris_provider.drivers.duckdb import query_check

    monkeypatch.setenv("AIRFLOW_CONN_SHOP", CANARY)
    # Without these, Python or DuckDB may not be where the process looks for them.
    needed = {"HOME": str(tmp_path), "LD_LIBRARY_PATH": str(tmp_path), "PYTHONHOME": sys.base_prefix}
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(query_check, "_CHILD", query_check._Child())  # noqa: SLF001 - a new one, with these variables
    text = "steps: [{id: a, driver: duckdb.processor, inputs: [], config: {query: SELECT 1}}]"
    assert check_paths([write_pipeline(tmp_path, text)], connections=False)[1] == []
    process = query_check._CHILD._process  # noqa: SLF001 - no query can ask for its variables
    assert process is not None
    environment = Path(f"/proc/{process.pid}/environ")
    shown = environment.read_text() if environment.exists() else str(query_check._KEPT)  # noqa: SLF001 - as above
    query_check._CHILD.end()  # noqa: SLF001 - as above
    assert [name for name in (*needed, "PATH", "PYTHONPATH") if name not in re.findall(r"\w+", shown)] == []
    assert CANARY not in shown


@pytest.mark.parametrize(
    "template",
    ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ params.__class__.__init__.__globals__ }}", "{{ x.y }}"],
)
def test_templates_cannot_reach_python(tmp_path: Path, template: str) -> None:
    text = f"""steps: [{{id: a, driver: duckdb.processor, config: {{query: "SELECT 1 -- {template}"}}}}]"""
    with pytest.raises(OsirisError, match="a template in its config failed"):
        run_pipeline(write_pipeline(tmp_path, text))
