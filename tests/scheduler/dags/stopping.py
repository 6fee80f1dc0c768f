"""Tasks that would take for ever: some with a timeout, some that wait to be marked as failed."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, task
from osiris_provider import get_connector, resolve_connection
from osiris_provider.operators.osiris import OsirisOperator

SLOW = "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE hash(a.range + b.range) = 3"
EXTRACTS: dict[str, dict[str, Any]] = {
    "postgres": {"connection": "@postgres.default", "query": "SELECT pg_sleep(600)::text AS a", "engine": "cursor"},
    "mysql": {"connection": "@mysql.default", "query": "SELECT SLEEP(600) AS a"},
    "duckdb": {"connection": "@duckdb.scratch", "query": SLOW},
}
STATEMENTS = {"postgres": "SELECT pg_sleep(600)", "mysql": "SELECT SLEEP(600)", "duckdb": SLOW}
LIMIT = timedelta(seconds=10)


@task
def query(reference: str, statement: str) -> None:
    """Work as code of users may: with the client of a connector, and no hook."""
    connection = resolve_connection(reference)
    with (
        closing(get_connector(connection["family"]).create_client(connection)) as client,
        closing(client.cursor()) as cursor,
    ):
        cursor.execute(statement)
        cursor.fetchall()


with DAG("timeouts", schedule=None, is_paused_upon_creation=False):
    for family, config in EXTRACTS.items():
        OsirisOperator(task_id=f"{family}_driver", driver=f"{family}.extractor", config=config, execution_timeout=LIMIT)
    for family, sql in STATEMENTS.items():
        connection = EXTRACTS[family]["connection"].removeprefix("@").replace(".", "_")
        SQLExecuteQueryOperator(
            task_id=f"{family}_hook", conn_id=f"osiris_{connection}", sql=sql, execution_timeout=LIMIT
        )

with DAG("endless", schedule=None, is_paused_upon_creation=False):
    for family in ("postgres", "mysql"):
        OsirisOperator(task_id=family, driver=f"{family}.extractor", config=EXTRACTS[family])
        SQLExecuteQueryOperator(task_id=f"{family}_hook", conn_id=f"osiris_{family}_default", sql=STATEMENTS[family])
        query.override(task_id=f"{family}_client")(EXTRACTS[family]["connection"], STATEMENTS[family])
