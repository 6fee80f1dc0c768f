"""What the values of a column lie between at the most, found without a copy of them.

Most columns need no closer look then, for which ``pyarrow.compute`` would have to be imported. A column is sure to lie
within a range also where nulls hide values that do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def is_within(column: pa.Array, low: int, high: int) -> bool:
    """Return whether all values surely lie between two, which are included.

    :param column: of whole numbers, dates, times or durations; these are counted in their unit.
    """
    import pyarrow as pa

    dtype = column.type
    sign = "u" if pa.types.is_unsigned_integer(dtype) else "i"
    values = _numbers(column, f"{sign}{dtype.bit_width // 8}", len(column))
    return not len(values) or (low <= int(values.min()) and int(values.max()) <= high)


def longest(column: pa.Array) -> int:
    """Return the bytes of the longest value.

    :param column: of texts or bytes, of 32 or 64 bits.
    """
    import numpy as np
    import pyarrow as pa

    is_large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    ends = _numbers(column, "i8" if is_large else "i4", len(column) + 1)
    return int(np.diff(ends).max(initial=0))


def _numbers(column: pa.Array, code: str, count: int) -> Any:
    """Return the numbers in the buffer behind that of the nulls, from the column's first row on."""
    import numpy as np

    data = column.buffers()[1]
    width = np.dtype(code)
    if data is None or not len(column):
        return np.empty(0, width)
    return np.frombuffer(data, width, count, column.offset * width.itemsize)
