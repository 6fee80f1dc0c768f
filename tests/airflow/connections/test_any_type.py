"""Connections of any type in tasks: by their id or @airflow.id, checked by a family or by their hook, on workers."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor
from osiris_provider.triggers.doctor import OsirisDoctorTrigger

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.health.test_events import events_of
from tests.airflow.versions import AirflowSensorTimeout, AirflowTaskTimeout, TaskDeferred
from tests.faults.peers import Peer, hang_up_first
from tests.servers import Address

PASSWORD = "wrong-canary-4711"
HOOK_SECONDS = 60.0
"""A hook's process imports Airflow and its provider first."""


def smtp(_: Peer, line: socket.socket) -> None:
    """Speak as much of SMTP as a client needs that only says hello."""
    line.sendall(b"220 test\r\n")
    with line.makefile("rb") as lines:
        for command in lines:
            line.sendall(b"221 bye\r\n" if command.startswith(b"QUIT") else b"250 OK\r\n")


@pytest.fixture
def smtp_server() -> Iterator[Peer]:
    with Peer(smtp) as peer:
        yield peer


def mail(port: int) -> dict[str, Any]:
    extra = {"disable_tls": True, "disable_ssl": True, "api_token": PASSWORD}
    return {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}


def postgres(address: Address, **changes: Any) -> dict[str, Any]:
    fields = {"login": address.user, "password": address.password, "schema": address.database}
    return {"conn_type": "postgres", "host": address.host, "port": address.port, **fields, **changes}


def give(monkeypatch: pytest.MonkeyPatch, **connections: dict[str, Any]) -> None:
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


def doctor_dag(name: str, connections: list[str], **arguments: Any) -> Any:
    with DAG(f"any_{name}", schedule=None) as dag:
        OsirisDoctorOperator(
            task_id="doctor",
            connections=connections,
            **{"fail_on_unhealthy": False, "check_timeout": HOOK_SECONDS, **arguments},
        )
    return dag


def sensor_dag(name: str, **arguments: Any) -> Any:
    given = {"poke_interval": 0.05, "timeout": 120, "check_timeout": HOOK_SECONDS, "retries": 3, **arguments}
    with DAG(f"any_{name}", schedule=None) as dag:
        OsirisHealthcheckSensor(task_id="wait", retry_delay=timedelta(0), **given)
    return dag


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferred"])
def test_a_mixed_list_is_checked_by_families_and_hooks(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    monkeypatch: pytest.MonkeyPatch,
    postgres_database: Address,
    smtp_server: Peer,
    deferrable: bool,
) -> None:
    connections_file({"airflow": {"My-Mail.1": mail(smtp_server.port)}, "duckdb": {"main": {"path": ":memory:"}}})
    give(monkeypatch, warehouse=postgres(postgres_database), sick=postgres(postgres_database, password=PASSWORD))
    asked = ["warehouse", "@airflow.warehouse", "sick", "My-Mail.1", "@duckdb.main", "not_there", "not an id"]
    name = f"mixed_{deferrable}".lower()
    run = run_dag(doctor_dag(name, asked, deferrable=deferrable))
    assert run.state == "success"
    reports = run.xcom("doctor")
    assert [(one["family"], one["alias"], one["category"], one["details"].get("fault")) for one in reports] == [
        ("airflow", "warehouse", "ok", None),
        ("airflow", "warehouse", "ok", None),
        ("airflow", "sick", "auth", "wrong_password"),
        ("airflow", "My-Mail.1", "ok", None),
        ("duckdb", "main", "ok", None),
        ("airflow", "not_there", "unknown", "no_such_connection"),
        ("airflow", "not an id", "unknown", "no_such_connection"),
    ]
    # The family's own doctor: the hook of PostgreSQL knows no version of the server.
    assert "server_version" in reports[0]["details"]
    checked = {uri for uri, _ in events_of(f"any_{name}")}
    assert checked == {
        *("osiris://airflow/warehouse", "osiris://airflow/sick"),
        *("osiris://airflow/My-Mail.1", "osiris://duckdb/main"),
    }
    assert "canary" not in json.dumps([reports, events_of(f"any_{name}"), list(run.xcoms())], default=str)


