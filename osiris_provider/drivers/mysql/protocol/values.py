"""Values as the server sends them, texts or bytes, as columns of Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mysql.protocol.columns import Column, as_texts, parsed, shown, vectors

if TYPE_CHECKING:
    import pyarrow as pa


def array_of(values: Sequence[Any], column: Column, first_row: int) -> pa.Array:
    """Return a column's values as the server sent them, text or bytes, as what the column is delivered as.

    :param values: of some rows.
    :param column: of the result.
    :param first_row: number of the first of them in the result, from 1.
    :raises ColumnNeedsTextError: a value has no place in the column's type.
    :raises DataError: bytes that are wanted as text are none.
    """
    import pyarrow as pa

    dtype = column.type
    if pa.types.is_string(dtype) or pa.types.is_null(dtype):
        return pa.array(values, column.field.type)
    if pa.types.is_binary(dtype):
        data = pa.array(values, dtype)
        return data if column.field.type == dtype else as_texts(data, column, first_row)
    if pa.types.is_list(dtype):
        return shown(vectors(pa.array(values, pa.binary())), column)
    if pa.types.is_duration(dtype):
        return shown(pa.array([_microseconds(value) for value in values], pa.int64()).cast(dtype), column)
    if pa.types.is_uint64(dtype):
        return shown(pa.array([_unsigned(value) for value in values], dtype), column)
    written = pa.array(values, pa.string())
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return shown(written.cast(dtype), column)
    return parsed(written, column, first_row)


def _unsigned(value: str | bytes | None) -> int | None:
    """Return a BIGINT UNSIGNED, which comes as text, or a BIT, which comes as bytes."""
    if value is None:
        return None
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def _microseconds(value: str | None) -> int | None:
    if value is None:
        return None
    hours, minutes, seconds = value.lstrip("-").split(":")
    full, _, fraction = seconds.partition(".")
    total = (int(hours) * 60 + int(minutes)) * 60 + int(full)
    microseconds = total * 1_000_000 + int(fraction.ljust(6, "0")[:6])
    return -microseconds if value.startswith("-") else microseconds
