"""Alerts of OsirisDoctorOperator: outages after so many failures, recoveries after an alert, and what expires."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.operators import doctor
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.health.test_events import Notifier, Recorder, doctor_dag, events_of
from tests.airflow.versions import send_metrics_to
from tests.servers import Address, entry
from tests.servers.apis.fake_api import FakeApi


def token(days: float) -> str:
    parts = [{"alg": "HS256"}, {"exp": int(time.time() + days * 86_400), "sub": "canary-4711"}]
    return ".".join(
        [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts] + ["x"]
    )


def test_an_outage_is_alerted_of_after_so_many_failures_and_its_end_after_that(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, closed_port: int
) -> None:
    seen: list[tuple[str, list[str]]] = []

    def broken(_context: Any) -> None:
        message = "The pager is off."
        raise ConnectionError(message)

    def keep(name: str) -> Any:
        return lambda context: seen.append((name, [one["alias"] for one in context[name]]))

    for number, port in enumerate((closed_port, 0, closed_port, closed_port, closed_port, 0, 0)):
        connections_file({"mysql": {"default": entry(mysql_database, **({"port": port} if port else {}))}})
        run = run_dag(
            doctor_dag(
                "flapping",
                after=2,
                on_unhealthy=[broken, keep("newly_unhealthy")],
                on_recovered=keep("recovered"),
                fail_on_unhealthy=number == 3,
            )
        )
        assert run.state == ("failed" if number == 3 else "success")
    assert seen == [("newly_unhealthy", ["default"]), ("recovered", ["default"])]
    # The events tell of each recovery, also of those that no one was woken for.
    assert [uri for uri, _ in events_of("flapping")].count("osiris://mysql/default/recovered") == 2


def test_what_expires_is_measured_warned_of_and_alerted_of_once_a_stage(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    recorder = Recorder()
    send_metrics_to(recorder, monkeypatch)
    notifier = Notifier("{% for one in newly_expiring %}{{ one.reference }}: {{ one.message }}{% endfor %}")
    tokens = {days: token(days) for days in (20.5, 9.5, 6.5)}
    for days in (20.5, 9.5, 9.5, 6.5):
        bearer = tokens[days]
        with FakeApi({"Authorization": f"Bearer {bearer}".encode()}) as server:
            fields = {"base_url": f"{server.origin}/v1", "health_path": "me", "token": bearer}
            connections_file({"api": {"crm": fields}})
            assert run_dag(doctor_dag("expiring", on_expiring=notifier, warn_days=[14, 7])).state == "success"
    words = "doctor: @api.crm: token in field token expires in"
    assert notifier.told == [f"{words} 9 days", f"{words} 6 days"]
    assert [seen[2:] for seen in recorder.seen if seen[1] == "osiris.doctor.expires_days"] == [
        (days, {"family": "api", "alias": "crm"}) for days in (20, 9, 9, 6)
    ]
    extras = [extra for uri, extra in events_of("expiring") if uri == "osiris://api/crm"]
    assert [extra["details"]["expires"][0]["days_left"] for extra in extras] == [20, 9, 9, 6]
    assert {extra["category"] for extra in extras} == {"ok"}
    out = capfd.readouterr().out
    assert "@api.crm: token in field token expires in 9 days" in out
    assert "expires in 20 days" not in out
    assert "canary" not in json.dumps(extras) + out


def test_the_gauge_has_the_days_of_what_expires_first(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    send_metrics_to(recorder, monkeypatch)
    entries = [{"what": f"w{days}", "at": f"2030-01-{days:02}T00:00:00+00:00", "days_left": days} for days in (3, 9)]
    doctor._measure(Verdict.healthy(1.0, {"expires": entries}).at("api", "crm"))  # noqa: SLF001 - no server has two
    sent = [seen[1:] for seen in recorder.seen if seen[0] == "gauge"]
    assert sent == [("osiris.doctor.expires_days", 3, {"family": "api", "alias": "crm"})]


def test_a_sensor_warns_of_what_expires(
    run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    bearer = token(3.5)
    with FakeApi({"Authorization": f"Bearer {bearer}".encode()}) as server:
        fields = {"base_url": f"{server.origin}/v1", "health_path": "me", "token": bearer}
        connections_file({"api": {"crm": fields}})
        with DAG("expiring_sensor", schedule=None) as dag:
            OsirisHealthcheckSensor(task_id="crm_is_up", connection="@api.crm", timeout=20, poke_interval=1)
        assert run_dag(dag).state == "success"
    assert "@api.crm: token in field token expires in 3 days" in capfd.readouterr().out


def test_a_mistake_in_the_numbers_is_found_when_the_dag_is_read() -> None:
    with pytest.raises(ValueError, match="after is a number of checks, 1 or more"):
        OsirisDoctorOperator(task_id="doctor", after=0)
    with pytest.raises(ValueError, match="remind_after is a number of checks, 1 or more"):
        OsirisDoctorOperator(task_id="doctor", remind_after=-1)


def test_the_list_of_connections_may_come_from_a_variable(
    run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"duckdb": {name: {"path": ":memory:"} for name in ("main", "other", "third")}})
    for number, (text, aliases) in enumerate(
        [("@duckdb.main", ["main"]), ('["@duckdb.main", "@duckdb.third"]', ["main", "third"]), ("[]", [])]
    ):
        monkeypatch.setenv("AIRFLOW_VAR_WATCHED", text)
        run = run_dag(doctor_dag(f"from_variable_{number}", connections="{{ var.value.watched }}"))
        assert run.state == "success"
        assert [report["alias"] for report in run.xcom("doctor")] == aliases
