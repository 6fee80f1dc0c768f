"""Some rows of MySQL's binary protocol, at least one, read from left to right, all rows at once.

A row is a zero byte, a bitmap of the columns that are NULL, and the other columns' values one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.data import memory_pool
from osiris_provider.drivers.mysql.protocol.packets import MalformedError, Rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

LONGEST_SHORT: Final = 250
"""A length up to this one is a single byte."""
_LONG_FORMS: Final = ((0xFC, 2, 0xFFFF), (0xFD, 3, 0xFFFFFF), (0xFE, 8, 0x7FFF_FFFF))
"""First byte of a length, how many bytes follow, and the greatest length that is taken."""
_BITMAP_OFFSET: Final = 2


@dataclass(frozen=True)
class Pieces:
    """Where the values of a column that vary in length start and end; both are the same where it is NULL."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class RowReader:
    """Rows, and how far each has been read.

    :param rows: as they came.
    :param columns: how many there are.
    :param first_row: number of the first row in the result, from 1.
    """

    def __init__(self, rows: Rows, columns: int, first_row: int) -> None:
        self.first_row = first_row
        self._data = rows.data
        self._bitmap = rows.starts + 1
        self._position = self._bitmap + (columns + _BITMAP_OFFSET + 7) // 8
        self._ends = rows.ends
        self._null_bytes: dict[int, Any] = {}
        if self._data[rows.starts].any():
            message = "A packet of the result is not a row."
            raise MalformedError(message)

    def __len__(self) -> int:
        return len(self._ends)

    def valid(self, index: int) -> NDArray[np.bool_] | None:
        """Return which rows have a value in a column; None if all have.

        :param index: of the column.
        """
        byte, bit = divmod(index + _BITMAP_OFFSET, 8)
        if byte not in self._null_bytes:
            nulls = self._data[self._bitmap + byte]
            self._null_bytes = {byte: nulls if nulls.any() else None}
        nulls = self._null_bytes[byte]
        if nulls is None:
            return None
        valid: NDArray[np.bool_] = (nulls & (1 << bit)) == 0
        return None if valid.all() else valid

    def numbers(self, dtype: str, size: int, valid: NDArray[np.bool_] | None) -> NDArray[Any]:
        """Return a column of numbers and go on behind it; where it is NULL, anything.

        :param dtype: such as ``<i8``.
        :param size: in bytes.
        :param valid: see :meth:`valid`.
        """
        values = self.look(dtype, self._position)
        self._position = self._position + (size if valid is None else size * valid)
        return values

    def look(self, dtype: str, at: NDArray[np.int64]) -> NDArray[Any]:
        """Return the numbers that stand at some places.

        :param dtype: such as ``<u4``.
        :param at: a place for each row.
        """
        import numpy as np

        size = np.dtype(dtype).itemsize
        # Overlapping numbers, one for each byte of the data.
        everywhere: NDArray[Any] = np.ndarray((len(self._data) - size + 1,), dtype, buffer=self._data, strides=(1,))
        numbers: NDArray[Any] = everywhere[at]
        return numbers

    def pieces(self, valid: NDArray[np.bool_] | None) -> Pieces:
        """Return where a column of lengths and bytes has its values, and go on behind it.

        :param valid: see :meth:`valid`.
        :raises MalformedError: a value reaches beyond its row.
        """
        first = self._data[self._position]
        if valid is None:
            starts = self._position + 1
        else:
            first *= valid
            starts = self._position + valid
        ends = starts + first
        if first.max() > LONGEST_SHORT:
            self._lengthen(first, starts, ends)
        if (ends > self._ends).any():
            message = "A value reaches beyond the end of its row."
            raise MalformedError(message)
        self._position = ends
        return Pieces(starts, ends)

    def _lengthen(self, first: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        for header, size, greatest in _LONG_FORMS:
            rows = (first == header).nonzero()[0]
            length = self.look("<u8", starts[rows]) & ((1 << 8 * size) - 1)
            if (length > greatest).any():
                message = "A value is longer than any row can be."
                raise MalformedError(message)
            starts[rows] += size
            ends[rows] = starts[rows] + length.astype("i8")

    def binary(self, pieces: Pieces, valid: NDArray[np.bool_] | None) -> pa.Array:
        """Return the bytes of a column.

        Arrow copies them: for it, each value and each gap between two values is an item of one array, and the items
        with even numbers are taken.

        :param pieces: see :meth:`pieces`.
        :param valid: see :meth:`valid`.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        count = len(self)
        offsets = np.empty(2 * count, dtype=np.int32)
        offsets[0::2], offsets[1::2] = pieces.starts, pieces.ends
        everything = [None, pa.py_buffer(offsets), pa.py_buffer(self._data)]
        both = pa.Array.from_buffers(pa.binary(), 2 * count - 1, everything)
        even = array(pa.int32(), [2 * np.arange(count, dtype=np.int32)], None, count)
        # Apart from NumPy's memory, which lives for a moment only: what is mixed leaves holes that grow with the rows.
        values = pc.take(both, even, memory_pool=memory_pool())
        return array(pa.binary(), values.buffers()[1:], valid, count)

    def finish(self) -> None:
        """Check that every row has been read to its end.

        :raises MalformedError: it has not.
        """
        if (self._position != self._ends).any():
            message = "A row does not have the columns that the result announced."
            raise MalformedError(message)


def array(dtype: pa.DataType, buffers: list[Any], valid: NDArray[np.bool_] | None, count: int) -> pa.Array:
    """Return an Arrow array over buffers.

    :param dtype: its type.
    :param buffers: without the first, the bitmap of what is valid.
    :param valid: that bitmap, as an array; None if everything is.
    :param count: how many values there are.
    """
    import numpy as np
    import pyarrow as pa

    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(dtype, count, [bitmap, *map(_buffer, buffers)])


def _buffer(values: Any) -> pa.Buffer:
    import pyarrow as pa

    return values if isinstance(values, pa.Buffer) else pa.py_buffer(values)
