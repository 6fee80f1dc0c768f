"""Incremental state in DAG runs: which run reads what, when runs fail, are tried again, done again or done late."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import RunDag
from tests.airflow.operators.conftest import CANARY, Fragile, Shop, forget_runs


def set_success(day: int) -> None:
    """Mark the run of a day as people do, which leaves failed tasks what they are."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        query = session.query(DagRun).filter_by(dag_id="incremental")
        query.filter_by(logical_date=datetime(2030, 1, day, tzinfo=timezone.utc)).update({"_state": "success"})


def test_each_run_reads_what_is_new(shop: Shop) -> None:
    shop.add(1, 2)
    assert shop.run(1).state == "success"
    shop.run(2)
    shop.add(3)
    shop.run(3)
    assert Fragile.seen == [[1, 2], [], [3]]


def test_a_row_with_the_cursor_value_that_comes_late_is_read_once(shop: Shop) -> None:
    shop.add(1, 2, at="2024-01-01 12:00:00")
    shop.run(1)
    shop.add(3, at="2024-01-01 12:00:00")
    shop.run(2)
    shop.run(3)
    assert Fragile.seen == [[1, 2], [3], []]


def test_the_cursor_value_of_a_run_that_failed_downstream_does_not_count(shop: Shop) -> None:
    shop.add(1)
    shop.run(1)
    shop.add(2)
    Fragile.failing = True
    run = shop.run(2)
    assert (run.state, run.states["extract"]) == ("failed", "success")
    Fragile.failing = False
    shop.add(3)
    shop.run(3)
    assert Fragile.seen == [[1], [2, 3]]


def test_the_cursor_value_of_a_run_that_succeeds_although_its_load_failed_does_not_count(shop: Shop) -> None:
    shop.has_last_task = True
    shop.add(1)
    shop.run(1)
    shop.add(2)
    Fragile.failing = True
    run = shop.run(2)
    assert (run.state, run.states["load"], run.states["last"]) == ("success", "failed", "success")
    Fragile.failing = False
    shop.add(3)
    shop.run(3)
    shop.run(4)
    assert Fragile.seen == [[1], [2, 3], []]


def test_the_cursor_value_of_a_run_that_people_call_a_success_counts(shop: Shop) -> None:
    shop.add(1)
    Fragile.failing = True
    assert shop.run(1).state == "failed"
    set_success(1)
    Fragile.failing = False
    shop.add(2)
    shop.run(2)
    assert Fragile.seen == [[2]]


def test_a_retry_downstream_loses_nothing(shop: Shop) -> None:
    shop.add(1)
    Fragile.failures = 1
    run = shop.run(1)
    assert (run.state, run.tries["load"]) == ("success", 2)
    shop.add(2)
    shop.run(2)
    assert Fragile.seen == [[1], [2]]


def test_a_retry_of_the_extraction_begins_at_the_same_cursor_value(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from osiris_provider.runtime.staging import Staging

    write, tries = Staging.write, []

    def broken_at_first(self: Staging, parts: Sequence[str], reader: Any) -> Any:
        tries.append(parts)
        if len(tries) == 1:
            reader.read_all()
            message = "the disk went away"
            raise OSError(message)
        return write(self, parts, reader)

    shop.add(1)
    shop.run(1)
    shop.add(2)
    monkeypatch.setattr(Staging, "write", broken_at_first)
    assert shop.run(2).tries["extract"] == 2
    assert Fragile.seen == [[1], [2]]


def test_a_run_that_is_done_again_reads_the_same_range_and_moves_nothing_back(shop: Shop) -> None:
    for day in (1, 2, 3):
        shop.add(day)
        shop.run(day)
    shop.run(2)
    shop.add(4)
    shop.run(4)
    assert Fragile.seen == [[1], [2], [3], [2], [4]]


def test_the_newest_run_done_again_leaves_what_has_come_since_to_the_next(shop: Shop) -> None:
    shop.add(1)
    shop.run(1)
    shop.add(2, at="2024-01-02")
    shop.run(2)
    shop.add(3, at="2024-01-02")
    shop.add(4, at="2024-01-03")
    shop.run(2)
    shop.run(3)
    # What came at the moment of the cursor value may have been loaded or not, so it is read twice rather than never.
    assert Fragile.seen == [[1], [2], [2, 3], [3, 4]]


def test_a_first_run_without_rows_done_again_leaves_them_to_the_next(shop: Shop) -> None:
    shop.run(1)
    shop.add(1)
    shop.run(1)
    shop.run(2)
    shop.run(3)
    # What a writer had loaded for the first run, nothing, may stay so; what it reads now must not count as loaded.
    assert Fragile.seen == [[], [1], [1], []]


def test_a_backfill_begins_at_the_cursor_value_before_it_and_moves_nothing_back(shop: Shop) -> None:
    shop.add(1)
    shop.run(1)
    shop.add(2)
    shop.run(10)
    shop.run(5)
    shop.add(3)
    shop.run(11)
    assert Fragile.seen == [[1], [2], [2], [3]]


def test_a_run_that_is_gone_from_airflow_leaves_the_cursor_value_it_began_at(shop: Shop) -> None:
    for day in (1, 2):
        shop.add(day)
        shop.run(day)
    forget_runs()
    shop.add(3)
    shop.run(3)
    assert Fragile.seen == [[1], [2], [2, 3]]


def test_initial_value_is_where_the_first_run_begins(shop: Shop) -> None:
    shop.add(1, 2, 3)
    shop.run(1, initial_value="2024-01-01 00:02:00")
    shop.add(4)
    shop.run(2, initial_value="2024-01-01 00:02:00")
    assert Fragile.seen == [[2, 3], [4]]


def test_lookback_reads_again_what_may_have_come_late(shop: Shop) -> None:
    shop.add(10)
    shop.run(1)
    shop.add(8, 9)
    shop.run(2, lookback=90)
    assert Fragile.seen == [[10], [9, 10]]


def test_state_files_hold_the_cursor_value_and_no_secret(shop: Shop, staging_of_its_own: Path) -> None:
    shop.add(1)
    shop.run(1)
    shop.add(2)
    shop.run(2)
    first, second = sorted(staging_of_its_own.glob(".osiris-state/incremental/extract/-1/*.json"))
    actual = json.loads(second.read_text())
    assert actual["task"] == {"dag_id": "incremental", "task_id": "extract", "map_index": -1}
    assert (actual["source"], actual["column"]) == ("@duckdb.shop orders", "updated_at")
    assert (actual["low"]["text"], actual["high"]["text"]) == (
        "2024-01-01 00:01:00.000000",
        "2024-01-01 00:02:00.000000",
    )
    assert actual["high"]["type"] == "timestamp[us]"
    assert CANARY not in first.read_text() + second.read_text()


def test_another_table_begins_anew(shop: Shop, run_dag: RunDag) -> None:
    shop.add(1)
    shop.run(1)
    shop.execute("CREATE VIEW elsewhere AS FROM orders")
    config = {"connection": "@duckdb.shop", "table": "elsewhere", "incremental": {"column": "updated_at"}}
    with DAG("incremental", schedule=None) as dag:
        OsirisOperator(task_id="extract", driver="duckdb.extractor", config=config)
    moment = datetime(2030, 1, 2, tzinfo=timezone.utc)
    assert run_dag(dag, logical_date=moment, run_after=moment).xcom("extract")["rows"] == 1
