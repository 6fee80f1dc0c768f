"""What a run without Airflow keeps of how far its steps have read, and what it does not."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.pipelines.run.state import RunState
from osiris_provider.runtime.state import StateStore
from upath import UPath

AT = datetime(2026, 1, 2, tzinfo=timezone.utc)
SOURCE = ("@mysql.shop orders", "id")


def value(text: str) -> CursorValue:
    return CursorValue("int64", text)


def run(store: StateStore | None, days: int, reached: str | None, missing: str | None = None) -> CursorValue | None:
    """Make a run; return where its step began."""
    state = RunState(store, "orders", f"run {days}", AT + timedelta(days=days))
    step = state.of_step("extract")
    low = step.begin(*SOURCE).low
    if reached is not None:
        step.advance(value(reached))
    state.keep(lambda step: missing if step == "extract" else step)
    return low


def test_a_run_begins_where_the_newest_before_it_has_ended(tmp_path: Path) -> None:
    store = StateStore(tmp_path.as_uri(), UPath)
    assert [run(store, 0, "1"), run(store, 3, "3"), run(store, 2, "2")] == [None, value("1"), value("1")]
    assert run(store, 4, None) == value("3")
    assert run(store, 5, "5") == value("3")
    other = RunState(store, "orders", "run 6", AT + timedelta(days=6)).of_step("extract")
    assert other.begin("@mysql.shop customers", "id") == other.begin("@mysql.shop orders", "at")
    assert other.begin(*SOURCE).low == value("5")


def test_rows_that_a_step_has_not_got_are_read_again_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StateStore(tmp_path.as_uri(), UPath)
    with caplog.at_level(logging.WARNING):
        run(store, 0, "1")
        assert not caplog.messages
        run(store, 1, "2", missing="store")
    [message] = caplog.messages
    assert message.startswith("Step extract: how far it has read is not kept, because step store has not got its rows")
    assert run(store, 2, None) == value("1")


def test_without_a_store_nothing_is_kept() -> None:
    assert [run(None, day, "1") for day in range(2)] == [None, None]
