"""A kill of a task that works with a hook ends its statement at the server, whatever operator the task is of."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from airflow.sdk import BaseOperator
from osiris_provider.hooks.mysql import OsirisMySQLHook

from tests.airflow.conftest import ConnectionsFile
from tests.airflow.killable import BETWEEN, KILLS, SECOND
from tests.airflow.operators.test_cleanup import wait_until
from tests.airflow.task_processes import TaskProcess, TaskProcesses
from tests.integration.sql.test_interrupted import BUSY_POSTGRES, NUMBERS, busy_mysql
from tests.integration.stopping import AT_ONCE, stops
from tests.integration.work import login
from tests.servers import Address, MySQLFamilyServer, PostgresServer, entry
from tests.servers.kinds import MYSQL_AND_MARIADB

SLEEP = {"mysql": "SELECT SLEEP(60)", "postgres": "SELECT pg_sleep(60)"}
KINDS = ("hook", "thread", "client")
LEFT = 30.0
"""Seconds until the process is at its end, which comes before that of the statement by itself."""


def killed(process: TaskProcess, at_work: Callable[[], list[Any]]) -> str:
    """Send SIGTERM as Airflow's supervisor does, and return what the process has said."""
    wait_until(lambda: bool(at_work()), "querying")
    process.send_signal(signal.SIGTERM)
    stops(at_work)
    return process.rest(LEFT)


@MYSQL_AND_MARIADB
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_ends_the_statement_of_a_hook_on_mysql(
    kind: str,
    mysql_family: MySQLFamilyServer,
    mysql_database: Address,
    connections_file: ConnectionsFile,
    task_processes: TaskProcesses,
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database)}})
    with (
        task_processes.run(kind, "mysql", SLEEP["mysql"]) as process,
        busy_mysql(mysql_family, mysql_database) as at_work,
    ):
        said = killed(process, at_work)
    assert "StoppedError: The task was stopped." in said
    assert ("on_kill of the operator" in said) == (kind == "thread")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_ends_the_statement_of_a_hook_on_postgres(
    kind: str,
    postgres: PostgresServer,
    postgres_database: Address,
    connections_file: ConnectionsFile,
    task_processes: TaskProcesses,
) -> None:
    connections_file({"postgres": {"default": entry(postgres_database)}})
    with (
        task_processes.run(kind, "postgres", SLEEP["postgres"]) as process,
        closing(psycopg2.connect(**login(postgres.admin, dbname="postgres"))) as admin,
        admin.cursor() as cursor,
    ):
        admin.autocommit = True

        def at_work() -> list[Any]:
            cursor.execute(BUSY_POSTGRES, [postgres_database.database])
            return list(cursor.fetchall())

        said = killed(process, at_work)
    assert "StoppedError: The task was stopped." in said


@pytest.mark.parametrize("kind", ["hook", "client"])
def test_a_kill_ends_the_statement_of_a_hook_on_duckdb(
    kind: str, connections_file: ConnectionsFile, task_processes: TaskProcesses
) -> None:
    connections_file({"duckdb": {"default": {"path": ":memory:"}}})
    with task_processes.run(kind, "duckdb", f"SELECT count(*) {NUMBERS}") as process:
        said = ""
        while "Running statement" not in said:
            line = process.stdout.readline()
            assert line, said
            said = line
        time.sleep(AT_ONCE)
        process.send_signal(signal.SIGTERM)
        said = process.rest(LEFT)
    assert "StoppedError: The task was stopped." in said


@pytest.mark.parametrize("family", ["mysql", "postgres", "duckdb"])
def test_a_kill_between_two_statements_lets_no_other_begin(
    family: str,
    mysql_database: Address,
    postgres_database: Address,
    connections_file: ConnectionsFile,
    task_processes: TaskProcesses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a hook, in whatever thread, of a driver, of a client; what cleans up and what comes after works."""
    addresses = {"mysql": mysql_database, "postgres": postgres_database}
    entries = {name: entry(address) for name, address in addresses.items()}
    connections_file({family: {"default": entries.get(family, {"path": ":memory:"})}})
    monkeypatch.setenv(KILLS, str(tmp_path))
    kills = count(1)
    said: list[str] = []
    with task_processes.run("between", family, "") as process:
        for line in process.stdout:
            said.append(line)
            if BETWEEN in line:
                process.send_signal(signal.SIGTERM)
                (tmp_path / str(next(kills))).touch()
    text = "".join(said)
    assert SECOND not in text, text
    assert text.count(BETWEEN) == text.count("StoppedError: The task was stopped.") == 4, text
    assert [line.partition(" WORKS")[0] for line in said if "WORKS: (3" in line] == [
        "on_kill",
        "callback",
        "on_kill",
        "next task",
    ], text


def test_without_a_task_a_hook_leaves_signals_and_operators_alone(
    mysql_database: Address, connections_file: ConnectionsFile
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database)}})
    before = signal.getsignal(signal.SIGTERM)
    with closing(OsirisMySQLHook("@mysql.default").get_conn()):
        pass
    assert signal.getsignal(signal.SIGTERM) is before
    assert "on_kill" not in vars(BaseOperator(task_id="another"))
