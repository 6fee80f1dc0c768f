"""Arrow batches as text for MySQL: the lines that LOAD DATA reads, and the rows of an INSERT.

Every value is a text for both, so that a server makes the same of it, whichever way it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.dtypes import is_binary, is_text
from osiris_provider.drivers.mysql.bulk.values import values_of

if TYPE_CHECKING:
    import pyarrow as pa

_LINE_ESCAPES: Final = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_LITERAL_ESCAPES: Final = (("\\", "\\\\"), ("'", "''"))
_NULL_LINE: Final = "\\N"
_BETWEEN_ROWS: Final = "),("
_GREATEST_FLOAT: Final = (2 - 2**-23) * 2.0**127
Escapes = tuple[tuple[str, str], ...]


def lines_of(batch: pa.RecordBatch) -> memoryview:
    """Return a batch as a line a row, tabs between, ``\\N`` for null; bytes are in hexadecimal digits.

    :param batch: of at least one row and one column.
    """
    columns = [_filled(_text(column, _LINE_ESCAPES), _NULL_LINE) for column in batch.columns]
    return _joined(_side_by_side(columns, "\t"), "\n")


@dataclass(frozen=True)
class Rows:
    """The rows of a batch as ``VALUES`` takes them.

    :param data: ``a,b),(c,d``: all rows, without the first and the last parenthesis.
    :param ends: where each row ends in it.
    """

    data: memoryview
    ends: Any

    def __len__(self) -> int:
        return len(self.ends)

    def start(self, row: int) -> int:
        """Return where a row begins."""
        return int(self.ends[row - 1]) + len(_BETWEEN_ROWS) if row else 0

    def slice(self, first: int, end: int) -> memoryview:
        """Return some rows, the last of them not included."""
        return self.data[self.start(first) : int(self.ends[end - 1])]

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield first and end of rows that take so many bytes together, or more if a single one does."""
        import numpy as np

        first = 0
        while first < len(self):
            end = int(np.searchsorted(self.ends, self.start(first) + size, side="right"))
            yield first, max(end, first + 1)
            first = max(end, first + 1)


def rows_of(batch: pa.RecordBatch, bits: Collection[str] = ()) -> Rows:
    """Return a batch as literals, with a backslash as the escape character.

    :param batch: of at least one row and one column.
    :param bits: columns whose target is of type BIT, for which a text would be bytes.
    """
    import numpy as np

    columns = [
        _filled(_literal(column, in_bits=name in bits), "NULL")
        for column, name in zip(batch.columns, batch.schema.names, strict=True)
    ]
    rows = _side_by_side(columns, ",")
    ends = _offsets(rows)[1:] + len(_BETWEEN_ROWS) * np.arange(len(rows))
    return Rows(_joined(rows, _BETWEEN_ROWS), ends)


def _literal(column: pa.Array, *, in_bits: bool) -> pa.Array:
    import pyarrow.compute as pc

    before, after = ("CAST('", "' AS UNSIGNED)") if in_bits else ("'", "'")
    if is_binary(column.type):
        # Without the introducer digits would be a number where one is wanted.
        before, after = "_binary X'", "'"
    text = _text(column, _LITERAL_ESCAPES)
    return pc.binary_join_element_wise(_scalar(before), text, _scalar(after), _scalar(""))


def _text(column: pa.Array, escapes: Escapes) -> pa.Array:
    """Return a column as large strings."""
    import pyarrow as pa

    dtype = column.type
    if pa.types.is_null(dtype):
        return pa.nulls(len(column), pa.large_string())
    if is_text(dtype):
        return _escaped(column.cast(pa.large_string()), escapes)
    if is_binary(dtype):
        return _hex(column.cast(pa.large_binary()))
    if pa.types.is_nested(dtype) or pa.types.is_duration(dtype):
        return _escaped(pa.array(values_of(column), pa.large_string()), escapes)
    return _plain(column)


def _plain(column: pa.Array) -> pa.Array:
    """Return numbers, dates and times as text, in which nothing needs to be escaped."""
    import pyarrow as pa

    dtype = column.type
    casts: tuple[tuple[Callable[[Any], bool], pa.DataType], ...] = (
        (pa.types.is_boolean, pa.int8()),
        (pa.types.is_date64, pa.date32()),
        (pa.types.is_time, pa.time64("us")),
    )
    column = next((column.cast(to, safe=False) for test, to in casts if test(dtype)), column)
    if pa.types.is_timestamp(dtype):
        # MySQL keeps microseconds at the most, and no zone; this keeps the moment as UTC tells it.
        column = column.cast(pa.timestamp("us", dtype.tz), safe=False).cast(pa.timestamp("us"))
    return _float_text(column) if pa.types.is_float32(column.type) else column.cast(pa.large_string())


def _float_text(column: pa.Array) -> pa.Array:
    """Return floats as text; the shortest one of the greatest is a bit more, which a server takes for out of range."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = column.cast(pa.large_string())
    is_greatest = pc.equal(pc.abs(column), pa.scalar(_GREATEST_FLOAT, pa.float32()))
    if pc.any(is_greatest).as_py():
        text = pc.if_else(is_greatest, column.cast(pa.float64()).cast(pa.large_string()), text)
    return text


def _hex(column: pa.Array) -> pa.Array:
    """Return bytes as hexadecimal digits."""
    import numpy as np
    import pyarrow as pa

    digits = np.frombuffer(b"0123456789ABCDEF", np.uint8)
    offsets = _offsets(column)
    # What lies between is null, but there.
    data = np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    text = np.stack((digits[data >> 4], digits[data & 15]), axis=1)
    moved = pa.py_buffer(np.ascontiguousarray((offsets - offsets[0]) * 2))
    validity = column.is_valid().buffers()[1] if column.null_count else None
    return pa.Array.from_buffers(pa.large_string(), len(column), [validity, moved, pa.py_buffer(text)])


def _escaped(column: pa.Array, escapes: Escapes) -> pa.Array:
    import pyarrow.compute as pc

    text = column.buffers()[2]
    seen = text.to_pybytes() if text is not None else b""
    for char, escape in escapes:
        if char.encode() in seen:
            column = pc.replace_substring(column, char, escape)
    return column


def _filled(column: pa.Array, null: str) -> pa.Array:
    import pyarrow.compute as pc

    return pc.fill_null(column, null) if column.null_count else column


def _side_by_side(columns: list[pa.Array], separator: str) -> pa.Array:
    import pyarrow.compute as pc

    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _scalar(separator))


def _joined(rows: pa.Array, separator: str) -> memoryview:
    import pyarrow as pa
    import pyarrow.compute as pc

    joined = pc.binary_join(
        pa.LargeListArray.from_arrays(pa.array([0, len(rows)], pa.int64()), rows), _scalar(separator)
    )
    return memoryview(joined[0].as_buffer())


def _offsets(column: pa.Array) -> Any:
    """Return where the values of large strings or bytes begin in their buffer, and where the last one ends."""
    import numpy as np

    return np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]


def _scalar(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())
