"""Where the command line imports from: not from the working directory, in which anybody may have put a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("click", "cryptography", "duckdb", "jinja2", "psycopg2", "pydantic", "pymysql", "requests", "rich", "yaml")
CONNECTIONS = """\
version: 1
connections:
  duckdb: {default: {path: ":memory:"}}
  mysql: {default: {host: 127.0.0.1, port: 1, user: u, password: '${SHOP_PASSWORD}'}}
"""
PIPELINE = """\
schedule: "@daily"
start_date: 2026-01-01
steps:
  - {id: rows, driver: "duckdb.extractor", config: {connection: "@duckdb", query: "SELECT 1 AS x"}}
  - {id: own, driver: "project_drivers.Own", inputs: [rows]}
"""
OWN = """\
from osiris_provider.drivers import Driver

class Own(Driver):
    def run(self, *, step_id, config, inputs, ctx):
        return {}
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Return a directory with modules of the names of libraries, each of which tells that it was imported."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n")
    (tmp_path / "osiris_connections.yaml").write_text(CONNECTIONS)
    (tmp_path / "osiris_connections.yaml").chmod(0o600)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "project_drivers.py").write_text(OWN)
    return tmp_path


@pytest.mark.parametrize("command", ["connections list", "connections doctor", "pipelines validate p.yaml"])
def test_nothing_is_imported_from_the_working_directory(command: str, planted: Path) -> None:
    environment = {**os.environ, "SHOP_PASSWORD": "c4nary-pa55word"}
    arguments = [sys.executable, "-m", "osiris_provider", *command.split()]
    done = subprocess.run(arguments, cwd=planted, env=environment, capture_output=True, text=True, check=False)
    assert not (planted / "imported").exists(), (planted / "imported").read_text()
    assert done.returncode == (1 if command.endswith("doctor") else 0), done.stdout + done.stderr
