"""No server connection outlives its task: not after success, failure or a kill (CONN-014)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pymysql
import pytest
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.drivers import OpensAndFails
from tests.airflow.task_processes import TaskProcesses
from tests.servers import Address, entry
from tests.servers.process import Server

KILLS = [
    ("mysql", signal.SIGTERM, "SELECT SLEEP(600) AS x"),
    ("mysql", signal.SIGKILL, "SELECT seq, REPEAT('x', 500) AS filler FROM seq_1_to_1000000000"),
    ("postgres", signal.SIGTERM, "SELECT generate_series(1, 1000000000) AS n, repeat('x', 500) AS filler"),
    ("postgres", signal.SIGKILL, "SELECT pg_sleep(600)::text AS x"),
]
"""Queries that never end, the server sending all the time or busy without a word."""
PROCESSES = {
    "mysql": "SELECT COUNT(*), COUNT(IF(command IN ('Query', 'Execute'), 1, NULL)) "
    "FROM information_schema.processlist WHERE db = %s",
    "postgres": "SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity WHERE datname = %s",
}
"""How many connections there are to a database, and how many of them are at work."""
MAX_WAIT = 90.0

OpenConnections = Callable[[], tuple[int, int]]


@pytest.fixture(params=["mysql", "postgres"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(family: str, request: pytest.FixtureRequest) -> Address:
    actual: Address = request.getfixturevalue(f"{family}_database")
    return actual


@pytest.fixture
def open_connections(family: str, address: Address, request: pytest.FixtureRequest) -> Iterator[OpenConnections]:
    """Ask the server how many connections there are to the test's database."""
    server: Server = request.getfixturevalue({"mysql": "mariadb"}.get(family, family))
    admin = server.admin
    login: dict[str, Any] = {"host": admin.host, "port": admin.port, "user": admin.user, "password": admin.password}
    with closing(
        pymysql.connect(**login) if family == "mysql" else psycopg2.connect(**login, dbname="postgres")
    ) as actual:

        def count() -> tuple[int, int]:
            with actual.cursor() as cursor:
                cursor.execute(PROCESSES[family], (address.database,))
                row = cursor.fetchone()
            actual.rollback()
            return row or (0, 0)

        yield count


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + MAX_WAIT
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {MAX_WAIT:.0f} s"
        time.sleep(0.05)


def test_conn_014_nothing_stays_open_after_success(
    family: str, address: Address, open_connections: OpenConnections, connections_file: ConnectionsFile, run_dag: RunDag
) -> None:
    connections_file({family: {"default": entry(address)}})
    with DAG(f"open_success_{family}", schedule=None) as dag:
        config = {"connection": f"@{family}.default", "query": "SELECT 1 AS one"}
        OsirisOperator(task_id="extract", driver=f"{family}.extractor", config=config)
    assert run_dag(dag).state == "success"
    wait_until(lambda: open_connections()[0] == 0, "closing")


def test_conn_014_nothing_stays_open_after_a_failure(
    family: str, address: Address, open_connections: OpenConnections, connections_file: ConnectionsFile, run_dag: RunDag
) -> None:
    connections_file({family: {"default": entry(address)}})
    with DAG(f"open_failure_{family}", schedule=None) as dag:
        OsirisOperator(task_id="fails", driver=OpensAndFails, config={"connection": f"@{family}"})
    assert run_dag(dag).state == "failed"
    wait_until(lambda: open_connections()[0] == 0, "closing")


@pytest.mark.parametrize(("family", "kind", "query"), KILLS, ids=lambda value: getattr(value, "name", None))
def test_conn_014_killing_a_task_mid_driver_closes_its_connection(
    family: str,
    address: Address,
    open_connections: OpenConnections,
    connections_file: ConnectionsFile,
    kind: signal.Signals,
    query: str,
    task_processes: TaskProcesses,
) -> None:
    """SIGTERM is what Airflow sends first (the operator's on_kill answers it), SIGKILL what it sends at last."""
    connections_file({family: {"default": entry(address)}})
    with task_processes.run("driver", family, query) as process:
        wait_until(lambda: open_connections()[1] > 0, "querying")
        process.send_signal(kind)
        wait_until(lambda: open_connections()[0] == 0, "closing")
