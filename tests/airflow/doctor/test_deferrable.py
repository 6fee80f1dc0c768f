"""The sensor and the doctor operator in the triggerer: the same verdicts as in a worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hooks.health import NEEDS_WORKER
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.doctor.test_sensor import late_server
from tests.airflow.versions import AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout, TaskDeferred
from tests.faults.peers import Peer
from tests.servers import Address, entry

__all__ = ["late_server"]

RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(0), "poke_interval": 0.05, "timeout": 30}


def sensor_dag(name: str, **arguments: Any) -> Any:
    with DAG(f"deferred_{name}", schedule=None) as dag:
        OsirisHealthcheckSensor(
            task_id="wait", **{"connection": "@mysql.default", "deferrable": True, **RETRIES, **arguments}
        )
    return dag


def test_a_healthy_connection_leaves_its_report(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database)}})
    run = run_dag(sensor_dag("healthy"))
    assert (run.state, run.xcom("wait")["ok"]) == ("success", True)


def test_a_wrong_password_fails_at_once_whatever_retries_says(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, password="wrong-canary-4711")}})
    run = run_dag(sensor_dag("auth"))
    assert (run.state, run.tries["wait"]) == ("failed", 1)
    assert run.xcom("wait")["category"] == "auth"


def test_misconfiguration_fails_at_once(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file({"mysql": {"other": {"host": "db", "user": "u"}}})
    run = run_dag(sensor_dag("misconfigured"))
    assert (run.state, run.tries["wait"]) == ("failed", 1)


@pytest.mark.parametrize("soft", ["soft_fail", "never_fail"])
def test_soft_fail_skips(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, soft: str
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, password="wrong-canary-4711")}})
    run = run_dag(sensor_dag(soft, **{soft: True}))
    assert (run.states["wait"], run.tries["wait"]) == ("skipped", 1)


def test_network_trouble_keeps_it_waiting_until_the_server_is_back(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    late_server: Peer,
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database, port=late_server.port)}})
    run = run_dag(sensor_dag("late"))
    assert (run.state, run.tries["wait"]) == ("success", 1)
    assert late_server.accepted == 4


@pytest.mark.parametrize(
    ("soft", "raised"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)], ids=["hard", "soft"]
)
def test_the_end_of_the_sensors_timeout(
    soft: bool, raised: type[Exception], connections_file: ConnectionsFile, closed_port: int
) -> None:
    """Airflow resumes a task whose deferral took too long so; ``dag.test`` does not know that timeout."""
    connections_file({"mysql": {"default": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    sensor = OsirisHealthcheckSensor(task_id="wait", connection="@mysql.default", deferrable=True, soft_fail=soft)
    with pytest.raises(raised):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {})


@pytest.mark.parametrize(
    ("execution", "waits", "raised"),
    [
        (None, 30, AirflowSensorTimeout),
        (60, 30, AirflowSensorTimeout),
        (30, 30, AirflowSensorTimeout),
        (29, 29, AirflowTaskTimeout),
    ],
)
def test_the_triggerer_waits_until_the_first_of_both_timeouts(
    execution: int | None,
    waits: int,
    raised: type[BaseException],
    connections_file: ConnectionsFile,
    closed_port: int,
) -> None:
    connections_file({"mysql": {"default": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    limit = None if execution is None else timedelta(seconds=execution)
    sensor = OsirisHealthcheckSensor(
        task_id="wait", connection="@mysql.default", deferrable=True, timeout=30, execution_timeout=limit
    )
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    assert deferred.value.timeout == timedelta(seconds=waits)
    with pytest.raises(raised):
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {})


@pytest.mark.parametrize("seconds", [0, 30])
def test_no_sensor_gives_up_a_connection_that_is_healthy_by_then(
    seconds: int, connections_file: ConnectionsFile
) -> None:
    """Within a short timeout, or while no triggerer ran, nothing has checked it."""
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    sensor = OsirisHealthcheckSensor(task_id="wait", connection="@duckdb.main", deferrable=True, timeout=seconds)
    report = sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, {})
    assert (report["alias"], report["ok"]) == ("main", True)
    with pytest.raises(Exception, match="Trigger failure"):
        sensor.resume_execution("__fail__", {"error": "Trigger failure"}, {})


def test_the_doctor_operator(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, tmp_path: Path
) -> None:
    database = {"path": str(tmp_path / "x.duckdb")}
    connections_file(
        {"mysql": {"default": entry(mysql_database, password="wrong-canary-4711")}, "duckdb": {"main": database}}
    )
    with DAG("deferred_doctor", schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", deferrable=True, retries=3)
    run = run_dag(dag)
    assert (run.state, run.tries["doctor"]) == ("failed", 1)
    assert [report["category"] for report in run.xcom("doctor")] == ["auth", "ok"]


def test_the_triggerer_gets_all_that_the_task_was_given() -> None:
    given: dict[str, Any] = {"task_id": "a", "check_timeout": 3.5, "deferrable": True}
    sensor = OsirisHealthcheckSensor(connection="@mysql.default", poke_interval=7, timeout=30, **given)
    limit, file = timedelta(seconds=30), Path("/srv/connections.yaml")
    doctor = OsirisDoctorOperator(connections="@mysql.default", file=file, execution_timeout=limit, **given)
    own: list[dict[str, Any]] = [{"poke_interval": 7, "file": None}, {"poke_interval": None, "file": str(file)}]
    for task, arguments in zip((sensor, doctor), own, strict=True):
        with pytest.raises(TaskDeferred) as deferred:
            task.execute({})
        trigger: Any = deferred.value.trigger
        same = {"connections": ["@mysql.default"], "check_timeout": 3.5, "delay": 0}
        assert trigger.serialize()[1] == {**same, **arguments}
        assert deferred.value.timeout == limit
    assert deferred.value.kwargs == {"targets": ["@mysql.default"]}


def test_the_file_of_the_task_is_that_of_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    logged: list[Verdict] = []

    def check_all(targets: list[str], timeout: float, _: Any, *, file: Any = None) -> list[Verdict]:
        seen.append((targets, timeout, file))
        return [Verdict.healthy(1.0, {})]

    monkeypatch.setattr("osiris_provider.operators.doctor.check_all", check_all)
    monkeypatch.setattr(OsirisDoctorOperator, "_conclude", lambda _, __, verdicts: verdicts)
    monkeypatch.setattr(OsirisDoctorOperator, "_log_verdict", lambda _, verdict: logged.append(verdict))
    operator = OsirisDoctorOperator(task_id="a", connections="@mysql.default", file="own.yaml", check_timeout=3.5)
    left = Verdict.of(NEEDS_WORKER, "x").at("mysql", "default").as_dict()
    brought = Verdict.healthy(2.0, {}).at("mysql", "other")
    first: Any = operator.execute({})
    reports = {"reports": [left, brought.as_dict()]}
    second: Any = operator.execute_complete({}, reports, ["@mysql.default", "@mysql.other"])
    assert first == [Verdict.healthy(1.0, {})]
    assert second == [*first, brought]
    assert seen == [(["@mysql.default"], 3.5, "own.yaml")] * 2
    # What is left is logged when it is checked.
    assert logged == [brought]


def test_the_default_is_airflows() -> None:
    assert OsirisHealthcheckSensor(task_id="a", connection="@mysql.default").deferrable is False
    assert OsirisDoctorOperator(task_id="b").deferrable is False
