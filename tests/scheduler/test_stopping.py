"""Timeouts and kills of a real Airflow end the work at the servers, within a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pymysql
import pytest

from tests.servers import MariaDBServer, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

AT_ONCE = 1.0
NOTICED = 30.0
"""Seconds until Airflow tells a task that it was marked as failed: with its next heartbeat."""
FAMILIES = ("postgres", "mysql")
Busy = dict[str, Callable[[], int]]


@contextmanager
def asked(connection: Any, question: str) -> Iterator[Callable[[], int]]:
    with closing(connection), connection.cursor() as cursor:

        def ask() -> int:
            cursor.execute(question)
            (count,) = cursor.fetchone()
            connection.commit()
            return int(count)

        yield ask


@pytest.fixture
def busy(postgres: PostgresServer, mariadb: MariaDBServer) -> Iterator[Busy]:
    """Return how many of the endless statements each server is at."""
    with (
        asked(
            psycopg2.connect(
                host=postgres.admin.host,
                port=postgres.port,
                user=postgres.admin.user,
                password=postgres.admin.password,
                dbname="postgres",
            ),
            f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = '{postgres.app.database}'",
        ) as of_postgres,
        asked(
            pymysql.connect(
                host=mariadb.admin.host, port=mariadb.port, user=mariadb.admin.user, password=mariadb.admin.password
            ),
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)%' "
            "AND id <> CONNECTION_ID()",
        ) as of_mysql,
    ):
        yield {"postgres": of_postgres, "mysql": of_mysql}


def test_execution_timeout_ends_the_work(airflow: AirflowServer, busy: Busy) -> None:
    rest = Rest(airflow.origin, "admin")
    run = rest.trigger("timeouts", 240)
    path = f"/dags/timeouts/dagRuns/{quote(run, safe='')}/taskInstances"

    def states() -> dict[str, str | None]:
        return {task["task_id"]: task["state"] for task in rest.get(path)["task_instances"]}

    with suppress(TimeoutError):
        until(lambda: set(states().values()) == {"failed"}, "end of all tasks", 300)
    assert states() == dict.fromkeys(states(), "failed")
    assert {family: busy[family]() for family in FAMILIES} == {"postgres": 0, "mysql": 0}
    actual = rest.get(path)["task_instances"]
    assert len(actual) == 6
    for task in actual:
        (log,) = airflow.logs.rglob(f"dag_id=timeouts/run_id={run}/task_id={task['task_id']}/attempt=1.log")
        text = log.read_text()
        assert "AirflowTaskTimeout" in text, text[-3000:]
        assert _seconds_between(text, "Process timed out", "Task failed with exception") < AT_ONCE


def _seconds_between(text: str, first: str, second: str) -> float:
    moments = [
        next(
            datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))
            for line in map(json.loads, text.splitlines())
            if line["event"].startswith(event)
        )
        for event in (first, second)
    ]
    return (moments[1] - moments[0]).total_seconds()


def test_mark_failed_ends_the_work(airflow: AirflowServer, busy: Busy) -> None:
    rest = Rest(airflow.origin, "admin")
    run = rest.trigger("endless", 240)
    # Of each server: a driver's statement, a hook's, and one of code that uses a client.
    until(lambda: all(ask() == 3 for ask in busy.values()), "statements", 240)
    for family in FAMILIES:
        for left, task in ((2, family), (1, f"{family}_hook"), (0, f"{family}_client")):
            path = f"/dags/endless/dagRuns/{quote(run, safe='')}/taskInstances/{task}"
            (log,) = airflow.logs.rglob(f"dag_id=endless/run_id={run}/task_id={task}/attempt=1.log")
            assert rest.ask("PATCH", path, json={"new_state": "failed"}).ok
            _ends_at_once(log, lambda family=family, left=left: busy[family]() == left)  # type: ignore[misc] # mypy takes no default here


def _ends_at_once(log: Path, has_ended: Callable[[], bool]) -> None:
    def is_told() -> bool:
        return "Server indicated the task shouldn't be running anymore" in log.read_text()

    until(is_told, "heartbeat", NOTICED)
    noticed = time.monotonic()
    until(has_ended, "end of the statement", NOTICED)
    # Half a second is what looking takes.
    assert time.monotonic() - noticed < AT_ONCE + 0.5
