"""Everything that the documents show as code can be pasted: it has its imports, runs, and names what there is."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.versions import AIRFLOW
from tests.architecture.documents import Block, blocks_of
from tests.architecture.source import ROOT

DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
# Those of the family that is added are files, which a test of their own runs.
BLOCKS = [
    (document, block)
    for document in DOCUMENTS
    for block in blocks_of(document)
    if not (document == "docs/adding-a-family.md" and block.path)
]
FILE = """
version: 1
connections:
  mysql:
    default: {host: 127.0.0.1, port: 1, user: ann, password: none}
  airflow:
    mail: {conn_type: smtp, host: 127.0.0.1, port: 1}
"""


def of(*languages: str) -> pytest.MarkDecorator:
    """Return the mark that runs a test on each block of these languages."""
    selected = [(document, block) for document, block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize(("document", "block"), selected, ids=[document for document, _ in selected])


@of("python")
def test_python_runs_as_it_stands(document: str, block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if AIRFLOW < (3, 3) and "OsirisRetryPolicy" in block.code:
        pytest.skip("Airflow 3.3 brings retry policies")
    (tmp_path / "osiris_connections.yaml").write_text(FILE)
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    names: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(block.code, document, "exec"), names)  # noqa: S102 - it is this repository's own
    for dag in [selected for selected in names.values() if isinstance(selected, DAG)]:
        assert dag.tasks
    tasks = [selected for selected in names.values() if isinstance(selected, OsirisOperator)]
    for task in tasks:
        driver = get_driver(task.driver)
        assert isinstance(driver, BaseDriver)
        fields = {name: value for name, value in task.config.items() if name != "connection"}
        assert driver.config_model.model_validate(fields)


@of("yaml")
def test_yaml_can_be_read(document: str, block: Block) -> None:
    # An editor's hint is a comment.
    assert yaml.safe_load(block.code) or block.code.startswith("#"), document


@of("json")
def test_json_can_be_read(document: str, block: Block) -> None:
    assert json.loads(block.code), document


@of("ini")
def test_settings_can_be_read(document: str, block: Block) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(block.code)
    assert parser.sections(), document


def test_each_block_says_its_language() -> None:
    known = {"python", "yaml", "json", "ini", "console", "sql", "dockerfile", "toml", ""}
    assert {block.language for _, block in BLOCKS} <= known
    unnamed = [block.code for _, block in BLOCKS if not block.language]
    # What a program prints has none.
    assert not [code for code in unnamed if re.search(r"^(import|from|with DAG|def) ", code, re.MULTILINE)]
