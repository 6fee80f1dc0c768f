"""Which column of a result is followed, in which order its values stand, and what is said where that may be wrong."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.incremental.cursor import CursorValue, Incremental
from osiris_provider.drivers.incremental.ordering import ordered_as
from osiris_provider.drivers.incremental.tracker import Tracker
from osiris_provider.errors import DataError
from osiris_provider.testing.state import MemoryState


def follow(
    table: pa.Table, column: str, state: MemoryState | None = None, read_as_texts: Any = (), **settings: Any
) -> CursorValue | None:
    """Return the cursor value after a run on a table."""
    state = state or MemoryState()
    tracker = Tracker("s", Incremental(column=column, **settings), state, "t", str, frozenset(read_as_texts))
    tracker.cursor_range()
    tracker.watch(table.to_reader()).read_all()
    return state.low


def named(*names: str) -> pa.Table:
    return pa.Table.from_arrays([pa.array([number]) for number in range(len(names))], names=list(names))


@pytest.mark.parametrize(
    ("names", "column", "value"),
    [
        (["a", "b"], "b", "1"),
        (["a", "B"], "b", "1"),
        (["B", "b"], "b", "1"),
        (["b", "a.b"], "a.b", "1"),
        (["a", "A.B"], "a.b", "1"),
    ],
)
def test_the_column_is_the_one_of_that_name_in_whatever_case(names: list[str], column: str, value: str) -> None:
    assert follow(named(*names), column) == CursorValue("int64", value)


@pytest.mark.parametrize(
    ("names", "column"),
    [(["a"], "b"), (["b", "b"], "b"), (["B", "b"], "bB"), (["B", "B"], "b"), (["a"], "a.b"), ([], "b")],
)
def test_a_column_that_is_not_there_once_is_an_error_that_lists_the_others(names: list[str], column: str) -> None:
    if not names:
        # A source that knows its columns by its rows has none if it has no rows.
        assert follow(pa.table({}), column) is None
        return
    with pytest.raises(DataError, match=rf"Step s: .*column '{column}' .* has {', '.join(names)}") as raised:
        follow(named(*names), column)
    assert (raised.value.step, raised.value.column) == ("s", column)


def test_a_field_inside_objects_is_followed() -> None:
    table = pa.table({"a": [{"b": {"c": 7}}, {"b": {"c": 5}}], "n": [1, 2]})
    assert follow(table, "a.b.c") == CursorValue("int64", "7")
    for column in ("a.b", "a.c", "a.b.c.d", "n.b", "z.b"):
        with pytest.raises(DataError, match=f"'{column}'"):
            follow(table, column)
    doubled = pa.Table.from_arrays([table["a"], table["a"]], names=["a", "a"])
    with pytest.raises(DataError, match="has a, a"):
        follow(doubled, "a.b.c")


def texts(*values: str, kind: Any = None) -> pa.Table:
    field = pa.field("c", pa.string())
    schema = pa.schema([field if kind is None else ordered_as(field, kind)])
    return pa.table({"c": values}, schema=schema)


@pytest.mark.parametrize(
    ("kind", "compare_as", "last"),
    [
        (None, None, "9"),
        (None, "number", "10"),
        (None, "text", "9"),
        ("number", None, "10"),
        # What the config says counts.
        ("number", "text", "9"),
    ],
)
def test_texts_stand_in_the_order_of_what_they_are(kind: Any, compare_as: Any, last: str) -> None:
    assert follow(texts("9", "10", kind=kind), "c", compare_as=compare_as) == CursorValue("string", last)


TIMES = ("2024-01-01T01:00:00+02:00", "2024-01-01T00:00:00Z")


def test_texts_that_are_all_times_are_compared_as_times() -> None:
    assert follow(texts(*TIMES), "c") == CursorValue("string", TIMES[1])
    assert follow(texts(*TIMES, "x"), "c") == CursorValue("string", "x")
    assert follow(texts(*TIMES), "c", compare_as="text") == CursorValue("string", TIMES[0])


@pytest.mark.parametrize(
    ("table", "settings", "read_as_texts", "said"),
    [
        (texts("[1]", kind="none"), {}, (), "of a type whose texts stand in another order than its values"),
        (
            texts("1"),
            {"compare_as": "number"},
            ("number",),
            "the source compares as such: after '99' it would leave out",
        ),
        (pa.table({"c": [1]}), {"compare_as": "text"}, (), "compare_as is for texts, and column 'c' is int64"),
        (texts('{"a": 1}'), {}, (), "holds JSON, which has no order. See config field incremental.compare_as"),
        (texts("x"), {"compare_as": "number"}, (), "'x', which is not a number"),
        (texts("x"), {"compare_as": "time"}, (), "holds times and 'x', which is none"),
    ],
)
def test_a_column_without_an_order_is_refused(
    table: pa.Table, settings: dict[str, Any], read_as_texts: Any, said: str
) -> None:
    with pytest.raises(DataError) as raised:
        follow(table, "c", read_as_texts=read_as_texts, **settings)
    assert said in str(raised.value)
    assert (raised.value.step, raised.value.column) == ("s", "c")


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        (texts("1", kind="number"), {"compare_as": "number"}),
        (texts("1"), {"compare_as": "text"}),
        (texts("1"), {}),
        (pa.table({"c": [1]}), {}),
    ],
)
def test_what_the_source_compares_in_the_same_way_is_followed(table: pa.Table, settings: dict[str, Any]) -> None:
    assert follow(table, "c", read_as_texts=("number",), **settings) is not None


NUMBERS, SPELT = "look like numbers, and are compared as texts", "are times in several spellings"


@pytest.mark.parametrize(
    ("table", "settings", "read_as_texts", "said"),
    [
        (texts("9", "10"), {}, (), [NUMBERS]),
        (texts("9", "10"), {"compare_as": "text"}, (), []),
        (texts("9", "8"), {}, (), []),
        (texts("9", "x10"), {}, (), []),
        (texts(*TIMES), {}, ("time",), [SPELT]),
        (texts(*TIMES), {}, (), []),
        (texts(TIMES[1], "2024-01-01T00:00:00.5Z"), {"compare_as": "time"}, ("time",), [SPELT]),
        (texts(TIMES[1], TIMES[1]), {}, ("time",), []),
        (texts(*TIMES, kind="time"), {}, ("time",), []),
        (texts("2999-01-01T00:00:00Z"), {}, (), ["1 rows have a c after the run's start or above all others"]),
    ],
)
def test_what_may_be_wrong_is_said(
    table: pa.Table, settings: dict[str, Any], read_as_texts: Any, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        follow(table, "c", read_as_texts=read_as_texts, **settings)
    assert len(caplog.messages) == len(said)
    for message, words in zip(caplog.messages, said, strict=True):
        assert message.startswith("Step s: ")
        assert words in message


def test_rows_that_were_not_asked_for_are_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    state = MemoryState(low=CursorValue("int64", "5"))
    tracker = Tracker("s", Incremental(column="c"), state, "t", str)
    tracker.cursor_range()
    with caplog.at_level(logging.WARNING):
        got = tracker.watch(pa.table({"c": [4, 5, 6, 3]}).to_reader()).read_all()
    assert got["c"].to_pylist() == [5, 6]
    [said] = caplog.messages
    assert said.startswith("Step s: the source sent 2 rows with a c before 5, which was not asked for")
