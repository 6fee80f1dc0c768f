"""A task of a running Airflow that is killed after its commit, before Airflow knows: its retry, and its clearing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
import yaml

from tests.kills.driver import KILLED
from tests.servers import Address, PostgresServer
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import until

MODES = ("append", "replace", "upsert")
ROWS = 1000

pytestmark = pytest.mark.faults


@pytest.fixture
def airflow(tmp_path: Path, postgres: PostgresServer, postgres_database: Address) -> Iterator[AirflowServer]:
    postgres.create_database("airflow_of_kills")
    connections = {"version": 1, "connections": {"postgres": {"default": asdict(postgres_database)}}}
    (tmp_path / "osiris_connections.yaml").write_text(yaml.safe_dump(connections, allow_unicode=True))
    (tmp_path / "killed").mkdir()
    root = Path(__file__).parents[2]
    environment = {"OSIRIS_HOME": str(tmp_path), "PYTHONPATH": str(root), KILLED: str(tmp_path / "killed")}
    components = ("api-server", "scheduler", "dag-processor")
    metadata = postgres.app_on("airflow_of_kills")
    with AirflowServer(metadata, Path(__file__).parent / "dags", environment, components) as server:
        yield server
    postgres.drop_database("airflow_of_kills")


def query(address: Address, statement: str) -> list[tuple[Any, ...]]:
    login: dict[str, Any] = {"host": address.host, "port": address.port, "user": address.user}
    login |= {"password": address.password, "dbname": address.database}
    with closing(psycopg2.connect(**login)) as client, client.cursor() as cursor:
        client.autocommit = True
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def test_retry_writes_nothing_twice_and_clearing_replaces_and_upserts_anew(
    airflow: AirflowServer, postgres_database: Address
) -> None:
    admin = airflow.rest()
    run = admin.trigger("killed", 180)
    assert admin.finished("killed", run, 300) == "success"
    for mode in MODES:
        assert admin.task("killed", run, mode)["try_number"] == 2, "its first try was not killed"
        assert query(postgres_database, f"SELECT count(*), sum(n)::int FROM {mode}") == [(ROWS, ROWS * (ROWS - 1) // 2)]
        path = f"/dags/killed/dagRuns/{quote(run, safe='')}/taskInstances/{mode}/xcomEntries/return_value"
        assert str(ROWS) in str(admin.get(path)["value"])
    loads = "SELECT target, count(*), sum(rows_written)::int FROM _osiris_loads GROUP BY 1 ORDER BY 1"
    assert query(postgres_database, loads) == [(mode, 1, ROWS) for mode in MODES]

    for mode in MODES:
        query(postgres_database, f"DELETE FROM {mode} WHERE n = 7")
    admin.post(
        "/dags/killed/clearTaskInstances",
        {"dag_run_id": run, "task_ids": list(MODES), "dry_run": False, "only_failed": False},
    )
    until(lambda: all(admin.task("killed", run, mode)["try_number"] == 3 for mode in MODES), "third tries", 120)
    assert admin.finished("killed", run, 300) == "success"
    actual = {mode: query(postgres_database, f"SELECT count(*) FROM {mode}")[0][0] for mode in MODES}
    assert actual == {"append": ROWS - 1, "replace": ROWS, "upsert": ROWS}
