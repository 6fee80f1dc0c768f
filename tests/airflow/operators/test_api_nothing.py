"""An API that has nothing, or nothing new, in DAG runs: zero rows go through staging, and the writer writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import ConnectionsFile, Run, RunDag
from tests.servers.apis.scripted_api import ScriptedApi


@pytest.fixture
def api() -> Iterator[ScriptedApi]:
    rows = [{"id": 1, "at": "2026-01-01", "price": 1.5}]
    with ScriptedApi([], rows, [], [{"id": 2, "at": "2026-01-02", "price": None}]) as server:
        yield server


def test_a_dag_that_finds_nothing_succeeds_and_keeps_its_state(
    tmp_path: Path, run_dag: RunDag, connections_file: ConnectionsFile, api: ScriptedApi
) -> None:
    path = tmp_path / "target.duckdb"
    connections_file({"api": {"shop": {"base_url": api.origin}}, "duckdb": {"target": {"path": str(path)}}})

    def run(day: int) -> Run:
        with DAG("api_nothing", schedule=None) as dag:
            incremental = {"column": "at", "param": "since"}
            extract: dict[str, Any] = {"connection": "@api.shop", "path": "items", "incremental": incremental}
            rows = OsirisOperator(task_id="rows", driver="api.extractor", config=extract)
            load = {"connection": "@duckdb.target", "table": "rows", "write_mode": "append", "create_if_missing": True}
            OsirisOperator(task_id="load", driver="duckdb.writer", config=load, inputs={"rows": rows.output})
        moment = datetime(2026, 2, 1, tzinfo=timezone.utc) + timedelta(days=day)
        return run_dag(dag, logical_date=moment, run_after=moment)

    for day in range(4):
        assert run(day).state == "success", day
    with duckdb.connect(path) as connection:
        assert connection.execute("SELECT id, price FROM rows ORDER BY id").fetchall() == [(1, 1.5), (2, None)]
    since = [request.query.get("since") for request in api.requests]
    assert since == [None, None, "2026-01-01", "2026-01-01"]
