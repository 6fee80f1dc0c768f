"""``airflow osiris connections list --airflow`` and ``unchecked``: what Airflow's server knows of connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.models import DagModel
from airflow.models.connection import Connection
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG
from airflow.utils.session import create_session
from osiris_provider._airflow import server
from osiris_provider._airflow.server import used_connections
from osiris_provider.cli.main import main
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from sqlalchemy import update

from tests.airflow.conftest import ConnectionsFile, RunDag

STORED = {
    "cli_warehouse": "postgres",
    "cli_own": "osiris_duckdb",
    "cli_lake": "no_such_provider",
    "cli_mail": "smtp",
}


@pytest.fixture
def stored(airflow_database: None) -> Iterator[None]:  # noqa: ARG001 - the database has to be there
    with create_session() as session:
        for connection_id, conn_type in STORED.items():
            extra = json.dumps({"token": "canary-4711"})
            session.add(Connection(conn_id=connection_id, conn_type=conn_type, password="canary-4711", extra=extra))
    yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(list(STORED))).delete()


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main(["connections", *arguments, "--json"], prog="airflow osiris") == code
    out = capsys.readouterr().out
    assert "canary" not in out
    return json.loads(out)


@pytest.mark.usefixtures("stored")
def test_all_that_the_server_can_list_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FROM_URI", "mysql://ann:canary-4711@db/shop?token=canary-4711")
    monkeypatch.setenv("AIRFLOW_CONN_FROM_JSON", '{"conn_type": "osiris_mysql", "password": "canary-4711"}')
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "canary-4711")
    file = tmp_path / "osiris_connections.yaml"
    file.write_text("version: 1\nconnections:\n  duckdb:\n    main: {path: ':memory:'}\n")
    listed = shown(capsys, "list", "--airflow", "--file", str(file))["connections"]
    known = {one["connection"]: (one["conn_type"], one["checked_by"], one["source"]) for one in listed}
    expected = {
        "cli_warehouse": ("postgres", "postgres", "Airflow's database"),
        "cli_own": ("osiris_duckdb", "duckdb", "Airflow's database"),
        "cli_lake": ("no_such_provider", None, "Airflow's database"),
        "cli_mail": ("smtp", "airflow", "Airflow's database"),
        "from_uri": ("mysql", "mysql", "variable AIRFLOW_CONN_FROM_URI"),
        "from_json": ("osiris_mysql", "mysql", "variable AIRFLOW_CONN_FROM_JSON"),
        "broken": ("", None, "variable AIRFLOW_CONN_BROKEN"),
        "@duckdb.main": ("osiris_duckdb", "duckdb", f"{file}:4"),
    }
    assert {name: known.get(name) for name in expected} == expected
    assert main(["connections", "list", "--airflow", "--file", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "cli_warehouse" in out
    assert "canary" not in out + err
    assert "other secrets backends cannot be listed" in err


def test_what_dags_use_and_no_one_checks(
    run_dag: RunDag, connections_file: ConnectionsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_file({"duckdb": {"watched": {"path": ":memory:"}, "forgotten": {"path": ":memory:"}}})
    with DAG("uses_connections", schedule=None) as dag:
        for name, connection_id in (("a", "osiris_duckdb_watched"), ("b", "cli_forgotten"), ("c", "{{ var.value.x }}")):
            SQLExecuteQueryOperator(task_id=name, conn_id=connection_id, sql="SELECT 1")
        for alias in ("watched", "forgotten"):
            config = {
                "query": "SELECT '@duckdb.not_one' AS a",
                "by": "@no one.",
                "connection": f"@duckdb.{alias}",
            }
            OsirisOperator(task_id=alias, driver="duckdb.extractor", config=config)
        OsirisDoctorOperator(task_id="doctor", connections=["@duckdb.watched"])
    run_dag(dag)
    unchecked = {one["connection"]: one["dags"] for one in shown(capsys, "unchecked", code=1)["unchecked"]}
    assert unchecked.get("cli_forgotten") == ["uses_connections"]
    assert unchecked.get("@duckdb.forgotten") == ["uses_connections"]
    assert not {
        "@duckdb.watched",
        "osiris_duckdb_watched",
        "{{ var.value.x }}",
        "@duckdb.not_one",
        "@no one.",
    } & set(unchecked)
    assert used_connections()["cli_forgotten"] == {"uses_connections"}
    # Its file is gone.
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "uses_connections").values(is_stale=True))
    assert "cli_forgotten" not in used_connections()


@pytest.mark.parametrize(
    ("serialized", "names"),
    [
        ({"conn_id": "a", "other_conn_id": "b", "conn_ids": "no", "myconn_id": "no", "id": "no"}, "a b"),
        ({"tasks": [{"conn_id": ["a", {"conn_id": "b"}]}, {"x": {"y": {"y_conn_id": "c"}}}]}, "a b c"),
        ({"conn_id": "", "a_conn_id": None, "b_conn_id": 7, "c_conn_id": "{{ x }}", "d_conn_id": "a{{ x }}"}, ""),
        ({"of": ["@mysql.main", "@mysql", "@", "@mysql.", "@Mysql.main", "mysql.main", "@mysql.a.b"]}, "@mysql.main"),
        ({"connection": "@mysql.{{ x }}", "conn_id": "@mysql"}, "@mysql"),
        (None, ""),
    ],
)
def test_what_a_serialized_dag_names_as_a_connection(serialized: Any, names: str) -> None:
    assert list(server._names_in(serialized)) == names.split()  # noqa: SLF001 - of any DAG


def test_of_many_dags_the_first_three_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = {"three": {"c", "a", "b"}, "five": {"e", "d", "c", "b", "a"}, "checked": {"a"}}
    known = {"stored_connections": {}, "checked_connections": {("airflow", "checked")}, "used_connections": used}
    for name, value in known.items():
        monkeypatch.setattr(f"osiris_provider._airflow.server.{name}", lambda value=value: value)
    assert main(["connections", "unchecked"]) == 1
    out, err = capsys.readouterr()
    rows = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["three", "a, b, c"] in rows
    assert ["five", "a, b, c and 2 more"] in rows
    assert not [row for row in rows if row[0] == "checked"]
    assert err.startswith("2 connections")


def test_without_a_database_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> Any:
        message = "canary-4711"
        raise RuntimeError(message)

    monkeypatch.setattr("airflow.utils.session.create_session", broken)
    for command in (["list", "--airflow"], ["unchecked"]):
        assert main(["connections", *command]) == 3
        out, err = capsys.readouterr()
        assert "Airflow's database cannot be read (RuntimeError). Run this where the scheduler runs" in err
        assert "canary" not in out + err
