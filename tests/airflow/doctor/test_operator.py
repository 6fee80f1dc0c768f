"""OsirisDoctorOperator: all at once, every report kept, the unhealthy named."""

from __future__ import annotations

import math
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseHook
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import TaskDeferred
from tests.servers import Address, entry


def doctor_dag(name: str, **arguments: Any) -> Any:
    with DAG(name, schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", retries=3, **arguments)
    return dag


def test_all_connections_of_the_file_are_checked(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, tmp_path: Path
) -> None:
    database = {"path": str(tmp_path / "x.duckdb")}
    connections_file({"mysql": {"default": entry(mysql_database)}, "duckdb": {"main": database}})
    run = run_dag(doctor_dag("doctor_all"))
    assert run.state == "success"
    assert [(report["family"], report["alias"], report["ok"]) for report in run.xcom("doctor")] == [
        ("mysql", "default", True),
        ("duckdb", "main", True),
    ]


def test_the_unhealthy_are_named_and_every_report_is_kept(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    connections_file(
        {
            "mysql": {
                "default": entry(mysql_database, password="wrong-canary-4711"),
                "unset": entry(mysql_database, password="${NO_SUCH_VARIABLE_HERE}"),
            },
            "duckdb": {"main": {"path": str(tmp_path / "x.duckdb")}},
        }
    )
    run = run_dag(doctor_dag("doctor_sick"))
    assert (run.state, run.tries["doctor"]) == ("failed", 1)
    assert [report["category"] for report in run.xcom("doctor")] == ["auth", "unknown", "ok"]
    said = capfd.readouterr().out
    assert "2 of 3 connections are unhealthy: @mysql.default auth:" in said
    assert "NO_SUCH_VARIABLE_HERE is not set" in said
    assert re.search(r"@duckdb\.main +ok +[\d.]+ ms ", said)
    assert "None ms" not in said
    assert "canary" not in said


def test_it_can_report_only(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"main": {"path": "/no/such/directory/x.duckdb"}}})
    run = run_dag(doctor_dag("doctor_report", fail_on_unhealthy=False))
    assert run.state == "success"
    assert run.xcom("doctor")[0]["ok"] is False


def test_chosen_ones_may_be_references_and_connection_ids(
    run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    monkeypatch.setenv(
        "AIRFLOW_CONN_OSIRIS_DUCKDB_OTHER", '{"conn_type": "osiris_duckdb", "extra": {"path": ":memory:"}}'
    )
    run = run_dag(doctor_dag("doctor_chosen", connections=["@duckdb.main", "osiris_duckdb_other", "@duckdb.other"]))
    assert run.state == "success"
    assert [report["alias"] for report in run.xcom("doctor")] == ["main", "other", "other"]


def test_many_slow_ones_take_as_long_as_one(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, silent_port: int
) -> None:
    slow = {f"slow_{number}": entry(mysql_database, port=silent_port) for number in range(20)}
    connections_file({"mysql": slow})
    started = time.monotonic()
    run = run_dag(doctor_dag("doctor_slow", check_timeout=1.0, fail_on_unhealthy=False))
    assert time.monotonic() - started < 10
    assert {report["category"] for report in run.xcom("doctor")} == {"timeout"}


def test_a_template_may_make_the_list(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}, "other": {"path": ":memory:"}}})
    run = run_dag(doctor_dag("doctor_template", connections="{{ ['@duckdb.main', '@duckdb.other'] }}"))
    assert run.state == "success"
    assert [report["alias"] for report in run.xcom("doctor")] == ["main", "other"]
    operator = OsirisDoctorOperator(task_id="a", connections="('@duckdb.main', '@duckdb.other')", deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    assert deferred.value.trigger.serialize()[1]["connections"] == ["@duckdb.main", "@duckdb.other"]
    run = run_dag(doctor_dag("doctor_no_list", connections="[@duckdb.main"))
    assert (run.state, run.tries["doctor"]) == ("failed", 1)
    assert "connections is the text of a list that cannot be read" in capfd.readouterr().out


def test_none_to_check_is_said(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    assert run_dag(doctor_dag("doctor_none", connections=[])).state == "success"
    assert "No connection is checked" in capfd.readouterr().out


def test_what_was_mistyped_leaves_no_asset(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session

    connections_file({"duckdb": {"there": {"path": ":memory:"}}})
    targets = ["@duckdb.mistyped_4711", "@duckdb.there", "@duckdb.[x", "mistyped_4711", "osiris_duckdb_mistyped_4711"]
    run = run_dag(doctor_dag("doctor_mistyped", connections=targets, fail_on_unhealthy=False))
    assert run.state == "success"
    assert [report["ok"] for report in run.xcom("doctor")] == [False, True, False, False, False]
    with create_session() as session:
        uris = [asset.uri for asset in session.query(AssetModel)]
    assert "osiris://duckdb/there" in uris
    assert not [uri for uri in uris if "mistyped" in uri or "[" in uri]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_connection_that_airflow_denies_keeps_no_other_from_its_check(
    run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})

    def deny(conn_id: str) -> None:
        message = f"Access denied for connection '{conn_id}' by Execution API"
        raise PermissionError(message)

    # As Airflow does since 3.3 where a connection is another team's.
    monkeypatch.setattr(BaseHook, "get_connection", deny)
    run = run_dag(doctor_dag("doctor_denied", connections=["theirs", "@duckdb.main"], deferrable=deferrable))
    assert (run.state, run.tries["doctor"]) == ("failed", 1)
    theirs, ours = run.xcom("doctor")
    assert (theirs["category"], ours["ok"]) == ("unknown", True)
    assert "Airflow denies connection theirs to this task" in theirs["message"]


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, "soon", timedelta(seconds=5), None])
def test_a_timeout_that_is_none_is_an_error_of_the_dag_file(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"^check_timeout is a positive number of seconds"):
        OsirisDoctorOperator(task_id="a", check_timeout=seconds)
    for deferrable in (False, True):
        with pytest.raises(ValueError, match=r"^check_timeout is a positive number of seconds"):
            OsirisHealthcheckSensor(task_id="b", connection="@a.b", check_timeout=seconds, deferrable=deferrable)
