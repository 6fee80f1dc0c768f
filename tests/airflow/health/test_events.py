"""Health as data: asset events, metrics and callbacks of OsirisDoctorOperator."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseNotifier, ObjectStoragePath
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.runtime.health_state import Health, HealthState
from osiris_provider.runtime.state import StateStore, TaskKey

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import lists_assets_of_events, send_metrics_to
from tests.servers import Address, entry


def doctor_dag(name: str, **arguments: Any) -> Any:
    with DAG(name, schedule=None) as dag:
        OsirisDoctorOperator(task_id="doctor", **{"fail_on_unhealthy": False, **arguments})
    return dag


def events_of(dag_id: str) -> list[tuple[str, dict[str, Any]]]:
    """All asset events of a DAG in their order: the asset's URI and the event's extra."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(AssetEvent).filter_by(source_dag_id=dag_id).order_by(AssetEvent.id)
        return [(row.uri, dict(row.extra)) for row in rows]


def test_each_check_is_an_event_and_a_recovery_is_one_more(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    good, bad = entry(mysql_database), entry(mysql_database, password="wrong-canary-4711")
    for connection in (good, bad, bad, good, good):
        connections_file({"mysql": {"default": connection}})
        assert run_dag(doctor_dag("events")).state == "success"
    events = events_of("events")
    check, recovered = "osiris://mysql/default", "osiris://mysql/default/recovered"
    assert [uri for uri, _ in events if uri == check] == [check] * 5
    assert [extra["category"] for uri, extra in events if uri == check] == ["ok", "auth", "auth", "ok", "ok"]
    ((_, extra),) = [event for event in events if event[0] == recovered]
    assert (extra["ok"], extra["was"]) == (True, "auth")
    assert extra["latency_ms"] > 0
    assert extra["details"]["server_version"]
    faults = [extra["details"].get("fault") for uri, extra in events if uri == check]
    assert faults == [None, "wrong_password", "wrong_password", None, None]
    assert "does not accept this user" in next(extra["message"] for _, extra in events if extra["category"] == "auth")
    # The recovery belongs to the fourth check.
    assert [uri for uri, _ in events].index(recovered) in (3, 4)
    assert "canary" not in json.dumps(events)


def test_a_recovery_goes_by_the_clock_and_not_by_the_dates_of_runs(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    good, bad = entry(mysql_database), entry(mysql_database, password="wrong-canary-4711")
    # A run of today, then a backfill, a run of tomorrow, and one without a date.
    for day, connection in ((5, bad), (1, good), (6, good), (None, good)):
        connections_file({"mysql": {"default": connection}})
        moment = None if day is None else datetime(2030, 1, day, tzinfo=timezone.utc)
        run_dag(doctor_dag("by_the_clock"), logical_date=moment, run_after=moment)
    assert [uri.rpartition("/")[2] for uri, _ in events_of("by_the_clock")].count("recovered") == 1
    first_two = [uri for uri, _ in events_of("by_the_clock")][:3]
    assert "osiris://mysql/default/recovered" in first_two


def test_what_is_known_lies_where_the_next_release_looks_for_it_and_is_no_state_of_an_incremental_task(
    tmp_path: Path,
) -> None:
    task = TaskKey("dag", "doctor")
    HealthState(tmp_path.as_uri(), task, ObjectStoragePath).keep("monday", {"@a.b": Health("auth")})
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "dag/doctor/-1/last_check.health"
    ]
    assert StateStore(tmp_path.as_uri(), ObjectStoragePath).names(task) == []


def test_a_check_that_is_tried_again_tells_the_recovery_again(tmp_path: Path) -> None:
    state = HealthState(tmp_path.as_uri(), TaskKey("dag", "doctor"), ObjectStoragePath)
    sick, healthy = Health("auth", 3, alerted=True, warned={"a token": 7}), Health("ok")
    for attempt, actual, before in (
        ("monday", {"@a.b": sick, "@c.d": healthy}, {}),
        ("tuesday", {"@a.b": healthy}, {"@a.b": sick, "@c.d": healthy}),
        ("tuesday", {"@a.b": healthy}, {"@a.b": sick, "@c.d": healthy}),
        ("wednesday", {"@a.b": healthy}, {"@a.b": healthy, "@c.d": healthy}),
    ):
        assert state.before(attempt) == before
        state.keep(attempt, actual)


def test_what_version_0_1_0_has_kept_counts(tmp_path: Path) -> None:
    state = HealthState(tmp_path.as_uri(), TaskKey("dag", "doctor"), ObjectStoragePath)
    state.keep("monday", {})
    (file,) = tmp_path.rglob("last_check.health")
    connections = {"@a.b": {"category": "auth", "before": "ok"}, "@c.d": {"category": "ok", "before": None}}
    file.write_text(json.dumps({"version": 1, "attempt": "monday", "connections": connections}))
    assert state.before("tuesday") == {"@a.b": Health("auth", 1, alerted=True), "@c.d": Health("ok")}
    assert state.before("monday") == {"@a.b": Health("ok")}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("{folder}/file/state", "What has recovered is not known"),
        ("/proc/state", "What was seen is not kept"),
        ("no URL", "What has recovered is not known"),
        ("nosuch://state", "What has recovered is not known"),
    ],
)
def test_a_check_whose_state_cannot_be_kept_does_not_fail_and_says_so(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    state: str,
    said: str,
) -> None:
    (tmp_path / "file").touch()
    url = state.replace("{folder}", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__OSIRIS__STATE_URL", url)
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    name = f"no_state_{len(state)}"
    assert run_dag(doctor_dag(name)).state == "success"
    assert [uri for uri, _ in events_of(name)] == ["osiris://duckdb/main"]
    [warning] = [line for line in capfd.readouterr().out.splitlines() if "Set [osiris] state_url." in line]
    assert said in warning
    assert url.removesuffix("state") in warning


@lists_assets_of_events
def test_the_assets_are_active_in_the_user_interface(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session

    connections_file({"duckdb": {"seen": {"path": ":memory:"}}})
    run_dag(doctor_dag("assets"))
    # The scheduler does so every minute.
    job = Job()  # type: ignore[no-untyped-call] # Airflow's is not typed
    SchedulerJobRunner(job)._update_asset_orphanage()  # noqa: SLF001 - there is no other way in
    with create_session() as session:
        (asset,) = session.query(AssetModel).filter_by(uri="osiris://duckdb/seen")
        assert (asset.name, asset.active is not None) == ("osiris://duckdb/seen", True)
        assert [alias.name for alias in asset.aliases] == ["osiris_health"]


def test_a_task_that_fails_sends_none(run_dag: RunDag, connections_file: ConnectionsFile, closed_port: int) -> None:
    connections_file({"mysql": {"default": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    assert run_dag(doctor_dag("silent", fail_on_unhealthy=True)).state == "failed"
    assert events_of("silent") == []


def test_a_recovery_after_a_task_that_failed_is_told(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, closed_port: int
) -> None:
    for changes in ({"port": closed_port}, {}):
        connections_file({"mysql": {"default": entry(mysql_database, **changes)}})
        run_dag(doctor_dag("came_back", fail_on_unhealthy=True))
    assert {uri for uri, _ in events_of("came_back")} == {"osiris://mysql/default", "osiris://mysql/default/recovered"}


class Recorder:
    """A metrics system, as Airflow's StatsD, Datadog and OpenTelemetry loggers are."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def timer(self, *_: Any, **__: Any) -> Any:
        return nullcontext(SimpleNamespace(duration=0.0))

    def __getattr__(self, kind: str) -> Any:
        return lambda name, value=None, **more: self.seen.append((kind, name, value, more.get("tags")))


def test_metrics(
    connections_file: ConnectionsFile, closed_port: int, monkeypatch: pytest.MonkeyPatch, run_dag: RunDag
) -> None:
    recorder = Recorder()
    send_metrics_to(recorder, monkeypatch)
    down = {"host": "127.0.0.1", "port": closed_port, "user": "ann"}
    connections_file({"mysql": {"default": down}, "duckdb": {"main": {"path": ":memory:"}}})
    run_dag(doctor_dag("metrics"))
    ours = {seen[1]: seen for seen in recorder.seen if seen[1].startswith("osiris.")}
    kind, _, latency, tags = ours["osiris.doctor.latency"]
    assert (kind, tags) == ("timing", {"family": "duckdb", "alias": "main"})
    assert 0 < latency < 10_000
    kind, _, _, tags = ours["osiris.doctor.failed"]
    assert (kind, tags) == ("incr", {"family": "mysql", "alias": "default", "category": "network"})


class Notifier(BaseNotifier):
    """Keeps what it is told; its text is a template, as of those that Airflow has."""

    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.told: list[str] = []

    def notify(self, context: Any) -> None:
        """Keep the text."""
        self.told.append(f"{context['ti'].task_id}: {self.text}")


def test_callbacks_and_notifiers_get_the_unhealthy(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    connections_file(
        {
            "mysql": {"default": entry(mysql_database, password="wrong-canary-4711")},
            "duckdb": {"main": {"path": ":memory:"}},
        }
    )
    seen: list[Any] = []

    def broken(context: Any) -> None:
        seen.append(context["reports"])
        message = "no network"
        raise OSError(message)

    notifier = Notifier("{% for one in unhealthy %}{{ one.family }}.{{ one.alias }} {{ one.category }}{% endfor %}")
    run = run_dag(doctor_dag("callbacks", on_unhealthy=[broken, notifier]))
    assert run.state == "success"
    assert [report["ok"] for report in seen[0]] == [False, True]
    assert notifier.told == ["doctor: mysql.default auth"]
    assert "canary" not in json.dumps(seen)


def test_callbacks_know_what_has_become_unhealthy(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address
) -> None:
    bad = entry(mysql_database, password="wrong-canary-4711")
    seen: list[list[str]] = []

    def keep(context: Any) -> None:
        seen.append([report["alias"] for report in context["newly_unhealthy"]])

    for others in ({}, {"second": bad}, {"second": bad}):
        connections_file({"mysql": {"first": bad, **others}})
        run_dag(doctor_dag("newly", on_unhealthy=keep))
    assert seen == [["first"], ["second"]]


def test_an_alert_that_no_callback_has_taken_is_due_again(
    run_dag: RunDag, connections_file: ConnectionsFile, closed_port: int
) -> None:
    connections_file({"mysql": {"first": {"host": "127.0.0.1", "port": closed_port, "user": "ann"}}})
    seen: list[list[str]] = []

    def pager(context: Any) -> None:
        seen.append([report["alias"] for report in context["newly_unhealthy"]])
        if len(seen) == 1:
            message = "The pager is off."
            raise ConnectionError(message)

    for _ in range(3):
        assert run_dag(doctor_dag("due_again", on_unhealthy=pager)).state == "success"
    assert seen == [["first"], ["first"]]


def test_nobody_is_called_if_all_is_well(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}}})
    seen: list[Any] = []
    assert run_dag(doctor_dag("all_well", on_unhealthy=seen.append)).state == "success"
    assert seen == []
