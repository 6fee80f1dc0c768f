"""Kinds of Arrow types, and times as the numbers that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS: Final = {"s": 0, "ms": 3, "us": 6, "ns": 9}
"""Behind the second, by the unit of a type of Arrow."""


def is_binary(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of bytes; see :mod:`.sql.values.normalize` for views."""
    from pyarrow import types

    return any(test(dtype) for test in (types.is_binary, types.is_large_binary, types.is_fixed_size_binary))


def is_text(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of texts; see :mod:`.sql.values.normalize` for views."""
    from pyarrow import types

    return bool(types.is_string(dtype) or types.is_large_string(dtype))


def is_number(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of numbers."""
    from pyarrow import types

    return bool(types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype))


def zoned_timestamp(unit: str, zone: str) -> pa.DataType:
    """Return the type of moments in a time zone.

    :param unit: ``s``, ``ms``, ``us`` or ``ns``.
    :param zone: such as ``UTC``, ``Europe/Prague`` or ``+02:00``.
    :raises ValueError: there is no such zone.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = pa.timestamp(unit, zone)
    # Arrow takes any name for a zone, and fails where a value is shown.
    pc.year(pa.scalar(0, dtype))
    return dtype


def ticks(column: pa.Array) -> pa.Array:
    """Return dates, times or durations as numbers of their unit, of 64 bits.

    :param column: of one of these types.
    """
    import pyarrow as pa

    # Arrow casts such a type to the number of its own width only.
    return (column.cast(pa.int32()) if column.type.bit_width == 32 else column).cast(pa.int64())
