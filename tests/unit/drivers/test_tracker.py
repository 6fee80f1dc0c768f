"""Cursor values over many runs: every row is read, and in a chain of runs that succeed exactly once."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.incremental.cursor import CursorValue, Incremental, decoded_schema, encoded_schema
from osiris_provider.drivers.incremental.ordering import Order, arrows_time_of, time_of
from osiris_provider.drivers.incremental.tracker import Tracker
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.testing.state import MemoryState

Rows = list[tuple[int, int]]
MAX_SEEN = 1_000
"""As documented."""


def read(
    rows: Sequence[tuple[int, Any]], state: MemoryState, kind: Any = None, size: int = 3, **settings: Any
) -> list[int]:
    """Do a run on a table, as a database would answer it."""
    tracker = Tracker("s", Incremental(column="c", **settings), state, "t", str)
    cursor_range = tracker.cursor_range()
    low = None if cursor_range.low is None else cursor_range.low.bound()
    actual = [(n, c) for n, c in rows if low is None or c > low or (cursor_range.inclusive and c == low)]
    schema = pa.schema([("n", pa.int64()), ("c", kind or pa.int64())])
    batches = [
        pa.RecordBatch.from_pydict(
            {"n": [n for n, _ in actual[start : start + size]], "c": [c for _, c in actual[start : start + size]]},
            schema=schema,
        )
        for start in range(0, len(actual), size)
    ]
    reader = tracker.watch(pa.RecordBatchReader.from_batches(schema, batches))
    got: list[int] = reader.read_all()["n"].to_pylist()
    return got


# What is added between runs never lies below what was there: the promise of a column that grows.
STEPS = st.lists(st.lists(st.integers(0, 2), max_size=6), max_size=6)


@given(STEPS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_row_is_read_exactly_once(steps: list[list[int]], size: int, random: Any) -> None:
    state, top = MemoryState(), 0
    rows: Rows = []
    got: list[int] = []
    for step in steps:
        base = top
        for rise in step:
            rows.append((len(rows), base + rise))
            top = max(top, base + rise)
        random.shuffle(rows)
        got += read(rows, state, size=size)
    assert sorted(got) == sorted(n for n, _ in rows)


@given(STEPS, st.integers(1, 3))
def test_lookback_loses_nothing_of_what_comes_late(steps: list[list[int]], late: int) -> None:
    state, top = MemoryState(), late
    rows: Rows = []
    got: set[int] = set()
    for step in steps:
        base = top - late
        for rise in step:
            rows.append((len(rows), base + rise))
            top = max(top, base + rise)
        got |= set(read(rows, state, lookback=late))
    assert got == {n for n, _ in rows}


@pytest.mark.parametrize("dtype", [pa.time64("ns"), pa.timestamp("ns"), pa.duration("ns")], ids=str)
def test_rows_at_the_cursor_value_that_differ_in_nanoseconds_are_told_apart(dtype: pa.DataType) -> None:
    state = MemoryState()
    for nanoseconds in (1, 2):
        tracker = Tracker("s", Incremental(column="c"), state, "t", str)
        tracker.cursor_range()
        table = pa.table({"c": [5], "t": pa.array([nanoseconds], dtype)})
        assert tracker.watch(table.to_reader()).read_all() == table


@pytest.mark.parametrize("nulls", ["include", "exclude"])
def test_rows_without_a_value_come_each_time_or_never(nulls: Any) -> None:
    state = MemoryState()
    table = pa.table({"c": [None, 5, None, 5, 4], "n": range(5)})
    without = [0, 2] if nulls == "include" else []
    for old in ([1, 3, 4], []):
        tracker = Tracker("s", Incremental(column="c", nulls=nulls), state, "t", str)
        assert tracker.cursor_range().with_nulls == (nulls == "include")
        got = tracker.watch(table.to_reader(2)).read_all()["n"].to_pylist()
        assert got == sorted([*without, *old])
        assert state.low is not None
        assert (state.low, len(state.low.seen or ())) == (CursorValue("int64", "5"), 2)
    with pytest.raises(
        DataError, match=r"Step s: 1 rows have no value in column 'c'.*incremental\.nulls: include"
    ) as said:
        Tracker("s", Incremental(column="c"), state, "t", str).watch(table.to_reader(2)).read_all()
    assert (said.value.step, said.value.column) == ("s", "c")


def test_rows_of_which_python_knows_no_values_are_read_again() -> None:
    state = MemoryState()
    table = pa.table({"c": [5, 5], "born": pa.array([0, 4_000_000], pa.date32())})
    for _ in range(2):
        tracker = Tracker("s", Incremental(column="c"), state, "t", str)
        tracker.cursor_range()
        assert tracker.watch(table.to_reader()).read_all().equals(table)
        assert state.low is not None
        assert state.low.seen is None


def test_rows_that_differ_only_in_what_they_hold_are_told_apart() -> None:
    state = MemoryState()
    assert read([(1, 5), (1, 5), (2, 5)], state) == [1, 1, 2]
    assert read([(1, 5), (1, 5), (2, 5), (3, 5)], state) == [3]


@pytest.mark.parametrize("size", [1, 300, 2 * MAX_SEEN])
def test_too_many_rows_at_the_cursor_value_are_read_again(size: int) -> None:
    for count, again in ((MAX_SEEN, 0), (MAX_SEEN + 1, MAX_SEEN + 1)):
        state = MemoryState()
        rows = [(n, 5) for n in range(count)]
        assert len(read(rows, state, size=size)) == count
        assert state.low is not None
        assert (state.low.seen is None) == bool(again)
        assert len(read(rows, state, size=size)) == again


def test_the_cursor_value_never_goes_back() -> None:
    state = MemoryState()
    read([(1, 10)], state)
    assert read([(2, 9)], state, lookback=5) == [2]
    assert state.low == CursorValue("int64", "10")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.list_(pa.int64()), [1]),
        (pa.bool_(), True),
        (pa.binary(), b"x"),
    ],
)
def test_types_that_cannot_be_a_cursor_are_refused(kind: pa.DataType, value: Any) -> None:
    with pytest.raises(DataError, match=r"Step s: column 'c' is .*, which cannot be used as an incremental cursor"):
        read([(1, value)], MemoryState(), kind)


def test_what_texts_are_is_said_of_texts_only() -> None:
    with pytest.raises(DataError, match=r"incremental\.compare_as is for texts, and column 'c' is int64"):
        read([(1, 5)], MemoryState(), compare_as="number")


def test_a_text_that_begins_as_json_is_a_text() -> None:
    assert read([(1, "[a] b"), (2, "{c"), (3, "[" * 100_000)], MemoryState(), pa.string()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("cursor_value", "dtypes"),
    [
        (
            CursorValue("string", "abc"),
            [pa.int64(), pa.date32(), pa.timestamp("us"), pa.decimal128(9, 2), pa.float64()],
        ),
        (CursorValue("uint64", str(2**64 - 1)), [pa.int8(), pa.int64()]),
        (CursorValue("double", "1.5"), [pa.decimal128(9, 2), pa.string()]),
        (CursorValue("decimal128(3, 1)", "1.5"), [pa.float32(), pa.string()]),
        (CursorValue("timestamp[us]", "2024-01-01 00:00:00"), [pa.int64(), pa.decimal128(9, 2)]),
        (CursorValue("int64", "7"), [pa.list_(pa.int64())]),
    ],
)
def test_a_column_of_another_type_than_it_had_begins_anew(cursor_value: CursorValue, dtypes: list[pa.DataType]) -> None:
    for dtype in dtypes:
        assert cursor_value.typed(dtype) is None, dtype
    state = MemoryState(low=CursorValue("timestamp[us]", "2024-01-01 00:00:00.000000"))
    tracker = Tracker("s", Incremental(column="c"), state, "t", str)
    tracker.cursor_range()
    assert tracker.watch(pa.table({"c": [3, 1]}).to_reader()).read_all()["c"].to_pylist() == [3, 1]
    assert state.low == CursorValue("int64", "3")


def test_a_schema_that_state_does_not_hold_is_none() -> None:
    schema = pa.schema([("ž", pa.list_(pa.int8())), ("c", pa.timestamp("ns", "UTC"))], {"of": "others"})
    assert decoded_schema(encoded_schema(schema)) == schema.remove_metadata()
    for text in (None, "no base64", "ž", base64.b64encode(b"no schema").decode(), f" {encoded_schema(schema)}"):
        assert decoded_schema(text) is None


def test_a_cursor_value_that_holds_a_secret_is_refused() -> None:
    state = MemoryState()
    tracker = Tracker("s", Incremental(column="c"), state, "hunter2 t", lambda text: text.replace("hunter2", "***"))
    assert state.sources == [("*** t", "c")]
    with pytest.raises(DataError, match="holds a secret of the connection") as raised:
        tracker.watch(pa.table({"c": ["a", "my hunter2"]}).to_reader()).read_all()
    assert "hunter2" not in str(raised.value)
    assert state.advanced == 0


@pytest.mark.parametrize(
    ("dtype", "text", "lookback"),
    [
        ("string", "abc", 1),
        ("string", "2026-01-31T00:00:00Z", 10**11),
        ("date32[day]", "2026-01-31", 30 * 86_400),
        ("timestamp[us]", "2026-01-31 00:00:00", 10**13),
        ("timestamp[ns, tz=UTC]", "2026-01-31 00:00:00", 1e300),
    ],
)
def test_lookback_needs_distances_within_all_times(dtype: str, text: str, lookback: float) -> None:
    state = MemoryState(low=CursorValue(dtype, text))
    with pytest.raises(DriverConfigError, match=rf"config field incremental\.lookback: .*{text}"):
        read([], state, pa.string(), lookback=lookback)


UTC = timezone.utc


@pytest.mark.parametrize(
    ("value", "kind", "text", "bound", "json"),
    [
        (7, pa.int8(), "7", 7, 7),
        (2**64 - 1, pa.uint64(), "18446744073709551615", 2**64 - 1, 2**64 - 1),
        (Decimal("1E-30"), pa.decimal256(65, 30), "0." + "0" * 29 + "1", Decimal("1E-30"), "1E-30"),
        (0.1, pa.float64(), "0.1", 0.1, 0.1),
        (0.5, pa.float32(), "0.5", 0.5, 0.5),
        (0.5, pa.float16(), "0.5", 0.5, 0.5),
        (date(2024, 2, 29), pa.date32(), "2024-02-29", "2024-02-29", "2024-02-29"),
        (date(2024, 2, 29), pa.date64(), "2024-02-29", "2024-02-29", "2024-02-29"),
        (
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            pa.timestamp("us", "Europe/Prague"),
            "2023-12-31 22:00:00.000000",
            "2023-12-31 22:00:00.000000+00:00",
            "2023-12-31T22:00:00.000000Z",
        ),
        (datetime(2024, 1, 1), pa.timestamp("ms"), "2024-01-01 00:00:00.000", "2024-01-01 00:00:00.000", None),  # noqa: DTZ001 - has no zone
        ("žluť 1", pa.large_string(), "žluť 1", "žluť 1", "žluť 1"),
    ],
)
def test_cursor_values_are_kept_exactly(value: Any, kind: pa.DataType, text: str, bound: Any, json: Any) -> None:
    cursor_value = CursorValue.of(pa.scalar(value, kind))
    assert cursor_value.text == text
    assert cursor_value.bound() == bound
    assert type(cursor_value.bound()) is type(bound)
    assert json is None or cursor_value.json() == json
    again = cursor_value.typed(kind)
    assert again is not None
    assert CursorValue.of(again[0]) == cursor_value
    # It is the same one, whatever rows had it.
    assert replace(cursor_value, seen=("a",), schema="s", ahead="2024-01-01") == cursor_value


@pytest.mark.parametrize(
    ("given_value", "bound"),
    [
        (5, 5),
        (Decimal("1.50"), Decimal("1.50")),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))), "2024-01-02 02:00:00+00:00"),
        (datetime(2024, 1, 2, 3), "2024-01-02 03:00:00"),  # noqa: DTZ001 - has no zone
        (1.5, 1.5),
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_initial_values(given_value: Any, bound: Any) -> None:
    # Of the type that the same value of a column has, but for the digits of a decimal; times are in UTC.
    of_arrow = str(pa.scalar(given_value).type).replace("+01:00", "UTC")
    assert of_arrow.startswith(CursorValue.given(given_value).type)
    settings = Incremental(column="c", initial_value=given_value)
    cursor_range = Tracker("s", settings, MemoryState(), "t", str).cursor_range()
    assert cursor_range.low is not None
    assert cursor_range.low.bound() == bound


@pytest.mark.parametrize(
    ("cursor_value", "lookback", "text"),
    [
        (CursorValue("int64", "10"), 2.5, "7"),
        (CursorValue("decimal128(9, 2)", "1.50"), 1, "0.50"),
        (CursorValue("double", "1.5"), 0.5, "1.0"),
        (CursorValue("date32[day]", "2024-03-01"), 1, "2024-02-29"),
        (CursorValue("timestamp[us]", "2024-03-01 00:00:00.000000"), 0.5, "2024-02-29 23:59:59.500000"),
        (CursorValue("timestamp[ns, tz=UTC]", "2024-03-01 00:00:00.000000001"), 60, "2024-02-29 23:59:00.000000001"),
        (CursorValue("timestamp[s]", "2024-03-01 00:00:01"), 0.5, "2024-03-01 00:00:00"),
        (CursorValue("string", "2024-03-01T00:00:00Z"), 1, "2024-02-29T23:59:59+00:00"),
        (CursorValue("string", "10"), 12, "-2"),
        (CursorValue("string", "-0.50"), 0.25, "-0.75"),
    ],
)
def test_lookback(cursor_value: CursorValue, lookback: float, text: str) -> None:
    assert cursor_value.before(lookback).text == text
    assert cursor_value.before(0) is cursor_value


@pytest.mark.parametrize(("unit", "digits"), [("s", ""), ("ms", ".000"), ("us", ".000000"), ("ns", ".000000000")])
def test_lookback_of_a_timestamp_is_in_seconds_whatever_its_unit(unit: str, digits: str) -> None:
    value = CursorValue(f"timestamp[{unit}]", f"2024-03-01 00:01:01{digits}").before(62)
    assert value == CursorValue(f"timestamp[{unit}]", f"2024-02-29 23:59:59{digits}")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-01T01:00:02.123456789+0200", datetime(2023, 12, 31, 23, 0, 2, 123456, UTC)),
        ("2024-01-01 01:00:02.5-05", datetime(2024, 1, 1, 6, 0, 2, 500_000, UTC)),
        ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("2024-02-29T23:59:59", datetime(2024, 2, 29, 23, 59, 59)),  # noqa: DTZ001 - has no zone
        ("2024-02-29", datetime(2024, 2, 29)),  # noqa: DTZ001 - has no zone
    ],
)
def test_arrow_reads_the_times_of_which_python_3_10_knows_few(text: str, moment: datetime) -> None:
    assert arrows_time_of(text) == time_of(text) == moment
    with pytest.raises(ValueError, match="no time in ISO 8601"):
        time_of(f"{text}?")


BEFORE_TEN = datetime(2026, 12, 31, 9, 59, 59, tzinfo=timezone.utc)
TEN = BEFORE_TEN + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("dtype", "moment", "latest"),
    [
        (pa.date32(), BEFORE_TEN, date(2026, 12, 31)),
        (pa.date32(), TEN, date(2027, 1, 1)),
        (pa.date64(), TEN, date(2027, 1, 1)),
        (pa.timestamp("s"), TEN, datetime(2027, 1, 1)),  # noqa: DTZ001 - of any place
        (pa.timestamp("ms", "Asia/Tokyo"), TEN, TEN),
        (pa.int64(), TEN, None),
    ],
)
def test_a_time_may_be_one_of_a_place_14_hours_ahead(
    dtype: pa.DataType, moment: datetime, latest: date | datetime | None
) -> None:
    limit = Order(dtype, is_undeclared=False).latest(pa.nulls(1, dtype), moment)
    assert (limit and limit.as_py()) == latest


TIMES = ["-infinity", "2024-01-01T00:00:00Z", "infinity"]
NUMBERS = ["-Infinity", "7", "Infinity", "NaN"]


@pytest.mark.parametrize(("kind", "texts"), [("time", TIMES), ("number", NUMBERS), ("text", TIMES), ("", NUMBERS)])
def test_what_is_no_value_of_its_own_is_no_cursor_value(kind: str, texts: list[str]) -> None:
    order, column = Order(pa.string(), kind, is_undeclared=True), pa.array(texts)
    assert order.keys(column).is_valid().to_pylist() == [text[-1].isdigit() or text[-1] == "Z" for text in texts]
    # What no later value can surpass comes each time.
    assert order.endless(column).to_pylist() == [text.lower() in ("infinity", "nan") for text in texts]


@pytest.mark.parametrize("dtype", [pa.float32(), pa.float64()])
def test_numbers_without_end_are_no_cursor_values(dtype: pa.DataType) -> None:
    column = pa.array([float("-inf"), 7.0, None, float("inf"), float("nan")], dtype)
    order = Order(dtype, is_undeclared=False)
    assert order.keys(column).to_pylist() == [None, 7.0, None, None, None]
    assert order.endless(column).to_pylist() == [False, False, False, True, True]
    assert Order(pa.int64(), is_undeclared=False).endless(pa.array([1, None])).to_pylist() == [False, False]
