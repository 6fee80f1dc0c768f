"""Which spans of time PostgreSQL would cut, by their texts: the units and their sizes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments
from osiris_provider.drivers.sql.values.intervals import fine_parts

from tests.unit.drivers.values import refusal

# Beside each other: what a column with 6 digits of a second keeps, and what it does not.
TEXTS = {
    "us": ("2 us", "2.5 us"),
    "µs": ("2 µs", "2.5 µs"),
    "mic": ("2 microseconds", "2.5 microseconds"),
    "ms": ("0.002 ms", "0.0025 ms"),
    "millis": ("0.002 milliseconds", "0.0025 milliseconds"),
    "s": ("0.000002 s", "0.0000001 s"),
    "m": ("0.000001 min", "0.00000001 min"),
    "h": ("0.00000001 hours", "0.0000000005 hours"),
    "d": ("0.00000000125 days", "0.00000000025 days"),
    "w": ("0.00000001 weeks", "0.00000000025 weeks"),
    "mon": ("0.0000000005 mons", "0.00000000000025 mons"),
    "y": ("0.5 years", "0.04 years"),
    "dec": ("0.05 decades", "0.003 decades"),
    "c": ("0.005 centuries", "0.0003 centuries"),
    "mil": ("0.0005 millennia", "0.00003 millennia"),
    "capitals": ("2 US", "2.5 US"),
    "ISO": ("PT0.000002S", "PT0.0000001S"),
    "ISO months": ("P0.5M", "P0.0000000000001M"),
    "ISO minutes": ("PT0.000001M", "PT0.00000001M"),
    "exponents": ("2e-0006 s", "2e-7 s"),
    "exponents without end": ("2e0003 us", "2e-999999999 s"),
    "exponents beyond all numbers": ("2e+0 us", "2e+99999999999999999999 us"),
}


@pytest.mark.parametrize(("kept", "cut"), TEXTS.values(), ids=TEXTS)
def test_a_part_that_would_be_cut_is_seen(kept: str, cut: str) -> None:
    ((bad, _),) = fine_parts(pa.array([None, kept, cut]), 6)
    assert bad.to_pylist() == [False, False, True]


PARTS = {
    "year": (["1 year", "-2 years", "3y", "P1Y", "PT0S", "+1 YEAR 1 year"], 0),
    "month": (["1 mon", "2 months", "1 year 2 mons", "P1Y2M", "P2M"], 0),
    "day": (["1 d", "3 days", "1 year 2 mons 3 days", "P1Y2M3D", "P3D"], 0),
    "hour": (["1 h", "4 hours", "3 days 4 hours", "P3DT4H", "PT4H"], 3600),
    "minute": (["1 m", "5 mins", "1 minute", "4 hours 5 mins", "PT4H5M", "P1DT5M"], 60),
}
"""The smallest part that a column keeps, texts that have none that is smaller, and its seconds if times have it."""


@pytest.mark.parametrize("finest", PARTS)
def test_a_part_that_a_column_does_not_keep_is_seen(finest: str) -> None:
    limits = ColumnConstraints(moments=Moments("interval", finest=finest))  # type: ignore[arg-type] # one of PARTS
    kept = [text for name in list(PARTS)[: list(PARTS).index(finest) + 1] for text in PARTS[name][0]]
    finer = [text for name in list(PARTS)[list(PARTS).index(finest) + 1 :] for text in PARTS[name][0] if text != "PT0S"]
    for text in kept:
        assert not refusal(pa.array([text]), limits), text
    for text in [*finer, "1 second", "PT1S", f"1.5 {finest}s", "1 year ago", ""]:
        assert refusal(pa.array([text]), limits).endswith(f"smaller than a {finest}; write it as '1 {finest}'."), text
    seconds = PARTS[finest][1]
    for dtype in (pa.time32("s"), pa.duration("s"), pa.duration("ns"), pa.time64("us")):
        digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[dtype.unit]
        for ticks, is_kept in ((0, True), (seconds * 10**digits, True), (1, False), (seconds * 10**digits + 1, False)):
            column = pa.array([ticks], pa.int32() if dtype.bit_width == 32 else pa.int64()).cast(dtype)
            assert (not refusal(column, limits)) == is_kept, (dtype, ticks)
    assert refusal(pa.array([(1, 0, 0)], pa.month_day_nano_interval()), limits)
    assert not refusal(pa.nulls(1, pa.month_day_nano_interval()), limits)


@pytest.mark.parametrize(("fraction", "kept", "cut"), [(0, 10**9, 10**8), (3, -(10**6), 10**5), (9, 1, None)])
def test_nanoseconds_of_arrows_spans(fraction: int, kept: int, cut: int | None) -> None:
    limits = ColumnConstraints(moments=Moments("interval", fraction))
    for nanoseconds, is_cut in ((0, False), (kept, False), *([(cut, True)] if cut else [])):
        spans = pa.array([None, (9, 9, 1), None, (1, 2, nanoseconds)], pa.month_day_nano_interval()).slice(2)
        assert bool(refusal(spans.slice(1), limits)) == is_cut, nanoseconds
        assert spans.slice(1).offset > 0
