"""Health as data in a running Airflow: events, what is scheduled on them, metrics and notifiers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.airflow.versions import events_in_editor
from tests.browser.connections_file import ConnectionsFile
from tests.browser.health.asset_page import unfold_events
from tests.browser.metrics import MetricsServer
from tests.browser.world import WRONG, World
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

URI = "osiris://mysql/shop"


@pytest.fixture
def well(connections_file: ConnectionsFile, world: World) -> dict[str, Any]:
    """A connections file in which all is well."""
    connections = {"mysql": {"shop": world.healthy["mysql"]}, "duckdb": {"main": {"path": ":memory:"}}}
    connections_file.write(connections)
    return connections


@pytest.fixture
def sick(connections_file: ConnectionsFile, world: World) -> dict[str, Any]:
    """A connections file with a wrong password."""
    wrong = {**world.healthy["mysql"], "password": WRONG}
    connections = {"mysql": {"shop": wrong}, "duckdb": {"main": {"path": ":memory:"}}}
    connections_file.write(connections)
    return connections


def test_a_recovered_connection_starts_what_waits_for_it(
    admin: Rest, connections_file: ConnectionsFile, sick: dict[str, Any], world: World
) -> None:
    before = _runs(admin, "catch_up")
    for connection, verdict in ((sick["mysql"]["shop"], "auth"), (world.healthy["mysql"], "ok")):
        connections_file.write({"mysql": {"shop": connection}})
        run = admin.trigger("osiris_health")
        assert admin.finished("osiris_health", run) == ("success" if verdict == "ok" else "failed")
        assert _categories(admin, URI)[-1] == verdict
    (run_id,) = until(lambda: _runs(admin, "catch_up") - before, "run of catch_up", 90)
    assert admin.finished("catch_up", run_id) == "success"
    (extra,) = admin.xcom("catch_up", run_id, "what_came_back")
    assert (extra["ok"], extra["was"]) == (True, "auth")


@events_in_editor
def test_the_health_dag_in_the_user_interface(
    page: Page, airflow: AirflowServer, admin: Rest, well: dict[str, Any]
) -> None:
    assert well
    until(lambda: admin.ask("GET", "/dags/osiris_health").ok, "DAG osiris_health", 90)
    before = len(_categories(admin, URI))
    page.goto(f"{airflow.origin}/dags/osiris_health")
    page.get_by_role("button", name="Trigger Dag").click()
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    until(lambda: len(_categories(admin, URI)) > before, "event of the check", 120)
    page.goto(f"{airflow.origin}/assets/{admin.asset(URI)}")
    shown = unfold_events(page, 1)
    assert '"category": "ok"' in shown
    assert re.search(r'"latency_ms": [\d.]+', shown)


def test_metrics_have_family_and_alias(admin: Rest, metrics: MetricsServer, sick: dict[str, Any]) -> None:
    assert sick
    metrics.seen.clear()
    run = admin.trigger("alerts")
    assert admin.finished("alerts", run) == "failed"
    (failed,) = until(lambda: metrics.ours("osiris.doctor.failed", "family=mysql"), "metric of a failure")
    assert "alias=shop" in failed
    assert "category=auth" in failed
    (latency,) = until(lambda: metrics.ours("osiris.doctor.latency", "family=duckdb"), "metric of a latency")
    assert re.search(r",alias=main.*:[\d.]+\|ms$", latency)


def test_the_notifier_is_called_with_what_is_not_well(
    admin: Rest, connections_file: ConnectionsFile, sick: dict[str, Any]
) -> None:
    assert sick
    note = connections_file.directory / "notified.txt"
    note.unlink(missing_ok=True)
    assert admin.finished("alerts", admin.trigger("alerts")) == "failed"
    assert note.read_text() == "shop auth;"


def _runs(admin: Rest, dag_id: str) -> set[str]:
    admin.wait_for_dag(dag_id)
    return {run["dag_run_id"] for run in admin.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]}


def _categories(admin: Rest, uri: str) -> list[str]:
    """The categories of all events of an asset, the latest last."""
    number = admin.asset(uri)
    if number is None:
        return []
    events = admin.get("/assets/events", asset_id=number, order_by="timestamp", limit=100)["asset_events"]
    return [event["extra"]["category"] for event in events]
