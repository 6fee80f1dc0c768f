"""Pipelines that ask for more than they may have."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "template",
    ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ params.__class__.__init__.__globals__ }}", "{{ x.y }}"],
)
def test_templates_cannot_reach_python(tmp_path: Path, template: str) -> None:
    text = f"""steps: [{{id: a, driver: duckdb.processor, config: {{query: "SELECT 1 -- {template}"}}}}]"""
    with pytest.raises(OsirisError, match="a template in its config failed"):
        run_pipeline(write_pipeline(tmp_path, text))
