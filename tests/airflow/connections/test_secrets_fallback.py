"""OsirisConnectionsBackend beside another backend: teams keep their Vault or cloud secret manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.secrets import BaseSecretsBackend
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

from tests.airflow.conftest import ConnectionsFile
from tests.airflow.versions import AIRFLOW

BACKEND = "osiris_provider.secrets.connections_file.OsirisConnectionsBackend"
OTHER = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
HERE = {"duckdb": {"main": {"path": ":memory:"}}}


class TeamBackend(BaseSecretsBackend):
    """Answers with the name of the team that asks; holds no variables."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        return json.dumps({"conn_type": "http", "host": f"{conn_id}.{team_name}.example.com"})

    def get_config(self, key: str) -> str | None:
        return f"value of {key}"


class OpenBackend(TeamBackend):
    """Takes whatever arguments a version of Airflow has."""

    def get_conn_value(self, conn_id: str, **given: Any) -> str | None:  # type: ignore[override] # as many are
        return super().get_conn_value(conn_id, **given)


class ReluctantBackend(BaseSecretsBackend):
    """Cannot be made."""

    def __init__(self, password: str) -> None:
        message = f"no Vault for {password}"
        raise OSError(message)


@pytest.fixture
def other(tmp_path: Path) -> dict[str, Any]:
    connections, variables = tmp_path / "connections.json", tmp_path / "variables.json"
    elsewhere = {"warehouse": "http://elsewhere.example.com", "osiris_duckdb_main": "http://never"}
    connections.write_text(json.dumps(elsewhere))
    variables.write_text(json.dumps({"colour": "green"}))
    return {
        "fallback_backend": OTHER,
        "fallback_backend_kwargs": {
            "connections_file_path": str(connections),
            "variables_file_path": str(variables),
        },
    }


def test_airflow_finds_what_either_of_them_has(
    other: dict[str, Any], connections_file: ConnectionsFile, tmp_path: Path
) -> None:
    """In a process of its own, because Airflow makes its backends while it is imported."""
    connections_file(HERE)
    code = (
        "from airflow.sdk import BaseHook, Variable\n"
        "found = [BaseHook.get_connection(name) for name in ('warehouse', 'osiris_duckdb_main', 'third')]\n"
        "print([connection.host or connection.conn_type for connection in found], Variable.get('colour'))\n"
    )
    env = {
        **os.environ,
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_file": str(tmp_path / "osiris_connections.yaml"), **other}
        ),
        "AIRFLOW_CONN_THIRD": "http://third",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    said = "['elsewhere.example.com', 'osiris_duckdb', 'third'] green"
    assert done.stdout.splitlines()[-1] == said, done.stderr


def test_a_broken_file_leaves_the_fallback_in_place(other: dict[str, Any], connections_file: ConnectionsFile) -> None:
    connections_file(HERE).write_text("version: 1\nconnections: [")
    backend = OsirisConnectionsBackend(**other)
    if AIRFLOW >= (3, 2):
        backend._set_connection_class(Connection)  # noqa: SLF001 - Airflow does this when it makes a backend
    assert backend.get_connection("warehouse").host == "elsewhere.example.com"
    assert backend.get_variable("colour") == "green"


@pytest.mark.parametrize("kind", [TeamBackend, OpenBackend])
def test_the_team_is_told_and_what_is_not_held_is_none(kind: type, connections_file: ConnectionsFile) -> None:
    connections_file(HERE)
    backend = OsirisConnectionsBackend(fallback_backend=f"{__name__}.{kind.__name__}")
    assert "red.example.com" in (backend.get_conn_value("warehouse", team_name="red") or "")
    assert backend.get_variable("colour", team_name="red") is None
    assert backend.get_config("fernet_key") == "value of fernet_key"


def test_a_backend_that_knows_no_teams_is_not_told(other: dict[str, Any]) -> None:
    assert OsirisConnectionsBackend(**other).get_variable("colour", team_name="red") == "green"


@pytest.mark.parametrize("path", ["no.such.module.Backend", f"{__name__}.ReluctantBackend", "builtins.dict", 5])
def test_a_fallback_that_cannot_be_made_is_warned_of_once(
    path: Any, connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file(HERE)
    backend = OsirisConnectionsBackend(fallback_backend=path, fallback_backend_kwargs={"password": "canary-4711"})
    vars(backend)["_connection_class"] = Connection  # as Airflow sets it since 3.2
    assert backend.get_variable("colour") is None
    assert backend.get_conn_value("warehouse") is None
    assert backend.get_conn_value("osiris_duckdb_main") is not None
    assert caplog.text.count("cannot be made") == 1
    assert str(path) in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.parametrize("written", ['{"connections_file_path": "canary-4711"', '["canary-4711"]', "canary-4711"])
def test_arguments_of_a_fallback_that_cannot_be_read_are_warned_of_once(
    written: str, connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file(HERE)
    backend = OsirisConnectionsBackend(fallback_backend=OTHER, fallback_backend_kwargs=written)
    assert backend.get_variable("colour") is None
    assert backend.get_conn_value("warehouse") is None
    assert backend.get_conn_value("osiris_duckdb_main") is not None
    assert caplog.text.count(f"The fallback backend {OTHER} cannot be made") == 1
    assert "canary" not in caplog.text
