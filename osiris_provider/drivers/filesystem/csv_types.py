"""Types of CSV columns that declare none: a type is given only where its values are exactly what is written.

``00501``, ``+420``, ``0x1F``, ``12E4``, ``NAN`` and numbers of 20 digits stay text, and so does what is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    Cast = Callable[[pa.Array], "pa.Array | None"]

_SAFE_LENGTH = 15
"""Characters of a number that a double surely keeps: so many digits it has."""
_NUMBER = r"^-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)$"
_WITH_EXPONENT = r"^-?(?:(?:0|[1-9]\d*)(?:\.\d+(?:[eE][-+]?\d+)?)?|\.\d+)$"
_CLOCK = r"\d{2}:\d{2}:\d{2}"
_DATE = r"\d{4}-\d{2}-\d{2}"
_ZONE = r"(?:Z|[-+]\d{2}(?::?\d{2})?)"
_BOOLEANS = ["true", "false", "True", "False", "TRUE", "FALSE"]
_UNITS = ("s", "ms", "us", "ns")


def infer(column: pa.Array, decimal_point: str) -> pa.Array:
    """Return a column of texts as the type that its values have, or as it is.

    :param column: none of whose cells is quoted.
    :param decimal_point: of numbers.
    """
    first = next((item.as_py() for item in column if item.is_valid), None)
    if first is None:
        return column
    for looks, casts in _KINDS:
        if re.match(looks.replace(r"\.", re.escape(decimal_point)), first):
            for cast in casts:
                parsed = cast(_with_point(column, decimal_point) if cast in (_integers, _doubles) else column)
                if parsed is not None:
                    return parsed
    return column


def parse_as(column: pa.Array, dtype: pa.DataType, decimal_point: str) -> pa.Array | None:
    """Return a column of texts as a type that was inferred before, None if its values are not all of it.

    :param column: none of whose cells is quoted.
    :param dtype: a type that :func:`infer` gives, but text.
    """
    import pyarrow as pa

    if column.null_count == len(column):
        return pa.nulls(len(column), dtype)
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        cast = _integers if pa.types.is_integer(dtype) else _doubles
        return cast(_with_point(column, decimal_point))
    if pa.types.is_boolean(dtype):
        return _booleans(column)
    return _moments(column, dtype)


def common(known: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds all values of a column whose rows so far are of one type, and further ones of another.

    Where there is none but text, it is text.
    """
    import pyarrow as pa

    if known == other:
        return known
    numbers = (pa.int64(), pa.float64())
    if known in numbers and other in numbers:
        return pa.float64()
    for same in (pa.types.is_timestamp, pa.types.is_time):
        if same(known) and same(other) and getattr(known, "tz", None) == getattr(other, "tz", None):
            return max(known, other, key=lambda dtype: _UNITS.index(dtype.unit))
    return pa.string()


def decimal_texts(column: pa.Array, dtype: pa.DataType, decimal_point: str) -> pa.Array:
    """Return texts that are to become decimals as Arrow writes these, other columns as they are.

    :param dtype: of the column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_decimal(dtype) or column.type != pa.string():
        return column
    return _with_point(pc.utf8_trim_whitespace(column), decimal_point)


def _with_point(column: pa.Array, decimal_point: str) -> pa.Array:
    import pyarrow.compute as pc

    if decimal_point == ".":
        return column
    # A point is none of a number then; what it is replaced by is not either.
    return pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal_point, ".")


def _integers(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = column.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    # Arrow reads leading zeros and 0x1F too, but no leading + and not more than 64 bits.
    zeros = pc.and_(pc.starts_with(column, "0"), pc.greater(pc.binary_length(column), 1))
    return None if _any(zeros) or _any(pc.starts_with(column, "-0")) else numbers


def _doubles(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = _all(pc.match_substring_regex(column, _NUMBER))
    if not plain and not _all(pc.match_substring_regex(column, _WITH_EXPONENT)):
        return None
    numbers = column.cast(pa.float64())
    risky = pc.greater(pc.binary_length(column), _SAFE_LENGTH if plain else 0)
    if _any(risky):
        texts, values = column.filter(risky), numbers.filter(risky)
        differing = pc.not_equal(values.cast(pa.string()), texts)
        pairs = zip(texts.filter(differing).to_pylist(), values.filter(differing).to_pylist(), strict=True)
        if not all(_is_exact(text, value) for text, value in pairs):
            return None
    return numbers


def _is_exact(text: str, value: float) -> bool:
    try:
        return Decimal(text) == Decimal(repr(value))
    except InvalidOperation:
        # Its exponent is beyond those of decimals.
        return False


def _booleans(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.is_in(column, pa.array([*_BOOLEANS, None]))
    return column.cast(pa.bool_()) if pc.all(known).as_py() else None


def _dates(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa

    return _moments(column, pa.date32())


def _times(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa

    return _first(column, [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")])


def _timestamps(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa

    return _first(column, [pa.timestamp(unit) for unit in _UNITS])


def _zoned(column: pa.Array) -> pa.Array | None:
    import pyarrow as pa

    return _first(column, [pa.timestamp(unit, "UTC") for unit in _UNITS])


def _first(column: pa.Array, types: list[pa.DataType]) -> pa.Array | None:
    return next((parsed for dtype in types if (parsed := _moments(column, dtype)) is not None), None)


def _moments(column: pa.Array, dtype: pa.DataType) -> pa.Array | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.min(pc.binary_length(column)).as_py() < _shortest(dtype):
        return None
    try:
        if pa.types.is_time(dtype):
            # Arrow has no cast from text to times, but of timestamps.
            day = pc.binary_join_element_wise("1970-01-01 ", column, "")
            return day.cast(pa.timestamp(dtype.unit)).cast(dtype)
        return column.cast(dtype)
    except pa.ArrowInvalid:
        # There is no such day.
        return None


def _shortest(dtype: pa.DataType) -> int:
    """Return the length of the shortest text: Arrow takes a day for a timestamp, and 10:20 for a time."""
    import pyarrow as pa

    if pa.types.is_date(dtype):
        return len("2026-01-02")
    return len("10:20:30") if pa.types.is_time(dtype) else len("2026-01-02 10:20:30")


def _all(mask: pa.Array) -> bool:
    """Return whether all that are not null are true."""
    import pyarrow.compute as pc

    return pc.all(mask).as_py() is not False


def _any(mask: pa.Array) -> bool:
    import pyarrow.compute as pc

    return pc.any(mask).as_py() is True


_KINDS: tuple[tuple[str, tuple[Cast, ...]], ...] = (
    (r"-?\d*$", (_integers, _doubles)),
    (r"-?\d*\.\d", (_doubles,)),
    (r"(?i:true|false)$", (_booleans,)),
    (rf"{_DATE}$", (_dates,)),
    (rf"{_CLOCK}(\.|$)", (_times,)),
    (rf"{_DATE}[ T]{_CLOCK}(\.\d+)?$", (_timestamps,)),
    (rf"{_DATE}[ T]{_CLOCK}(\.\d+)?{_ZONE}$", (_zoned,)),
)
"""What the first value looks like, and what the column may be then."""
