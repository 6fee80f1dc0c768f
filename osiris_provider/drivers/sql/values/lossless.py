"""Whether values stay what they are in their column: servers round, cut and guess without a word."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.dtypes import DIGITS, is_number, is_text, ticks
from osiris_provider.drivers.sql.values import lazy_compute as pc
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments
from osiris_provider.drivers.sql.values.documents import changed_documents
from osiris_provider.drivers.sql.values.floats import changed_floats, is_another_float
from osiris_provider.drivers.sql.values.intervals import (
    Problem,
    cut_parts,
    fine_nanoseconds,
    fine_parts,
    remainder,
)
from osiris_provider.drivers.sql.values.ranges import is_within

if TYPE_CHECKING:
    import pyarrow as pa


_DATE: Final = r"\d{4,7}-\d\d-\d\d( \(BC\))?"
_CLOCK: Final = r"\d\d:\d\d(:\d\d(\.\d+)?)?"
_MIDNIGHT: Final = r"00:00(:00(\.0+)?)?"
_UTC: Final = r" ?(Z|[+-]00(:?00)?)?"
_ZONE: Final = r" ?(Z|[+-]\d\d(:?\d\d(:?\d\d)?)?)?"
_ENDLESS: Final = r"|-?infinity"
_EXACT_DIGITS: Final = {24: 7, 53: 16}
"""By binary digits: numbers that are written with fewer digits are the same in a column of them, far from its ends."""
_SENT_DIGITS: Final = 6
"""In microseconds all moments are sent."""
_YEARS: Final = {-32767: -1_096_193_779_200, 1: -62_135_596_800, 32768: 971_890_963_200}
"""Seconds since 1970 of the first moments of years."""
_SINGLE: Final = 24
"""Binary digits of a number of single precision."""
_MAX_INT_CHARS: Final = 4000
"""Of an exponent; Python reads no longer numbers."""


def misread(column: pa.Array, limits: ColumnConstraints) -> Iterator[Problem]:
    """Yield what a server would take for something else.

    :param column: of texts, numbers or times.
    """
    if limits.members is not None:
        yield from _strangers(column, limits.members, several=limits.several)
    if limits.moments is not None:
        yield from _misread_moments(column, limits.moments)


def rounded(column: pa.Array, limits: ColumnConstraints) -> Iterator[Problem]:
    """Yield what a server would round or cut."""
    if limits.moments is not None:
        yield from _cut_moments(column, limits.moments)
    if limits.scale is not None:
        yield from _cut_numbers(column, limits.scale, integers=limits.high is not None)
    if limits.mantissa is not None and (inexact := _inexact(column, limits.mantissa)) is not None:
        yield inexact, "a number of the column cannot be exactly this one"
    if limits.documents is not None and is_text(column.type):
        yield from changed_documents(column, limits.documents)


def round_moments(column: pa.Array, fraction: int) -> pa.Array:
    """Return moments or times with so many digits of a second, halves rounded up; down where their type ends."""
    import pyarrow as pa

    dtype = column.type
    if not _is_fine(dtype, fraction):
        return column
    step = 10 ** (DIGITS[dtype.unit] - fraction)
    last = 86_400 * 10 ** DIGITS[dtype.unit] - 1 if pa.types.is_time(dtype) else 2**63 - 1
    numbers = ticks(column)
    rest = remainder(numbers, step)
    # What is beyond 64 bits comes out at their other end.
    below = pc.subtract(numbers, rest)
    above = pc.add(below, step)
    is_upper = pc.and_(
        pc.greater_equal(rest, step // 2), pc.and_(pc.greater(above, numbers), pc.less_equal(above, last))
    )
    numbers = pc.if_else(pc.or_(is_upper, pc.greater(below, numbers)), above, below)
    return (numbers.cast(pa.int32()) if pa.types.is_time32(dtype) else numbers).cast(dtype)


def _strangers(column: pa.Array, members: frozenset[str], *, several: bool) -> Iterator[Problem]:
    import pyarrow as pa

    if not is_text(column.type):
        yield pc.is_valid(column), "only a text can name a member of the column's type"
        return
    values = [value for value in pc.unique(column).to_pylist() if value is not None]
    bad = [value for value in values if not _is_known(value, members, several=several)]
    if bad:
        yield pc.is_in(column, pa.array(bad, column.type)), "the column's type has no such member"


def _is_known(value: str, members: frozenset[str], *, several: bool) -> bool:
    return value in members or (several and (not value or set(value.split(",")) <= members))


def _misread_moments(column: pa.Array, moments: Moments) -> Iterator[Problem]:
    import pyarrow as pa

    dtype = column.type
    if is_text(dtype):
        if moments.kind != "interval":
            yield pc.invert(pc.match_substring_regex(column, _pattern(moments))), _shape(moments)
        return
    if moments.as_text and (pa.types.is_timestamp(dtype) or pa.types.is_date(dtype)):
        yield from beyond_years(column, 1)
    fitting: dict[str, tuple[Callable[[Any], bool], ...]] = {
        "date": (pa.types.is_date, pa.types.is_timestamp),
        "timestamp": (pa.types.is_date, pa.types.is_timestamp),
        "time": (pa.types.is_time, pa.types.is_duration),
        "year": (pa.types.is_integer,),
        "interval": (pa.types.is_time, pa.types.is_duration, pa.types.is_interval),
    }
    # Bytes and nested values are refused by every server.
    others = (pa.types.is_null, pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
    taken = (*fitting[moments.kind], *others, pa.types.is_fixed_size_binary)
    if not any(test(dtype) for test in taken):
        yield pc.is_valid(column), f"a value of type {dtype} is no {moments.kind}"
    elif (pa.types.is_timestamp(dtype) or pa.types.is_duration(dtype)) and (
        spare := _SENT_DIGITS - DIGITS[dtype.unit]
    ) > 0:
        limit = (2**63 - 1) // 10**spare
        if not is_within(column, -limit, limit):
            numbers = ticks(column)
            yield (
                pc.or_(pc.less(numbers, -limit), pc.greater(numbers, limit)),
                "it is more than 64 bits of microseconds can count",
            )


def beyond_years(column: pa.Array, least: int = -32767) -> Iterator[Problem]:
    """Yield dates and timestamps of years that Arrow cannot write, whose texts are no dates or an error.

    :param column: of dates or timestamps.
    :param least: the first year to take, one that :data:`_YEARS` has.
    """

    dtype = column.type
    first, end = (_ticks(_YEARS[year], dtype) for year in (least, 32768))
    low, high = max(-(2**63), first), min(2**63 - 1, end - 1)
    if not is_within(column, low, high):
        numbers = ticks(column)
        yield pc.or_(pc.less(numbers, low), pc.greater(numbers, high)), f"its year is not one of {least} to 32767"


def _ticks(second: int, dtype: pa.DataType) -> int:
    """Return a moment in the unit of a type of days or timestamps.

    :param second: since 1970, the first of a day.
    """
    import pyarrow as pa

    if pa.types.is_date32(dtype):
        return second // 86_400
    digits = DIGITS["ms" if pa.types.is_date(dtype) else dtype.unit]
    return second * int(10**digits)


def _pattern(moments: Moments) -> str:
    zone = _ZONE if moments.zoned else _UTC
    texts = {
        "date": rf"({_DATE}([ T]{_CLOCK}{_UTC})?( BC)?{_ENDLESS})",
        "year": r"\d{4}",
        "time": rf"-?\d{{1,4}}:\d\d(:\d\d(\.\d+)?)?{zone}",
        "timestamp": rf"({_DATE}([ T]{_CLOCK})?{zone}( BC)?{_ENDLESS})",
    }
    return rf"^\s*({texts[moments.kind]})\s*$"


def _shape(moments: Moments) -> str:
    shapes = {"year": "YYYY", "date": "YYYY-MM-DD", "time": "HH:MM:SS", "timestamp": "YYYY-MM-DD HH:MM:SS"}
    zone = "" if moments.zoned or moments.kind in ("date", "year") else ", in UTC if it names a zone"
    return f"this text is not of the form {shapes[moments.kind]}{zone}"


def _cut_moments(column: pa.Array, moments: Moments) -> Iterator[Problem]:
    import pyarrow as pa

    dtype = column.type
    if moments.finest != "second":
        yield from cut_parts(column, moments.finest)
        return
    digits = f"the column keeps {moments.fraction} digits of a second, the value has more"
    if is_text(dtype):
        if moments.kind == "date":
            late = pc.match_substring_regex(column, rf"[ T]{_CLOCK}")
            midnight = pc.match_substring_regex(column, rf"[ T]{_MIDNIGHT}{_UTC}( BC)?\s*$")
            yield pc.and_not(late, midnight), "the column keeps the day, the value has a time of day too"
        else:
            if moments.kind == "interval":
                yield from fine_parts(column, moments.fraction)
            else:
                yield pc.match_substring_regex(column, r":\d\d:60"), "there is no second 60"
            fine = rf"\.\d{{{moments.fraction}}}\d*[1-9]"
            # A span of time has more ways to write seconds, such as PT1.5S and 1.5 sec.
            pattern = rf"(?i){fine}\d*\s*(s|$)" if moments.kind == "interval" else rf":\d\d{fine}"
            yield pc.match_substring_regex(column, pattern), digits
    elif dtype == pa.month_day_nano_interval():
        yield fine_nanoseconds(column, moments.fraction), digits
    elif moments.kind == "date" and pa.types.is_timestamp(dtype):
        day = 86_400 * 10 ** DIGITS[dtype.unit]
        yield (
            pc.not_equal(remainder(ticks(column), day), 0),
            ("the column keeps the day, the value has a time of day too"),
        )
    elif _is_fine(dtype, moments.fraction):
        step = 10 ** (DIGITS[dtype.unit] - moments.fraction)
        yield pc.not_equal(remainder(ticks(column), step), 0), digits


def _is_fine(dtype: pa.DataType, fraction: int) -> bool:
    """Return whether a type has more digits of a second."""
    import pyarrow as pa

    tests = (pa.types.is_timestamp, pa.types.is_time, pa.types.is_duration)
    return any(test(dtype) for test in tests) and DIGITS[dtype.unit] > fraction


def _cut_numbers(column: pa.Array, scale: int, *, integers: bool) -> Iterator[Problem]:
    """Yield numbers with more digits behind the point; of whole numbers, what other checks do not look at."""
    import pyarrow as pa

    dtype = column.type
    if scale < 0:
        if is_text(dtype) or is_number(dtype):
            texts = column.cast(pa.large_string()).to_pylist()
            yield _more_digits(texts, scale), f"the column keeps multiples of {10**-scale:,}"
        return
    is_wider = pa.types.is_decimal(dtype) and dtype.scale > scale
    if is_wider or (not integers and (is_text(dtype) or pa.types.is_floating(dtype))):
        reason = f"the column keeps {scale} digits after the point, the value has more"
        # Arrow's own rounding of wide decimals is not exact.
        yield _has_more_digits(column.cast(pa.large_string()), scale), reason if scale else "the number is not whole"


def _has_more_digits(texts: pa.Array, scale: int) -> pa.Array:
    plain = pc.match_substring_regex(texts, rf"^[^eE]*\.\d{{{scale}}}\d*[1-9]\d*\s*$")
    powers = pc.fill_null(pc.match_substring_regex(texts, r"^\s*[+-]?[\d.]+[eE][+-]?\d+\s*$"), False)
    if not pc.any(powers).as_py():
        return plain
    return pc.or_(pc.fill_null(plain, False), _more_digits(pc.if_else(powers, texts, None).to_pylist(), scale))


def _more_digits(texts: list[str | None], scale: int) -> pa.Array:
    import pyarrow as pa

    return pa.array([text is not None and _digits_of(text) > scale for text in texts], pa.bool_())


def _digits_of(text: str) -> float:
    """Return how many digits a number has behind the point; less than 0 if it ends in zeros before it.

    :param text: of any length, whose exponent may be one that no decimal has.
    """
    number, _, exponent = text.strip().lower().partition("e")
    integer, _, decimals = number.lstrip("+-").partition(".")
    digits = (integer + decimals).rstrip("0")
    # Infinity and NaN are what they are with any digits, as is zero.
    if not digits.isdecimal():
        return -math.inf
    return len(digits) - len(integer) - int(exponent[:_MAX_INT_CHARS] or 0)


def _inexact(column: pa.Array, mantissa: int) -> Any:
    """Return which numbers are others as a binary number with so many digits; None if that cannot be."""
    import pyarrow as pa

    dtype = column.type
    narrow = mantissa <= _SINGLE
    if pa.types.is_integer(dtype) or (pa.types.is_float64(dtype) and narrow):
        return changed_floats(column.fill_null(0).to_numpy(zero_copy_only=False), narrow=narrow)
    if pa.types.is_decimal(dtype):
        if max(dtype.precision, dtype.scale) < _EXACT_DIGITS[mantissa]:
            return None
        # Arrow's own way from a decimal to a double is not exact. Zeros at the end belong to the type.
        column = pc.replace_substring_regex(column.cast(pa.string()), r"(\.\d*?)0+(E|$)", r"\1\2")
    if is_text(column.type):
        long = pc.match_substring_regex(column, rf"[eE]|(\d[^\d]?){{{_EXACT_DIGITS[mantissa]}}}")
        texts = pc.if_else(pc.fill_null(long, False), column, None).to_pylist()
        return pa.array([text is not None and is_another_float(text, narrow=narrow) for text in texts], pa.bool_())
    return None
