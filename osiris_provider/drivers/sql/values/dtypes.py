"""Kinds of Arrow types that a value is written by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def is_binary(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of bytes; see :mod:`normalize` for views."""
    import pyarrow as pa

    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(dtype) for test in tests)


def is_text(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of texts; see :mod:`normalize` for views."""
    import pyarrow as pa

    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def is_number(dtype: pa.DataType) -> bool:
    """Return whether an Arrow type is one of numbers."""
    import pyarrow as pa

    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype))
