"""PostgreSQL's text of a value as an exact Arrow value."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.exponents import decimals
from osiris_provider.drivers.postgres.arrow_types import (
    BOOL,
    BYTEA,
    DATE,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Column,
)
from osiris_provider.drivers.sql.values.special_values import collect, needs_text

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_MICROSECONDS = 2**63 - 1
_DAY = 86_400_000_000
# What COPY writes in place of these characters; NUL, which no text of PostgreSQL has, holds the backslash's place.
_ESCAPES = (
    ("\\\\", "\0"),
    ("\\n", "\n"),
    ("\\t", "\t"),
    ("\\r", "\r"),
    ("\\b", "\b"),
    ("\\f", "\f"),
    ("\\v", "\v"),
    ("\0", "\\"),
)
_DATE_PATTERN = r"(?P<year>\d{4,})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK_PATTERN = r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:\.(?P<fraction>\d{1,6}))?"
_ZONE_PATTERN = r"(?:(?P<sign>[+-])(?P<zh>\d\d)(?::(?P<zm>\d\d))?(?::(?P<zs>\d\d))?)?"
_TIME = re.compile(_CLOCK_PATTERN)
_DATE = re.compile(_DATE_PATTERN + r"(?P<bc> BC)?")
_TIMESTAMP = re.compile(f"{_DATE_PATTERN} {_CLOCK_PATTERN}{_ZONE_PATTERN}(?P<bc> BC)?")


def batch_of_text(
    rows: Sequence[Sequence[str | None]], columns: Sequence[Column], first_row: int, *, lenient: bool
) -> pa.RecordBatch:
    """Return rows of the server's texts as a record batch, with the same values as :class:`BlockParser`.

    :param rows: at least one.
    :param columns: of the result.
    :param first_row: number of the first of them in the result, for messages.
    :param lenient: values that Arrow has not become NULL.
    :raises ColumnNeedsTextError: values that Arrow has not.
    """
    import pyarrow as pa

    texts = (pa.array(values, pa.string()) for values in zip(*rows, strict=True))
    arrays = collect(
        partial(from_text, text, column, first_row, lenient=lenient)
        for text, column in zip(texts, columns, strict=True)
    )
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([column.field for column in columns]))


def unescape(strings: pa.Array) -> pa.Array:
    """Return what was meant by values in COPY's text format, whose backslashes and control characters are escaped.

    :param strings: a string array.
    """
    # Most texts have nothing to replace, and bytes are searched fastest; a NULL is an empty text here.
    data = strings.buffers()[2]
    if data is None or b"\\" not in data.to_pybytes():
        return strings
    # To import it takes as long as to read thousands of rows.
    import pyarrow.compute as pc

    for escape, character in _ESCAPES:
        strings = pc.replace_substring(strings, escape, character)
    return strings


def from_text(strings: pa.Array, column: Column, first_row: int, *, lenient: bool) -> pa.Array:
    """Return the values that the server's texts stand for, exactly.

    :param strings: a string array, as the server writes values of the column's type.
    :param column: of the result.
    :param first_row: number of the first of these rows in the result, for messages.
    :param lenient: values that Arrow has not become NULL.
    :raises ColumnNeedsTextError: Arrow has no such value.
    """
    import pyarrow as pa

    wanted = column.arrow_type
    if wanted == pa.string():
        return strings
    if column.oid == BOOL:
        import pyarrow.compute as pc

        return pc.equal(strings, "t")
    if column.oid == BYTEA:
        return from_hex(strings)
    try:
        return decimals(strings, wanted) if column.oid == NUMERIC else strings.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    return _one_by_one(strings, column, None if lenient else first_row)


def from_hex(strings: pa.Array) -> pa.Array:
    """Return the bytes of bytea values in hex format.

    :param strings: a string or binary array such as ``\\x00ff``, the backslash escaped or not.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.ascii_ltrim(strings.cast(pa.string()), "\\x")
    valid, offsets, data = digits.buffers()
    ends = pa.Array.from_buffers(pa.int32(), digits.offset + len(digits) + 1, [None, offsets])
    raw = binascii.unhexlify(memoryview(data)[: ends[-1].as_py()]) if data else b""
    halves = pc.shift_right(ends, pa.scalar(1, pa.int32())).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(digits), [valid, halves, pa.py_buffer(raw)], offset=digits.offset)


def _one_by_one(strings: pa.Array, column: Column, first_row: int | None) -> pa.Array:
    """Convert a column with values that Arrow's own parser does not read; it can hold most of them nevertheless."""
    import pyarrow as pa

    wanted = column.arrow_type
    read = _READERS.get(column.oid)
    storage = wanted if read is None else pa.int32() if column.oid == DATE else pa.int64()
    values = []
    for index, text in enumerate(strings.to_pylist()):
        value = text if text is None else read(text) if read else _cast_one(text, wanted)
        if value is None and text is not None and first_row is not None:
            raise needs_text(column.name, text, first_row + index)
        values.append(value)
    return pa.array(values, storage).cast(wanted)


def _cast_one(text: str, wanted: pa.DataType) -> Any:
    import pyarrow as pa

    try:
        one = pa.array([text])
        return (decimals(one, wanted) if pa.types.is_decimal(wanted) else one.cast(wanted))[0].as_py()
    except pa.ArrowInvalid:
        return None


def _days(match: re.Match[str]) -> int:
    """Return days since 1970-01-01 in the proleptic Gregorian calendar, for any year."""
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    if match["bc"]:
        year = 1 - year
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return (year // 400) * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + day_of_year - 719468


def read_date(text: str) -> int | None:
    """Return days since 1970-01-01; None if there is no such day.

    :param text: as the server writes it with DateStyle ISO.
    """
    match = _DATE.fullmatch(text)
    return _days(match) if match else None


def read_timestamp(text: str) -> int | None:
    """Return microseconds since 1970-01-01, in UTC if the text has a zone; None if 64 bits do not hold them.

    :param text: as the server writes it with DateStyle ISO.
    """
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return None
    zone = sum(int(match[name] or 0) * size for name, size in (("zh", 3600), ("zm", 60), ("zs", 1))) * 1_000_000
    microseconds = _days(match) * _DAY + _microseconds(match) + (zone if match["sign"] == "-" else -zone)
    return microseconds if microseconds <= _MAX_MICROSECONDS else None


def read_time(text: str) -> int | None:
    """Return microseconds since midnight; None for 24:00:00, which Arrow has not.

    :param text: as the server writes it.
    """
    match = _TIME.fullmatch(text)
    microseconds = _microseconds(match) if match else _DAY
    return microseconds if microseconds < _DAY else None


def _microseconds(match: re.Match[str]) -> int:
    seconds = int(match["h"]) * 3600 + int(match["m"]) * 60 + int(match["s"])
    return seconds * 1_000_000 + int((match["fraction"] or "").ljust(6, "0"))


_READERS: dict[int, Callable[[str], int | None]] = {
    DATE: read_date,
    TIME: read_time,
    TIMESTAMP: read_timestamp,
    TIMESTAMPTZ: read_timestamp,
}
