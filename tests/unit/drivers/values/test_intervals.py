"""Which spans of time PostgreSQL would cut, by their texts: the units and their sizes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.values.intervals import fine_parts

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
