"""Run a DAG in this process whose tasks wait to be killed; see :mod:`tests.airflow.task_processes`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseHook, BaseOperator
from osiris_provider import get_connector, resolve_connection
from osiris_provider.drivers.step import REFERENCE, RESOLVED
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.dag_runs import run_to_the_end
from tests.airflow.versions import store_dag

BETWEEN = "BETWEEN TWO STATEMENTS"
SECOND = "THE SECOND STATEMENT WAS DONE"
WORKS = "WORKS"
KILLS = "KILLS_SENT"
"""The variable that names a directory: file ``1`` is there once the first kill between two statements has been sent."""
PAUSE = 0.3
"""Seconds that a kill gets to arrive."""
KILL_SECONDS = 60.0


def say(text: str) -> None:
    """Tell whoever reads the pipe."""
    print(text, flush=True)  # noqa: T201 - see above


class InAThread(BaseOperator):
    """Query with a hook outside of the main thread, and say so when it is killed."""

    def __init__(self, *, conn_id: str, sql: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id, self.sql = conn_id, sql

    def execute(self, context: Any) -> Any:
        del context
        hook: Any = BaseHook.get_hook(self.conn_id)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(hook.get_records, self.sql).result()

    def on_kill(self) -> None:
        say("on_kill of the operator")


class Two(BaseOperator):
    """Execute two statements with a hook, in the main thread or in another one; clean up with it when it is killed."""

    def __init__(self, *, conn_id: str, in_thread: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id, self.in_thread = conn_id, in_thread

    def execute(self, context: Any) -> None:
        del context
        hook: Any = BaseHook.get_hook(self.conn_id)
        if self.in_thread:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(two_statements, hook.get_conn).result()
        else:
            two_statements(hook.get_conn)

    def on_kill(self) -> None:
        works("on_kill", self.conn_id)


class TwoStatements:
    """A driver that executes two statements."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Any, ctx: Any) -> dict[str, Any]:
        del step_id, inputs, ctx
        connection = config[RESOLVED]
        two_statements(lambda: get_connector(connection["family"]).create_client(connection))
        return {}


def bare_client(family: str) -> Any:
    """Return a client that no hook and no operator of the package knows of."""
    return get_connector(family).create_client(resolve_connection(f"@{family}.default"))


def two_statements(connect: Callable[[], Any]) -> None:
    """Execute a statement, wait for the kill, and execute another one."""
    with closing(connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
        say(BETWEEN)
        wait_for_the_kill()
        cursor.execute("SELECT 2")
        cursor.fetchall()
        say(SECOND)


def wait_for_the_kill() -> None:
    """Wait until a kill has been sent, and has arrived."""
    sent = Path(os.environ[KILLS], str(next(_kills)))
    end = time.monotonic() + KILL_SECONDS
    while not sent.exists() and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(PAUSE)


_kills = count(1)


def query_with_a_bare_client(family: str, query: str) -> None:
    """Do what users do in a task of theirs."""
    with closing(bare_client(family)) as connection, closing(connection.cursor()) as cursor:
        say("Running statement")
        cursor.execute(query)
        cursor.fetchall()


def works(what: str, conn_id: str) -> None:
    """Say that a hook works."""
    hook: Any = BaseHook.get_hook(conn_id)
    actual = hook.get_first("SELECT 3")
    say(f"{what} {WORKS}: {actual}")


def add_task(kind: str, family: str, query: str) -> None:
    """Add the task to the DAG: of the operator of drivers, or one that works with a hook."""
    conn_id = f"osiris_{family}_default"
    if kind == "driver":
        config = {"connection": f"@{family}.default", "query": query}
        OsirisOperator(task_id="extract", driver=f"{family}.extractor", config=config)
    elif kind == "hook":
        SQLExecuteQueryOperator(task_id="query", conn_id=conn_id, sql=query)
    elif kind == "thread":
        InAThread(task_id="query", conn_id=conn_id, sql=query)
    elif kind == "client":
        PythonOperator(task_id="query", python_callable=query_with_a_bare_client, op_args=[family, query])
    elif kind == "between":
        add_tasks_of_two_statements(family, conn_id)


def add_tasks_of_two_statements(family: str, conn_id: str) -> None:
    """Add a task for each way to work, to be killed one after the other, and one that is left alone."""
    told: dict[str, Any] = {"trigger_rule": "all_done"}
    hook = Two(
        task_id="hook",
        conn_id=conn_id,
        in_thread=False,
        on_failure_callback=lambda _: works("callback", conn_id),
    )
    thread = Two(task_id="thread", conn_id=conn_id, in_thread=True, **told)
    driver = OsirisOperator(task_id="driver", driver=TwoStatements, config={REFERENCE: f"@{family}.default"}, **told)
    client = PythonOperator(
        task_id="client", python_callable=lambda: two_statements(lambda: bare_client(family)), **told
    )
    after = PythonOperator(task_id="after", python_callable=works, op_args=["next task", conn_id], **told)
    hook >> thread >> driver >> client >> after


def main(kind: str, family: str, query: str) -> None:
    """Run the DAG of a task; see :func:`add_task`."""
    with DAG(f"endless_{family}", schedule=None) as dag:
        add_task(kind, family, query)
    store_dag(dag)
    run_to_the_end(dag)
