"""PostgreSQL's text of a value as an exact Arrow value."""

from __future__ import annotations

import binascii
import contextlib
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.postgres_types import BOOL, BYTEA, DATE, NUMERIC, TIME, TIMESTAMP, TIMESTAMPTZ, Column
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_MICROSECONDS = 2**63 - 1
_DAY = 86_400_000_000
_UNSURE = frozenset({DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC})
_BOM = b"\xef\xbb\xbf"
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


class BlockParser:
    """Turns blocks of COPY's text format into record batches.

    :param columns: of the result.
    :param lenient: values that Arrow has not become NULL.
    """

    def __init__(self, columns: Sequence[Column], *, lenient: bool = False) -> None:
        import pyarrow as pa

        self._columns = columns
        self._lenient = lenient
        self._rows = 0
        self.schema = pa.schema([column.field for column in columns])
        self._native = [column.arrow_type if _is_native(column) else pa.string() for column in columns]
        # What may hold values that Arrow's parser does not read.
        self._careful = [
            pa.string() if column.oid in _UNSURE else kind for column, kind in zip(columns, self._native, strict=True)
        ]

    def parse(self, block: bytes) -> pa.RecordBatch:
        """Return the rows of a block.

        :param block: whole rows.
        :raises DataError: a value that Arrow has not, or text that is not UTF-8; names the column.
        """
        import pyarrow as pa

        try:
            read = self._read(block, self._native)
        except pa.ArrowInvalid:
            read = self._read_carefully(block)
        # Each NULL is one backslash; any other one is part of an escape.
        escaped = block.count(b"\\") != sum(array.null_count for array in read.columns)
        arrays = [
            self._finished(column, array, escaped) for column, array in zip(self._columns, read.columns, strict=True)
        ]
        self._rows += read.num_rows
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _finished(self, column: Column, array: pa.Array, escaped: bool) -> pa.Array:
        import pyarrow as pa

        if array.type != pa.string():
            return array
        if escaped and column.oid != BYTEA:
            array = unescape(array)
        return from_text(array, column, self._rows + 1, lenient=self._lenient)

    def _read(self, block: bytes, types: Sequence[pa.DataType], *, check_utf8: bool = True) -> pa.RecordBatch:
        import pyarrow as pa
        from pyarrow import csv

        # Arrow takes a byte order mark away from the beginning, which here can only be one of the data.
        block = _BOM + block if block.startswith(_BOM) else block
        names = [str(place) for place in range(len(types))]
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=names, block_size=len(block) + 1),
            csv.ParseOptions(delimiter="\t", quote_char=False, escape_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=dict(zip(names, types, strict=True)),
                check_utf8=check_utf8,
                null_values=["\\N"],
                strings_can_be_null=True,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        return table.combine_chunks().to_batches()[0]

    def _read_carefully(self, block: bytes) -> pa.RecordBatch:
        import pyarrow as pa

        with contextlib.suppress(pa.ArrowInvalid):
            return self._read(block, self._careful)
        raw = self._read(block, [pa.binary()] * len(self._columns), check_utf8=False)
        damaged = [column.name for column, array in zip(self._columns, raw.columns, strict=True) if not _is_utf8(array)]
        message = (
            f"Column {', '.join(damaged)} holds text that is not UTF-8 between rows {self._rows + 1:,} and "
            f"{self._rows + raw.num_rows:,} of the result. Read its bytes: convert_to(column, 'SQL_ASCII')."
        )
        raise DataError(message, column=next(iter(damaged), None))


def _is_utf8(array: pa.Array) -> bool:
    import pyarrow as pa

    try:
        array.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def batch_of_text(
    rows: Sequence[Sequence[str | None]], columns: Sequence[Column], first_row: int, *, lenient: bool = False
) -> pa.RecordBatch:
    """Return rows of the server's texts as a record batch, with the same values as :class:`BlockParser`.

    :param rows: at least one.
    :param columns: of the result.
    :param first_row: number of the first of them in the result, for messages.
    :param lenient: values that Arrow has not become NULL.
    :raises DataError: a value that Arrow has not; names column and row.
    """
    import pyarrow as pa

    texts = (pa.array(values, pa.string()) for values in zip(*rows, strict=True))
    arrays = [from_text(text, column, first_row, lenient=lenient) for text, column in zip(texts, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([column.field for column in columns]))


def _is_native(column: Column) -> bool:
    """Whether Arrow's parser of CSV makes the type."""
    import pyarrow as pa

    return column.oid != BYTEA and not pa.types.is_decimal256(column.arrow_type)


def unescape(strings: pa.Array) -> pa.Array:
    """Return what was meant by values in COPY's text format, whose backslashes and control characters are escaped.

    :param strings: a string array.
    """
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring(strings, "\\")).as_py():
        return strings
    for escape, character in _ESCAPES:
        strings = pc.replace_substring(strings, escape, character)
    return strings


def from_text(strings: pa.Array, column: Column, first_row: int = 1, *, lenient: bool = False) -> pa.Array:
    """Return the values that the server's texts stand for, exactly.

    :param strings: a string array, as the server writes values of the column's type.
    :param column: of the result.
    :param first_row: number of the first of these rows in the result, for messages.
    :param lenient: values that Arrow has not become NULL.
    :raises DataError: Arrow has no such value; names column and row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = column.arrow_type
    if wanted == pa.string():
        return strings
    if column.oid == BOOL:
        return pc.equal(strings, "t")
    if column.oid == BYTEA:
        return from_hex(strings)
    try:
        return strings.cast(wanted)
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
    halves = pc.shift_right(ends, 1).buffers()[1]
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
            raise _unfit(column, text, first_row + index)
        values.append(value)
    return pa.array(values, storage).cast(wanted)


def _cast_one(text: str, wanted: pa.DataType) -> Any:
    import pyarrow as pa

    try:
        return pa.scalar(text).cast(wanted).as_py()
    except pa.ArrowInvalid:
        return None


def _unfit(column: Column, text: str, row: int) -> DataError:
    message = (
        f"Column {column.name} holds {text[:40]} in row {row:,} of the result; Arrow's type for it has no such value. "
        f"Cast it in the query ({column.name}::text), or set special_values: text."
    )
    return DataError(message, column=column.name, row=row)


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
