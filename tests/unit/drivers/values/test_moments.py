"""Each type of dates and times into each kind of column, at the edges of both: nothing is cut or counted wrongly."""

from __future__ import annotations

import datetime as dt
import re
from fractions import Fraction
from typing import Any, cast

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments
from osiris_provider.drivers.sql.values.lossless import misread, round_moments
from osiris_provider.drivers.sql.values.sent import SentAs

from tests.unit.drivers.values import refusal

UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
DAY = 86_400
FIRST = (dt.date(1, 1, 1) - dt.date(1970, 1, 1)).days
# The calendar repeats after 400 years, which Python's does not reach.
LEAST = (dt.date(33, 1, 1) - dt.date(1970, 1, 1)).days - 82 * 146_097
END = (dt.date(368, 1, 1) - dt.date(1970, 1, 1)).days + 81 * 146_097
EDGES = [0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, 2**63 - 2, -(2**63), -(2**63) + 1, 2**62]
MICROS = [(2**63 - 1) // 1000, (2**63 - 1) // 10**6]


def moments(dtype: pa.DataType) -> list[int]:
    """Return numbers that a type counts with."""
    low, high = bounds(dtype)
    per_day = 1 if dtype == pa.date32() else DAY * 10 ** UNITS[getattr(dtype, "unit", "ms")]
    days = [day * per_day + more for day in (LEAST, FIRST, END, 0, 20_000) for more in (-1, 0, 1, per_day // 2)]
    limits = [sign * (limit + more) for limit in MICROS for more in (-1, 0, 1) for sign in (1, -1)]
    parts = [sign * part * 10**digits for part in (1, 5, 15, 60, 3600) for digits in range(10) for sign in (1, -1)]
    return sorted({one for one in (*EDGES, *days, *limits, *parts) if low <= one <= high})


def bounds(dtype: pa.DataType) -> tuple[int, int]:
    """Return the least and the greatest number that a type counts with."""
    if pa.types.is_time(dtype):
        return 0, DAY * int(10 ** UNITS[dtype.unit]) - 1
    return -(2 ** (dtype.bit_width - 1)), 2 ** (dtype.bit_width - 1) - 1


def column_of(ticks: int, dtype: pa.DataType) -> pa.Array:
    return pa.array([ticks], pa.int32() if dtype.bit_width == 32 else pa.int64()).view(dtype)


TIMESTAMPS = [pa.timestamp(unit, zone) for unit in UNITS for zone in (None, "UTC")]
TIMES = [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
DURATIONS = [pa.duration(unit) for unit in UNITS]
DAYS = [pa.date32(), pa.date64()]


@pytest.mark.parametrize("dtype", [*TIMESTAMPS, *TIMES, *DURATIONS], ids=str)
@pytest.mark.parametrize("fraction", [0, 3, 6, 9])
def test_nothing_of_a_second_is_cut(dtype: pa.DataType, fraction: int) -> None:
    limits = ColumnConstraints(moments=Moments("time" if dtype in (*TIMES, *DURATIONS) else "timestamp", fraction))
    for ticks in moments(dtype):
        seconds = Fraction(ticks, 10 ** UNITS[dtype.unit])
        # DuckDB knows durations in microseconds.
        is_kept = (seconds * 10 ** (min(fraction, 6) if dtype in DURATIONS else fraction)).denominator == 1
        # Timestamps and durations are sent as microseconds of 64 bits, times fit always.
        is_sent = dtype in TIMES or abs(seconds * 10**6) < 2**63
        is_coarse = UNITS[dtype.unit] < 6
        refused = refusal(column_of(ticks, dtype), limits, sent_as="arrow")
        assert (not refused) == (is_kept and (is_sent or not is_coarse)), ticks
        assert (not refusal(column_of(ticks, dtype), limits, lossy="round")) == (is_sent or not is_coarse), ticks


@pytest.mark.parametrize("dtype", [*TIMESTAMPS, *TIMES, *DURATIONS], ids=str)
@pytest.mark.parametrize("fraction", [0, 3, 6, 9])
def test_halves_go_up_and_nothing_beyond_the_type(dtype: pa.DataType, fraction: int) -> None:
    step = max(1, 10 ** UNITS[dtype.unit] // 10**fraction)
    low, high = bounds(dtype)
    for ticks in moments(dtype):
        expected = (ticks + step // 2) // step * step
        if not low <= expected <= high:
            expected += step if expected < low else -step
        rounded = round_moments(pa.concat_arrays([column_of(ticks, dtype), pa.nulls(1, dtype)]), fraction)
        assert rounded.equals(pa.concat_arrays([column_of(expected, dtype), pa.nulls(1, dtype)])), ticks


@pytest.mark.parametrize("dtype", [*TIMESTAMPS, *DAYS], ids=str)
def test_years_that_arrow_cannot_write_are_refused_where_it_writes(dtype: pa.DataType) -> None:
    written = ColumnConstraints(moments=Moments("timestamp", 9, as_text=True))
    per_day = 1 if dtype == pa.date32() else DAY * 10 ** UNITS[getattr(dtype, "unit", "ms")]
    for ticks in moments(dtype):
        is_written = FIRST * per_day <= ticks < END * per_day
        is_coarse = pa.types.is_timestamp(dtype) and UNITS[dtype.unit] < 6
        is_sent = not is_coarse or abs(ticks) * 10 ** (6 - UNITS[dtype.unit]) < 2**63
        assert (not refusal(column_of(ticks, dtype), written, sent_as="arrow")) == (is_written and is_sent), ticks
        # A column of texts would keep that there is no such text.
        is_text = LEAST * per_day <= ticks < END * per_day
        assert (not refusal(column_of(ticks, dtype), ColumnConstraints(), sent_as="arrow")) == is_text, ticks


@pytest.mark.parametrize("dtype", [pa.timestamp("ns"), pa.time64("ns"), pa.duration("ns")], ids=str)
@pytest.mark.parametrize("ticks", [1, 999, 1000, 1001])
def test_nanoseconds_are_sent_or_refused(dtype: pa.DataType, ticks: int) -> None:
    keeping = {"arrow": [pa.time64("ns"), pa.timestamp("ns")], "json": [pa.timestamp("ns")], "text": []}
    values = column_of(ticks, dtype)
    nested = pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1], values)], ["a"])
    for sent_as, kept in keeping.items():
        for column in (values, nested):
            is_json = sent_as == "text" and column is nested
            is_sent = ticks == 1000 or dtype in (keeping["json"] if is_json else kept)
            assert (not refusal(column, ColumnConstraints(), sent_as=cast("SentAs", sent_as))) == is_sent
            assert not refusal(column, ColumnConstraints(), lossy="round", sent_as=cast("SentAs", sent_as))


def test_nanoseconds_of_spans_do_not_go_into_a_list_of_duckdb() -> None:
    for nanoseconds, is_sent in ((0, True), (1000, True), (1001, False), (-1, False)):
        spans = pa.array([[(1, 2, 0), (1, 2, nanoseconds)]], pa.list_(pa.month_day_nano_interval()))
        assert (not refusal(spans, ColumnConstraints(), sent_as="arrow")) == is_sent
        assert not refusal(spans, ColumnConstraints(), sent_as="text"), "in JSON they are three numbers"


@pytest.mark.parametrize("dtype", [*TIMESTAMPS, *DAYS, pa.timestamp("us", "Asia/Tokyo"), pa.int64()], ids=str)
def test_what_has_no_text_in_json_is_refused(dtype: pa.DataType) -> None:
    for ticks in moments(dtype):
        column = column_of(ticks, dtype)
        nested = pa.ListArray.from_arrays([0, 1], column)
        try:
            column.to_pylist()
        except OverflowError:
            is_text = False
        else:
            is_text = True
        assert (not refusal(nested, ColumnConstraints())) == is_text
        assert (not refusal(nested, ColumnConstraints(), sent_as="json")) == is_text
        assert not refusal(nested, ColumnConstraints(), sent_as="arrow")


@pytest.mark.parametrize("dtype", TIMESTAMPS, ids=str)
def test_a_column_of_days_takes_midnights_only(dtype: pa.DataType) -> None:
    for ticks in moments(dtype):
        column = column_of(ticks, dtype)
        if abs(ticks) < 2**63 // 10 ** max(0, 6 - UNITS[dtype.unit]):
            is_midnight = ticks % (DAY * 10 ** UNITS[dtype.unit]) == 0
            assert (not refusal(column, ColumnConstraints(moments=Moments("date")))) == is_midnight, ticks
            assert not refusal(column, ColumnConstraints(moments=Moments("date")), lossy="round")


KINDS = ["date", "time", "timestamp", "year", "interval"]
TAKEN = {
    "date": (*DAYS, *TIMESTAMPS),
    "timestamp": (*DAYS, *TIMESTAMPS),
    "time": (*TIMES, *DURATIONS),
    "interval": (*TIMES, *DURATIONS),
    "year": (pa.int8(), pa.int64(), pa.uint16()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_kind_is_no_moment(kind: str) -> None:
    limits = ColumnConstraints(moments=Moments(kind))  # type: ignore[arg-type] # one of KINDS
    types = {*(dtype for taken in TAKEN.values() for dtype in taken), pa.float64(), pa.decimal128(20, 0), pa.bool_()}
    for dtype in types:
        column = (
            pa.array([0], pa.int64()).cast(dtype, safe=False) if dtype not in (*DAYS, *TIMES) else column_of(0, dtype)
        )
        assert ("is no " in refusal(column, limits)) == (dtype not in TAKEN[kind]), dtype
    # Every server refuses these by itself.
    for column in (
        pa.nulls(1),
        pa.array([b"x"]),
        pa.array([b"x"], pa.large_binary()),
        pa.array([b"x"], pa.binary(1)),
        pa.array([[1]]),
    ):
        assert not refusal(column, limits), column.type
    assert not refusal(pa.array([None], pa.bool_()), limits)


@pytest.mark.parametrize("zoned", [True, False])
@pytest.mark.parametrize("kind", ["year", "date", "time", "timestamp"])
def test_a_text_of_the_form_that_is_asked_for_is_taken(kind: Any, zoned: bool) -> None:
    limits = ColumnConstraints(moments=Moments(kind, zoned=zoned))

    def problems(text: str) -> list[str]:
        return [reason for bad, reason in misread(pa.array([text]), limits) if bad[0].as_py()]

    (reason,) = problems("soon")
    assert ("in UTC if it names a zone" in reason) == (kind in ("time", "timestamp") and not zoned)
    form = reason.partition(" form ")[2].partition(",")[0]
    assert problems(re.sub("[YMDHS]", "1", form)) == []
