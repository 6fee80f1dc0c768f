"""``airflow osiris …``: the commands of osiris, as a part of Airflow's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser

from tests.airflow.versions import since_3_2

pytestmark = since_3_2

FILE = "version: 1\nconnections:\n  duckdb:\n    main: {path: ':memory:'}\n    lost: {path: /no/such/place/x.duckdb}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "osiris_connections.yaml"
    path.write_text(FILE)
    return path


def run(*arguments: str) -> int:
    args = get_parser().parse_args(["osiris", *arguments])
    with pytest.raises(SystemExit) as ended:
        args.func(args)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_exit_codes_propagate(file: Path) -> None:
    assert run("connections", "doctor", "@duckdb.main", "--file", str(file)) == 0
    assert run("connections", "doctor", "--file", str(file)) == 1
    assert run("connections", "doctor", "--no-such-option") == 2
    assert run("connections", "list", "--file", f"{file}.not") == 3


def test_help_is_that_of_the_command_with_the_name_it_is_called_by(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("connections", "doctor", "--help") == 0
    assert "Usage: airflow osiris connections doctor" in capsys.readouterr().out


def test_the_help_of_airflow_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        get_parser().parse_args(["osiris", "--help"])
    assert "list|doctor|validate|schema" in capsys.readouterr().out


def test_stdout_is_nothing_but_json(file: Path) -> None:
    airflow = str(Path(sys.executable).with_name("airflow"))
    command = [airflow, "osiris", "connections", "doctor", "--family", "duckdb", "--json", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert [report["ok"] for report in json.loads(done.stdout)["connections"]] == [True, False]


def test_it_imports_no_click_before_it_runs() -> None:
    code = (
        "import sys, airflow.cli.cli_config; before = set(sys.modules)\n"
        "from osiris_provider.cli.airflow import get_commands; get_commands()\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['osiris_provider.cli', 'osiris_provider.cli.airflow']"
