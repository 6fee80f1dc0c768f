"""Pipelines that ask for more than they may have."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.errors import OsirisError
from osiris_provider.pipelines.pipeline import check_pipeline
from osiris_provider.pipelines.run import run_pipeline

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
    ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ params.__class__.__init__.__globals__ }}", "{{ x.y }}"],
)
def test_templates_cannot_reach_python(tmp_path: Path, template: str) -> None:
    text = f"""steps: [{{id: a, driver: duckdb.processor, config: {{query: "SELECT 1 -- {template}"}}}}]"""
    with pytest.raises(OsirisError, match="a template in its config failed"):
        run_pipeline(write_pipeline(tmp_path, text))
