"""OsirisHealthcheckSensor: fails at once where waiting cannot help, waits where it can."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.faults.peers import Peer, forward, hang_up_first
from tests.servers import Address, MariaDBServer, entry

RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(0), "poke_interval": 0.05, "timeout": 30}


def sensor_dag(name: str, **arguments: Any) -> Any:
    with DAG(name, schedule=None) as dag:
        OsirisHealthcheckSensor(task_id="wait", **{"connection": "@mysql.default", **RETRIES, **arguments})
    return dag


def test_a_healthy_connection_ends_the_wait_and_leaves_its_report(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database)}})
    run = run_dag(sensor_dag("healthy"))
    assert run.state == "success"
    report = run.xcom("wait")
    assert (report["family"], report["alias"], report["ok"], report["category"]) == ("mysql", "default", True, "ok")
    assert report["latency_ms"] > 0
    assert "MariaDB" in report["details"]["server_version"]


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_wrong_password_fails_at_once_whatever_retries_says(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, mode: str
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, password="wrong-canary-4711")}})
    run = run_dag(sensor_dag(f"wrong_password_{mode}", mode=mode))
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert run.xcom("wait")["category"] == "auth"


def test_a_missing_right_fails_at_once(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, database="mysql")}})
    run = run_dag(sensor_dag("missing_right"))
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert run.xcom("wait")["category"] == "permission"


@pytest.mark.parametrize(
    "connections",
    [{"mysql": {"default": {"host": "db"}}}, {"mysql": {"other": {"host": "db", "user": "u"}}}],
    ids=["field missing", "no such alias"],
)
def test_misconfiguration_fails_at_once(
    run_dag: RunDag, connections_file: ConnectionsFile, connections: dict[str, Any]
) -> None:
    connections_file(connections)
    run = run_dag(sensor_dag("misconfigured"))
    assert (run.state, run.tries["wait"]) == ("failed", 1)


@pytest.mark.parametrize("soft", ["soft_fail", "never_fail"])
def test_soft_fail_skips(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, soft: str
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, password="wrong-canary-4711")}})
    run = run_dag(sensor_dag(soft, **{soft: True}))
    assert (run.states["wait"], run.tries["wait"]) == ("skipped", 1)


@pytest.fixture
def late_server(mariadb: MariaDBServer) -> Iterator[Peer]:
    """Hangs up three times, then hands the connection on to a real server."""
    with Peer(hang_up_first(3, forward(mariadb.port))) as peer:
        yield peer


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_network_trouble_keeps_it_waiting_until_the_server_is_back(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, late_server: Peer, mode: str
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, port=late_server.port)}})
    run = run_dag(sensor_dag(f"late_{mode}", mode=mode))
    assert (run.state, run.tries["wait"]) == ("success", 1)
    assert late_server.accepted == 4


def test_a_poking_sensor_logs_what_changes(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    late_server: Peer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, port=late_server.port)}})
    run_dag(sensor_dag("logs_changes"))
    said = [line for line in capfd.readouterr().out.splitlines() if "@mysql.default is " in line]
    assert [line.partition("@mysql.default is ")[2].partition(":")[0] for line in said] == ["network", "ok"]


def test_it_gives_up_when_the_sensors_timeout_is_over(
    run_dag: RunDag, connections_file: ConnectionsFile, closed_port: int, mysql_database: Address
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, port=closed_port)}})
    run = run_dag(sensor_dag("gives_up", timeout=0.2))
    assert run.state == "failed"


def test_an_airflow_connection_id_is_as_good_as_a_reference(
    run_dag: RunDag, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = str(tmp_path / "x.duckdb")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f'{{"conn_type": "osiris_duckdb", "extra": {{"path": "{path}"}}}}')
    run = run_dag(sensor_dag("by_id", connection="warehouse"))
    assert run.state == "success"
    assert run.xcom("wait")["alias"] == "warehouse"
