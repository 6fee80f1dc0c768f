"""Recoveries under a real scheduler, whatever the dates of the runs and wherever the metadata is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

CHECKED = "osiris://duckdb/fickle"


@pytest.fixture
def check(airflow: AirflowServer, home: Path) -> Callable[..., list[str]]:
    """Return what does a run of the DAG and returns the assets of its events."""
    rest = Rest(airflow.origin, "admin")

    def check(*, healthy: bool, dated: bool) -> list[str]:
        there = home / "there"
        there.mkdir(exist_ok=True) if healthy else there.rmdir()
        until(lambda: rest.ask("GET", "/dags/health").ok, "DAG health", 240)
        moment = datetime.now(timezone.utc).isoformat() if dated else None
        run = str(rest.post("/dags/health/dagRuns", {"logical_date": moment})["dag_run_id"])
        assert rest.finished("health", run, 240) == "success"
        actual = rest.get("/assets/events", source_dag_id="health", source_run_id=run)["asset_events"]
        return sorted(str(event["uri"]) for event in actual)

    (home / "there").mkdir(exist_ok=True)
    return check


def test_one_sick_run_without_a_date_is_one_recovery(check: Callable[..., list[str]]) -> None:
    assert check(healthy=True, dated=True) == [CHECKED]
    assert check(healthy=False, dated=False) == [CHECKED]
    assert check(healthy=True, dated=True) == [CHECKED, f"{CHECKED}/recovered"]
    # On PostgreSQL the run without a date came before all others, for ever.
    assert check(healthy=True, dated=True) == [CHECKED]
    assert check(healthy=True, dated=False) == [CHECKED]
