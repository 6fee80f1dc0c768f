"""Rows that are ahead of their time, and runs that are done again: each row is delivered once, and no other is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue, Incremental, decoded_schema
from osiris_provider.drivers.incremental.tracker import Tracker
from osiris_provider.testing.state import MemoryState

FUTURE = "2999-01-01T00:00:00Z"
PAST = [f"2024-01-0{day}T00:00:00Z" for day in range(1, 6)]
INF = float("inf")


def run(rows: pa.Table, state: MemoryState, size: int = 2, **settings: Any) -> list[int]:
    """Return the numbers of the rows that a run delivers, of a source that sends all that it has."""
    tracker = Tracker("s", Incremental(column="c", **settings), state, "t", str)
    tracker.cursor_range()
    got: list[int] = tracker.watch(rows.to_reader(size)).read_all()["n"].to_pylist()
    return got


def table(*values: Any) -> pa.Table:
    return pa.table({"n": range(len(values)), "c": values})


@pytest.mark.parametrize(
    ("values", "last", "later"), [([PAST[0], FUTURE, PAST[1]], PAST[1], PAST[2]), ([1.0, INF, 2.0], "2.0", 3.0)]
)
def test_what_is_ahead_is_delivered_once_and_is_no_cursor_value(values: list[Any], last: str, later: Any) -> None:
    state = MemoryState()
    assert run(table(*values), state) == [0, 1, 2]
    assert state.low is not None
    assert state.low.text == last
    assert state.low.ahead is not None
    # It is known again, with the row at the cursor value.
    assert len(state.low.seen or ()) == 2
    assert run(table(*values, later), state) == [3]
    assert run(table(*values, later), state) == []


def test_where_all_is_ahead_the_cursor_value_stays() -> None:
    state = MemoryState()
    assert run(table(FUTURE), state) == [0]
    # There is none to keep the row with.
    assert state.low is None
    assert run(table(PAST[0]), state) == [0]
    before = state.low
    assert before is not None
    assert before.ahead is None
    ahead = pa.table({"n": [1, 2], "c": [FUTURE, FUTURE]})
    assert run(ahead, state) == [1, 2]
    assert state.low == before
    assert len(state.low.seen or ()) == 2
    assert run(ahead, state) == []


def test_nothing_new_leaves_the_state_as_it_is() -> None:
    state = MemoryState(low=CursorValue("int64", "7", ("a",)))
    assert run(table().cast(pa.schema([("n", pa.int64()), ("c", pa.int64())])), state) == []
    assert state.low is not None
    assert (state.low.text, state.low.seen, state.advanced) == ("7", ("a",), 1)


def test_a_run_that_is_done_again_reads_what_it_read() -> None:
    first = MemoryState(low=CursorValue("int64", "1"))
    assert run(table(1, 2, 3), first) == [0, 1, 2]
    again = MemoryState(low=CursorValue("int64", "1"), high=first.low)
    # Of what has come since, what is up to there was there, as far as anyone can know.
    assert run(table(1, 2, 3, 4, 3), again) == [0, 1, 2, 4]
    assert again.low == CursorValue("int64", "3")


def test_rows_without_a_value_are_in_a_run_that_is_done_again() -> None:
    rows = table(1, None, 5, 3)
    assert run(rows, MemoryState(high=CursorValue("int64", "3")), nulls="include") == [0, 1, 3]
    assert run(rows, MemoryState(high=CursorValue("int64", "3")), nulls="exclude") == [0, 3]


@pytest.mark.parametrize("values", [[PAST[0], FUTURE], [1.0, INF]])
def test_a_run_that_is_done_again_has_the_rows_ahead_that_it_had(values: list[Any]) -> None:
    first = MemoryState()
    run(table(*values), first)
    assert first.low is not None
    tracker = Tracker("s", Incremental(column="c"), MemoryState(high=first.low), "t", str)
    # They lie above the cursor value, so no upper end is asked for.
    assert tracker.cursor_range().high is None
    assert run(table(*values, values[1], values[0]), MemoryState(high=first.low)) == [0, 1, 3]


def test_where_the_rows_ahead_are_too_many_to_be_known_all_of_them_come() -> None:
    first = MemoryState()
    run(table(PAST[0], FUTURE), first)
    assert first.low is not None
    again = MemoryState(high=replace(first.low, seen=None))
    assert run(table(PAST[0], FUTURE, FUTURE, PAST[1]), again) == [0, 1, 2]


def test_the_range_of_a_run_has_both_its_ends() -> None:
    low, high = CursorValue("int64", "1"), CursorValue("int64", "9")
    cases: list[tuple[MemoryState, dict[str, Any], CursorValue | None]] = [
        (MemoryState(high=high), {}, None),
        (MemoryState(high=high), {"initial_value": 5}, CursorValue("int64", "5")),
        (MemoryState(low, high), {}, low),
        (MemoryState(low, high), {"lookback": 1}, CursorValue("int64", "0")),
    ]
    for state, settings, asked in cases:
        asking = Tracker("s", Incremental(column="c", **settings), state, "t", str).cursor_range()
        assert (asking.column, asking.low, asking.high, asking.with_nulls) == ("c", asked, high, True)
        assert asking.inclusive
    exclusive = Incremental(column="c", inclusive=False, nulls="exclude")
    for state, is_inclusive in ((MemoryState(low), False), (MemoryState(), True)):
        asking = Tracker("s", exclusive, state, "t", str).cursor_range()
        assert (asking.inclusive, asking.with_nulls) == (is_inclusive, False)


def test_the_state_keeps_the_schema_for_the_next_run() -> None:
    state, rows = MemoryState(), table(1, 2)
    run(rows, state)
    assert state.low is not None
    assert decoded_schema(state.low.schema) == rows.schema
    assert Tracker("s", Incremental(column="c"), state, "t", str).cursor_range().schema == state.low.schema
    # A column that has come since makes no other rows of these.
    assert run(rows.append_column("new", [[None, None]]), state) == []


@pytest.mark.parametrize("inclusive", [True, False])
def test_rows_at_the_cursor_value_are_known_again_if_they_are_asked_for_again(inclusive: bool) -> None:
    state = MemoryState()
    assert run(table(1, 2, 2), state, inclusive=inclusive) == [0, 1, 2]
    assert state.low is not None
    assert (state.low.seen is not None) == inclusive
