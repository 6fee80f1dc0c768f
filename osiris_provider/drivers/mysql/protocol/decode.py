"""Rows of MySQL's binary protocol to record batches, column by column, without a Python object for any value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.mysql.protocol import arrow_types as types
from osiris_provider.drivers.mysql.protocol.columns import UTF8, Column, as_texts, parsed, shown, vectors
from osiris_provider.drivers.mysql.protocol.dates import dates, times
from osiris_provider.drivers.mysql.protocol.packets import MalformedError, Rows
from osiris_provider.drivers.mysql.protocol.rows import RowReader, array
from osiris_provider.drivers.sql.values.special_values import collect

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

ASCII_END: Final = 0x80
NINE: Final = ord("9")
_SIZES: Final = {
    types.TINY: 1,
    types.SHORT: 2,
    types.YEAR: 2,
    types.LONG: 4,
    types.INT24: 4,
    types.LONGLONG: 8,
    types.FLOAT: 4,
    types.DOUBLE: 8,
}


def decode(rows: Rows, columns: Sequence[Column], schema: pa.Schema, first_row: int) -> pa.RecordBatch:
    """Return rows as a record batch.

    :param rows: as they came.
    :param columns: of the result.
    :param schema: made of the same columns.
    :param first_row: number of the first row in the result, from 1.
    :raises ColumnNeedsTextError: values that have no place in their column's type.
    :raises DataError: text is not valid; the message names column and row.
    :raises MalformedError: the bytes are not such rows.
    """
    import pyarrow as pa

    try:
        reader = RowReader(rows, len(columns), first_row)
        arrays = collect(partial(_read, reader, i, column) for i, column in enumerate(columns))
        reader.finish()
    except IndexError:
        message = "A value reaches beyond the end of its row."
        raise MalformedError(message) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _read(reader: RowReader, index: int, column: Column) -> pa.Array:
    values = _READERS[column.code](reader, reader.valid(index), column)
    return values if values.type == column.field.type else shown(values, column)


def _numbers(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    size = _SIZES[column.code]
    return array(column.type, [reader.numbers(f"<u{size}", size, valid)], valid, len(reader))


def _nulls(reader: RowReader, _valid: NDArray[np.bool_] | None, _column: Column) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(len(reader))


def _bits(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    """Read big-endian numbers of one to eight bytes."""
    import numpy as np

    pieces = reader.pieces(valid)
    length = np.clip(pieces.ends - pieces.starts, 1, 8)
    values = reader.look(">u8", pieces.starts) >> ((8 - length) * 8).astype("u8")
    return array(column.type, [values.astype("<u8")], valid, len(reader))


def _bytes(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    import pyarrow as pa

    values = reader.binary(reader.pieces(valid), valid)
    if pa.types.is_binary(column.field.type):
        return values
    if column.encoding == UTF8 and _greatest(values) < ASCII_END:
        return _as_text(values)
    return as_texts(values, column, reader.first_row)


def _decimals(reader: RowReader, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    values = reader.binary(reader.pieces(valid), valid)
    # Also of an exponent with many digits: Arrow would crash.
    if _greatest(values) > NINE:
        message = "A number is not written in digits."
        raise MalformedError(message)
    return parsed(_as_text(values), column, reader.first_row)


def _vectors(reader: RowReader, valid: NDArray[np.bool_] | None, _column: Column) -> pa.Array:
    return vectors(reader.binary(reader.pieces(valid), valid))


def _greatest(values: pa.Array) -> int:
    import numpy as np

    data = values.buffers()[2]
    return 0 if data is None else int(np.frombuffer(data, dtype="u1").max(initial=0))


def _as_text(values: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.string(), len(values), values.buffers())


_READERS: Final[dict[int, Callable[[RowReader, Any, Column], pa.Array]]] = {
    **dict.fromkeys(range(256), _bytes),
    **dict.fromkeys(_SIZES, _numbers),
    **dict.fromkeys(types.DATES, dates),
    **dict.fromkeys(types.DECIMALS, _decimals),
    types.TIME: times,
    types.BIT: _bits,
    types.NULL: _nulls,
    types.VECTOR: _vectors,
}
