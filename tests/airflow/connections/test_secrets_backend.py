"""OsirisConnectionsBackend: the file's connections for any operator, and no harm to any other."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.secrets._backend import HAS_TYPES
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

from tests.airflow.conftest import ConnectionsFile

BACKEND = "osiris_provider.secrets.connections_file.OsirisConnectionsBackend"
ENTRY = {"host": "db.example.com", "user": "ann", "password": "p@ss/w?rd", "database": "shop", "charset": "latin1"}


@pytest.mark.parametrize("connection_id", ["osiris_mysql_main", "mysql.main"])
def test_a_connection_of_the_file(connection_id: str, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {"main": ENTRY}})
    value = OsirisConnectionsBackend().get_conn_value(connection_id, team_name="a team")
    assert value is not None
    assert json.loads(value) == {
        "conn_type": "osiris_mysql",
        "host": "db.example.com",
        "login": "ann",
        "password": "p@ss/w?rd",
        "schema": "shop",
        "port": None,
        "extra": {"charset": "latin1"},
    }


@pytest.mark.parametrize(
    "connection_id", ["osiris_mysql_other", "postgres_default", "@mysql.other", "@", "osiris_x", "", "mysql."]
)
def test_what_it_does_not_know_is_left_to_others(connection_id: str, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {"main": ENTRY}})
    assert OsirisConnectionsBackend().get_conn_value(connection_id) is None


def test_a_broken_file_hides_nothing_and_is_warned_of(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    path = connections_file({"mysql": {"main": ENTRY}})
    path.write_text("version: 1\nconnections: [")
    assert OsirisConnectionsBackend().get_conn_value("osiris_mysql_main") is None
    assert str(path) in caplog.text
    assert OsirisConnectionsBackend().get_conn_value("postgres_default") is None


def test_the_warning_comes_once_for_each_version_of_the_file(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    path = connections_file({"mysql": {"main": {"host": "db"}, "good": ENTRY}})
    backend = OsirisConnectionsBackend()
    for _ in range(3):
        assert backend.get_conn_value("osiris_mysql_main") is None
    assert caplog.text.count("cannot be taken") == 1
    assert backend.get_conn_value("osiris_mysql_good") is not None
    path.write_text(path.read_text() + "# changed\n")
    assert backend.get_conn_value("osiris_mysql_main") is None
    assert caplog.text.count("cannot be taken") == 2
    # In its place, to as many bytes.
    path.write_text(path.read_text().replace("changed", "CHANGED"))
    os.utime(path, ns=(1, 1))
    assert backend.get_conn_value("osiris_mysql_main") is None
    assert caplog.text.count("cannot be taken") == 3


def test_a_named_file_that_is_missing_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    backend = OsirisConnectionsBackend(connections_file="/no/such/file")
    for name in ("postgres_default", "osiris_x", "osiris_mysql", "mysqlx.main", "", "osiris_mysql_main"):
        assert backend.get_conn_value(name) is None
    assert caplog.text.count("/no/such/file") == 1


def test_where_there_is_no_file_nothing_is_said(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    for name in ("postgres_default", "osiris_mysql_main", "@mysql.main"):
        assert OsirisConnectionsBackend().get_conn_value(name) is None
    assert caplog.text == ""


def test_arguments_may_be_json_as_airflow_has_them_from_variables_of_their_own(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file({"mysql": {"main": {"host": "db.example.com", "user": "ann"}}})
    value = OsirisConnectionsBackend(conn_types='{"mysql": "mysql"}').get_conn_value("osiris_mysql_main")
    assert json.loads(value or "{}")["conn_type"] == "mysql"
    assert caplog.text == ""


@pytest.mark.parametrize("written", ["mysql=mysql", '{"mysql": "mysql"', '["mysql"]', "5", '{"mysql": ""}'])
def test_types_that_cannot_be_read_are_warned_of(
    written: str, connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file({"mysql": {"main": {"host": "db.example.com", "user": "ann"}}})
    backend = OsirisConnectionsBackend(conn_types=written)
    for _ in range(2):
        assert backend.get_conn_value("osiris_mysql_main") is None
        assert backend.get_conn_value("postgres_default") is None
    assert caplog.text.count("Argument conn_types of the secrets backend is no JSON object") == 1


ANY_TYPE = {"conn_type": "snowflake", "login": "l", "password": "${PASSWORD}", "extra": {"account": "${ACCOUNT}"}}


@pytest.mark.parametrize("connection_id", ["snowflake_default", "My-Conn.1", "mysql.other", "osiris_mysql_other"])
def test_a_connection_of_any_type_is_served_under_its_own_id(
    connection_id: str,
    connections_file: ConnectionsFile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("PASSWORD", "p@ss")
    monkeypatch.setenv("ACCOUNT", "ab12345")
    connections_file({"mysql": {"main": ENTRY}, "airflow": {connection_id: ANY_TYPE}})
    backend = OsirisConnectionsBackend(conn_types={"airflow": "postgres"})
    assert json.loads(backend.get_conn_value(connection_id) or "{}") == {
        "conn_type": "snowflake",
        "description": None,
        "host": None,
        "login": "l",
        "password": "p@ss",
        "schema": None,
        "port": None,
        "extra": {"account": "ab12345"},
    }
    connection = backend.get_connection(connection_id)
    assert (connection.conn_id, connection.conn_type) == (connection_id, "snowflake")
    [message] = [one.message for one in caplog.records if "conn_types" in one.message]
    assert message == f"A family in conn_types of the secrets backend is left out. {HAS_TYPES}"
    is_alias = connection_id in ("snowflake_default", "osiris_mysql_other")
    assert (backend.get_connection(f"@airflow.{connection_id}") is not None) is is_alias
    for other in (f"osiris_airflow_{connection_id}", f"airflow.{connection_id}", "osiris_airflow_x", "x"):
        assert backend.get_conn_value(other) is None


def test_a_changed_file_is_read_again(connections_file: ConnectionsFile) -> None:
    backend = OsirisConnectionsBackend()
    connections_file({"mysql": {"main": ENTRY}})
    assert backend.get_conn_value("mysql.main") is not None
    connections_file({"mysql": {"other": {**ENTRY, "host": "elsewhere.example.com"}}})
    assert backend.get_conn_value("mysql.main") is None
    assert "elsewhere" in (backend.get_conn_value("mysql.other") or "")


def test_it_holds_no_variables_and_no_configuration() -> None:
    assert OsirisConnectionsBackend().get_variable("x") is None
    assert OsirisConnectionsBackend().get_config("x") is None


@pytest.mark.parametrize("prefix", ["AIRFLOW__SECRETS__", "AIRFLOW__WORKERS__SECRETS_"])
def test_airflow_takes_it_and_any_hook_finds_the_connections(prefix: str, tmp_path: Path) -> None:
    """In a process of its own, because Airflow makes its backends while it is imported."""
    (tmp_path / "osiris_connections.yaml").write_text(
        "version: 1\nconnections:\n  duckdb:\n    main:\n      path: ':memory:'\n"
    )
    code = (
        "from airflow.sdk import BaseHook\n"
        "connection = BaseHook.get_connection('osiris_duckdb_main')\n"
        "print(connection.get_hook().get_first('SELECT 42'), BaseHook.get_connection('other').host)\n"
    )
    env = {
        **os.environ,
        f"{prefix}BACKEND": BACKEND,
        f"{prefix}BACKEND_KWARGS": json.dumps({"connections_file": str(tmp_path / "osiris_connections.yaml")}),
        "AIRFLOW_CONN_OTHER": "http://elsewhere",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.splitlines()[-1] == "(42,) elsewhere", done.stderr


def test_making_one_reads_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        OsirisConnectionsBackend(connections_file=str(tmp_path / "there is none"))
    assert caplog.text == ""


@pytest.mark.parametrize(
    "first", ["osiris_provider.secrets.connections_file", "osiris_provider.hooks.mysql", "airflow.sdk"]
)
def test_any_module_may_be_the_first(first: str, tmp_path: Path) -> None:
    """Airflow makes its backends while it is imported, so ours must be there when it is what imports Airflow."""
    code = (
        f"import {first} as module; getattr(module, 'OsirisConnectionsBackend', None)\n"
        "from airflow.configuration import secrets_backend_list\n"
        "print(type(secrets_backend_list[0]).__name__)\n"
    )
    env = {**os.environ, "AIRFLOW__SECRETS__BACKEND": BACKEND, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.splitlines()[-1:] == ["OsirisConnectionsBackend"], done.stderr


@pytest.mark.parametrize("reference", ["@mysql.main", "@mysql"])
def test_a_reference_is_an_id_that_airflow_keeps(reference: str, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {"main": {"host": "db", "user": "ann", "default": True}}})
    connection = OsirisConnectionsBackend().get_connection(reference)
    assert (connection.conn_id, connection.conn_type) == ("osiris_mysql_main", "osiris_mysql")
    assert OsirisConnectionsBackend().get_connection("@mysql.nope") is None


def test_a_family_in_conn_types_that_there_is_not_is_warned_of_once(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file({"mysql": {"main": ENTRY}})
    backend = OsirisConnectionsBackend(conn_types='{"mysql": "mysql", "postgress": "postgres"}')
    # Airflow makes a backend while it starts, before it logs anywhere.
    assert caplog.text == ""
    for _ in range(2):
        value = backend.get_conn_value("osiris_mysql_main")
        assert value is not None
        assert json.loads(value)["conn_type"] == "mysql"
    [message] = [one.message for one in caplog.records]
    assert message.startswith("A family in conn_types of the secrets backend is left out. Unknown family 'postgress'.")
    assert "Did you mean 'postgres'? Known are airflow, api, duckdb, mysql, postgres, " in message


@pytest.mark.parametrize("given", [5, True, ["osiris_connections.yaml"]])
def test_a_file_that_is_no_path_is_warned_of_and_hides_no_other_connection(
    given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    backend = OsirisConnectionsBackend(connections_file=given)
    assert backend.get_connection("osiris_mysql_main") is None
    assert backend.get_conn_value("other") is None
    [message] = [one.message for one in caplog.records]
    assert "Argument connections_file of the secrets backend is no path" in message


def test_a_type_in_conn_types_that_is_no_text_is_named(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file({"mysql": {"main": ENTRY}})
    assert OsirisConnectionsBackend(conn_types={"mysql": 5}).get_conn_value("osiris_mysql_main") is None  # type: ignore[dict-item] # JSON may say so
    assert "Argument conn_types of the secrets backend is no JSON object such as" in caplog.text
