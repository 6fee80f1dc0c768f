"""Run one DAG with one endless task in this process: ``python -m tests.airflow.killable KIND FAMILY QUERY``."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, BaseHook, BaseOperator
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.dag_runs import run_to_the_end
from tests.airflow.versions import store_dag


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
        print("on_kill of the operator", flush=True)  # noqa: T201 - for whoever reads the pipe


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


if __name__ == "__main__":
    with DAG(f"endless_{sys.argv[2]}", schedule=None) as dag:
        add_task(*sys.argv[1:])
    store_dag(dag)
    run_to_the_end(dag)
