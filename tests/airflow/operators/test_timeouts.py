"""``execution_timeout`` ends a task within a second, and is what it fails with."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import AIRFLOW, AirflowTaskTimeout
from tests.integration.stopping import AT_ONCE
from tests.servers import Address, entry

LIMIT = 1.0
SLOW = "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b WHERE hash(a.range + b.range) = 3"
TASKS: dict[str, Any] = {
    "postgres.extractor": {"query": "SELECT pg_sleep(60)::text AS a", "engine": "cursor"},
    "mysql.extractor": {"query": "SELECT SLEEP(60) AS a"},
    "duckdb.extractor": {"query": SLOW},
    "postgres, SQLExecuteQueryOperator": "SELECT pg_sleep(60)",
    "mysql, SQLExecuteQueryOperator": "SELECT SLEEP(60)",
    "duckdb, SQLExecuteQueryOperator": SLOW,
}


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Have the time of a task be its server's; what is raised while pyarrow imports pandas is lost, too."""
    for name in ("duckdb", "pandas", "psycopg2", "pyarrow.parquet", "pymysql"):
        import_module(name)
    pa.array([1]).to_pandas()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_fails_with_airflows_own_timeout(
    name: str,
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    postgres_database: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = name.split(".", maxsplit=1)[0].split(",", maxsplit=1)[0]
    addresses = {"mysql": mysql_database, "postgres": postgres_database}
    path = tmp_path / "x.duckdb"
    connections_file({family: {"main": entry(addresses[family]) if family in addresses else {"path": str(path)}}})
    # Before 3.3 Airflow does not say in dag.test what a task failed with.
    seen: list[tuple[float, BaseException | None]] = []
    began: list[float] = []
    told: Any = {
        "execution_timeout": timedelta(seconds=LIMIT),
        "on_execute_callback": lambda _: began.append(time.monotonic()),
        "on_failure_callback": lambda context: seen.append((time.monotonic(), context.get("exception"))),
    }
    with DAG("timeout_" + "".join(filter(str.isalpha, name)), schedule=None) as dag:
        if "," in name:
            fields = {"host": "h", **entry(addresses[family])} if family in addresses else {}
            monkeypatch.setenv("AIRFLOW_CONN_SLOW", _connection(family, fields, path))
            SQLExecuteQueryOperator(task_id="slow", conn_id="slow", sql=TASKS[name], **told)
        else:
            config = {"connection": f"@{family}.main", **TASKS[name]}
            OsirisOperator(task_id="slow", driver=name, config=config, **told)
    assert run_dag(dag).state == "failed"
    ((failed_at, error),) = seen
    assert isinstance(error, AirflowTaskTimeout) or (error is None and AIRFLOW < (3, 3))
    assert failed_at - began[0] < LIMIT + AT_ONCE


def _connection(family: str, fields: dict[str, Any], path: Path) -> str:
    slots = {"user": "login", "database": "schema"}
    actual = {slots.get(name, name): value for name, value in fields.items()}
    extra = {"path": str(path)} if family == "duckdb" else {}
    return json.dumps({"conn_type": f"osiris_{family}", **actual, "extra": extra})