def test_what_only_a_hook_can_check_is_not_checked_in_a_triggerer(
    connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch, smtp_server: Peer, postgres_database: Address
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    give(monkeypatch, mail=mail(smtp_server.port), warehouse=postgres(postgres_database))
    trigger = OsirisDoctorTrigger(connections=["mail", "warehouse", "@duckdb.main"], poke_interval=3600)

    async def payloads() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(payloads())
    assert [report["details"].get("fault") for report in payload["reports"]] == ["needs_worker", None, None]
    assert smtp_server.accepted == 0


@pytest.mark.parametrize("deferrable", [False, True], ids=["worker", "deferred"])
def test_a_sensor_waits_for_a_server_that_only_a_hook_can_check(
    run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    connections_file({})
    with Peer(hang_up_first(2, smtp)) as late:
        give(monkeypatch, mail=mail(late.port))
        run = run_dag(sensor_dag(f"late_{deferrable}".lower(), connection="mail", deferrable=deferrable))
    assert (run.state, run.tries["wait"]) == ("success", 1)
    assert (run.xcom("wait")["alias"], run.xcom("wait")["ok"]) == ("mail", True)
    assert late.accepted == 3


def test_a_deferred_sensor_fails_at_once_where_waiting_cannot_help(
    run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({})
    give(monkeypatch, bird={"conn_type": "no_such_type", "host": "h"})
    run = run_dag(sensor_dag("hopeless", connection="bird", deferrable=True))
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert run.xcom("wait")["details"]["fault"] == "no_provider"


NOT_HERE = {
    "reports": [
        {
            "family": "airflow",
            "alias": "mail",
            "ok": False,
            "latency_ms": None,
            "category": "unknown",
            "message": "m",
            "details": {"fault": "needs_worker", "retryable": False},
        }
    ]
}


@pytest.mark.parametrize(("execution", "raised"), [(None, AirflowSensorTimeout), (7, AirflowTaskTimeout)])
def test_the_time_of_a_sensor_goes_on_over_its_checks_on_workers(
    connections_file: ConnectionsFile,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    execution: int | None,
    raised: type[BaseException],
) -> None:
    connections_file({})
    give(monkeypatch, warehouse={"conn_type": "postgres", "host": "127.0.0.1", "port": closed_port, "login": "u"})
    limit = None if execution is None else timedelta(seconds=execution)
    sensor = OsirisHealthcheckSensor(
        task_id="wait", connection="warehouse", deferrable=True, timeout=30, poke_interval=5, execution_timeout=limit
    )
    with pytest.raises(TaskDeferred) as first:
        sensor.execute({})
    until = (first.value.kwargs or {})["until"]
    assert isinstance(first.value.trigger, OsirisDoctorTrigger)
    assert first.value.trigger.delay == 0
    for left in (3, 0.5):
        monkeypatch.setattr("osiris_provider.sensors.healthcheck.time.time", lambda now=until - left: now)
        with pytest.raises(TaskDeferred) as second:
            sensor.resume_execution("execute_complete", {"event": NOT_HERE, "until": until}, {})
        assert second.value.timeout is not None
        assert second.value.timeout.total_seconds() == pytest.approx(left, abs=1e-3)
        assert second.value.kwargs == {"until": pytest.approx(until, abs=1e-3)}
        assert isinstance(second.value.trigger, OsirisDoctorTrigger)
        assert second.value.trigger.delay == 5
    for end in (until, until + 1):
        monkeypatch.setattr("osiris_provider.sensors.healthcheck.time.time", lambda end=end: end)
        with pytest.raises(raised):
            sensor.resume_execution("execute_complete", {"event": NOT_HERE, "until": until}, {})


def test_the_file_holds_all_of_it_without_airflow_knowing(
    run_dag: RunDag, connections_file: ConnectionsFile, postgres_database: Address
) -> None:
    connections_file({"airflow": {"warehouse": postgres(postgres_database), "My-Mail": mail(1)}})
    with DAG("any_file", schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", fail_on_unhealthy=False, check_timeout=HOOK_SECONDS)
    reports = run_dag(dag).xcom("doctor")
    assert [(one["alias"], one["category"]) for one in reports] == [("warehouse", "ok"), ("My-Mail", "network")]
