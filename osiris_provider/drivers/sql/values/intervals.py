"""Columns that keep some parts of a span of time only: ``interval year to month`` drops days, silently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.dtypes import DIGITS, is_text, ticks
from osiris_provider.drivers.sql.values import lazy_compute as pc

if TYPE_CHECKING:
    import pyarrow as pa

Problem = tuple[Any, str]
"""Which rows have it, and what it is."""
_SECONDS: Final = {"year": 0, "month": 0, "day": 0, "hour": 3600, "minute": 60}
"""That a part has; 0 for those to which no second of a time is carried."""
_WORDS: Final = ("y|years?", "mons?|months?", "d|days?", "h|hours?", "m|mins?|minutes?")
_ISO: Final = ("Y", "M", "D", "H", "M")
"""How PostgreSQL lets one write these parts, in words and in ISO 8601."""
_PAIRS: Final = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-zµ]+)")
_RISKY: Final = r"(?i)\.\d*[1-9]\d*\s*[a-zµ]|\de-\d|\d\s*(us|ms|µs|mic|mill?is|mse)"
"""Parts that may be cut: of fractions, and less than a second."""
_DEEP: Final = re.compile(r"e[-+]?0*[1-9]\d{3}")
"""An exponent of which no column keeps the digits; to count with them would take hours."""
_MICROS: Final = 10**6
_MONTH: Final = 30 * 86_400 * _MICROS
_UNITS: Final = (
    *(("us", 0, 1), ("µs", 0, 1), ("mic", 0, 1), ("ms", 0, 1000), ("millis", 0, 1000)),
    *(("mil", 12_000, 0), ("mon", 1, 0), ("dec", 120, 0), ("c", 1200, 0), ("y", 12, 0)),
    *(("s", 0, _MICROS), ("m", 0, 60 * _MICROS), ("h", 0, 3600 * _MICROS)),
    *(("d", 0, 86_400 * _MICROS), ("w", 0, 7 * 86_400 * _MICROS)),
)
"""How the names of units begin, and their months or microseconds; the first that fits."""
_CLOCK: Final = 3
"""Parts before the letter T."""


def cut_parts(column: pa.Array, finest: str) -> Iterator[Problem]:
    """Yield what a column of spans without seconds would cut; a time or duration is sent as such, without days.

    :param column: of texts, times or durations.
    :param finest: the smallest part that the column keeps.
    """
    import pyarrow as pa

    dtype = column.type
    reason = f"the column keeps no part that is smaller than a {finest}"
    if is_text(dtype):
        pattern = _pattern(list(_SECONDS).index(finest) + 1)
        yield pc.invert(pc.match_substring_regex(column, pattern)), f"{reason}; write it as '1 {finest}'"
    elif pa.types.is_time(dtype) or pa.types.is_duration(dtype):
        seconds = _SECONDS[finest]
        lost = remainder(ticks(column), seconds * 10 ** DIGITS[dtype.unit]) if seconds else ticks(column)
        yield pc.not_equal(lost, 0), reason
    else:
        yield pc.is_valid(column), reason


def _pattern(parts: int) -> str:
    """Return what texts of whole parts are like, such as ``1 year 2 mons`` and ``P1Y2M``.

    :param parts: how many of them are kept, from the year on.
    """
    words = "|".join(_WORDS[:parts])
    iso = [rf"([+-]?\d+{letter})?" for letter in _ISO[:parts]]
    clock = f"(T{''.join(iso[_CLOCK:])})?" if parts > _CLOCK else ""
    return rf"(?i)^\s*(([+-]?\d+ ?({words})\s*)+|P{''.join(iso[:_CLOCK])}{clock}|PT0S)\s*$"


def fine_parts(column: pa.Array, fraction: int) -> Iterator[Problem]:
    """Yield spans with parts that are cut: of a month, and of the last digit of a second.

    :param column: of texts such as ``1.1 years``, ``0.1 us`` and ``P0.3Y``.
    :param fraction: digits of a second that the column keeps.
    """
    import pyarrow as pa

    risky = pc.if_else(pc.fill_null(pc.match_substring_regex(column, _RISKY), False), column, None)
    step = 10 ** (6 - fraction)
    bad = [text is not None and _is_cut(text.strip().lower(), step) for text in risky.to_pylist()]
    yield pa.array(bad, pa.bool_()), "a part of it is less than the column keeps"


def _is_cut(text: str, step: int) -> bool:
    if text.startswith("p"):
        days, _, clock = text[1:].partition("t")
        text = f"{days.replace('m', 'mon')} {clock}"
    ticks = Fraction(0)
    for number, unit in _PAIRS.findall(text):
        if _DEEP.search(number):
            return True
        value = Fraction(Decimal(number))
        known = next((sizes for begin, *sizes in _UNITS if unit.startswith(begin)), [0, 0])
        if known[0] > 1 and (value * known[0]).denominator > 1:
            return True
        # What is left of a month is days.
        ticks += value % 1 * _MONTH if known[0] == 1 else value * known[1]
    return bool(ticks % step)


def fine_nanoseconds(column: pa.Array, fraction: int) -> pa.Array:
    """Return which of Arrow's spans of months, days and nanoseconds have more digits of a second.

    :param column: of ``month_day_nano_interval``, perhaps with nulls.
    :param fraction: digits of a second that the column keeps.
    """
    import numpy as np
    import pyarrow as pa

    parts = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
    given = column.drop_null()
    data = given.buffers()[1]
    spans = np.frombuffer(data, parts)[given.offset : given.offset + len(given)] if data else np.zeros(0, parts)
    fine = np.zeros(len(column), bool)
    fine[np.asarray(column.is_valid())] = spans["nanoseconds"] % 10 ** (9 - fraction) != 0
    return pa.array(fine)


def remainder(numbers: pa.Array, step: int) -> pa.Array:
    """Return what is left of whole numbers, never less than 0."""
    import numpy as np
    import pyarrow as pa

    values = numbers.fill_null(0).to_numpy(zero_copy_only=False)
    mask = np.asarray(numbers.is_null()) if numbers.null_count else None
    return pa.array(values % step, pa.int64(), mask=mask)
