"""What Arrow's CSV parser makes of a text that is no value of its type, without a word: found, so that it is refused.

The same texts of an API are refused by :mod:`osiris_provider.drivers.http.json.texts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_HEXADECIMAL = r"^\s*[-+]?0[xX]"
_INTEGER = r"^\s*[-+]?[0-9]+\s*$"
_NAMED_INFINITY = r"(?i)^\s*[-+]?inf(inity)?\s*$"
_NAMED_ZERO = r"^\s*[-+]?[0.,]+([eE].*)?\s*$"
_SMALL = re.compile(rb"[eE]-|0{6}")
"""Stands in every number that is too small for its type."""
_EXACT = {"halffloat": 2**11, "float": 2**24, "double": 2**53}
"""Up to which floating-point numbers have each whole number."""


def first_changed(column: pa.Array, data: bytes, texts: Callable[[], pa.Array]) -> int | None:
    """Return the first row whose value is not what its text says, or None.

    That is infinity or 0 of a number beyond the type's range, the neighbour of a whole number that a double does not
    have, a decimal of more digits than its type, and a hexadecimal number. A fraction becomes the nearest number.

    :param column: as Arrow has parsed it, of a declared type.
    :param data: the text of all rows.
    :param texts: returns the cells that the column was made of.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = column.type
    if pa.types.is_integer(dtype):
        if b"0x" not in data and b"0X" not in data:
            return None
        changed = pc.match_substring_regex(texts(), _HEXADECIMAL)
    elif pa.types.is_decimal128(dtype):
        largest = Decimal((0, (9,) * dtype.precision, -dtype.scale))
        changed = pc.greater(pc.abs(column), pa.scalar(largest, dtype))
    elif pa.types.is_floating(dtype):
        changed = _changed_floats(column, data, texts)
    else:
        return None
    row = pc.index(changed, pa.scalar(True)).as_py()
    return None if row < 0 else int(row)


def _changed_floats(column: pa.Array, data: bytes, texts: Callable[[], pa.Array]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.cast(pa.float64())
    large = pc.greater_equal(pc.abs(values), float(_EXACT[str(column.type)]))
    zero = pc.equal(values, 0.0)
    if not (pc.any(large).as_py() or (pc.any(zero).as_py() and _SMALL.search(data))):
        return pa.array([], pa.bool_())
    cells = texts()
    endless = pc.and_not(pc.is_inf(values), pc.match_substring_regex(cells, _NAMED_INFINITY))
    vanished = pc.and_not(zero, pc.match_substring_regex(cells, _NAMED_ZERO))
    rounded = pc.and_(large, pc.match_substring_regex(cells, _INTEGER))
    for row in pc.indices_nonzero(pc.fill_null(rounded, False)).to_pylist():
        value, text = values[row].as_py(), Decimal(cells[row].as_py())
        if text not in (Decimal(value), Decimal(repr(value))):
            break
    else:
        row = -1
    moved = pc.equal(pa.array(range(len(column)), pa.int64()), row)
    return pc.or_(pc.or_(endless, vanished), moved)


def first_failing(column: pa.Array, succeeds: Callable[[pa.Array], bool]) -> int:
    """Return the first row that makes a column fail, by halves.

    :param succeeds: says whether a part of the column does not.
    """
    low, high = 0, len(column) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if succeeds(column.slice(low, middle + 1 - low)) else (low, middle)
    return low


def succeeds(call: Callable[[], object]) -> bool:
    """Return whether a call raises no ValueError; Arrow's exceptions are ValueErrors, too."""
    try:
        call()
    except ValueError:
        return False
    return True
