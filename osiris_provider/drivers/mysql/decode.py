"""Rows of MySQL's binary protocol to record batches, column by column, without a Python object for any value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.mysql import arrow_types as types
from osiris_provider.drivers.mysql.block import Block, array
from osiris_provider.drivers.mysql.dates import dates, times
from osiris_provider.drivers.mysql.packets import MalformedError, Rows
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

UTF8: Final = "utf8"
ASCII_END: Final = 0x80
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


@dataclass(frozen=True)
class Column:
    """How a column is to be read.

    :param name: unique in the result.
    :param code: the type on the wire.
    :param type: the Arrow type.
    :param fraction: digits of a second.
    :param zero_dates: see :func:`~osiris_provider.drivers.mysql.arrow_types.arrow_field`.
    :param encoding: Python's name of the character set of text.
    """

    name: str
    code: int
    type: pa.DataType
    fraction: int = 0
    zero_dates: types.ZeroDates = "error"
    encoding: str = UTF8

    @property
    def has_time(self) -> bool:
        """Whether it is a date with a time."""
        return self.code in (types.DATETIME, types.TIMESTAMP)


def decode(rows: Rows, columns: Sequence[Column], schema: pa.Schema, first_row: int) -> pa.RecordBatch:
    """Return rows as a record batch.

    :param rows: as they came.
    :param columns: of the result.
    :param schema: made of the same columns.
    :param first_row: number of the first row in the result, from 1.
    :raises DataError: a value has no place in its column's type; the message names column and row.
    :raises MalformedError: the bytes are not such rows.
    """
    import pyarrow as pa

    try:
        block = Block(rows, len(columns), first_row)
        arrays = [_READERS[column.code](block, block.valid(i), column) for i, column in enumerate(columns)]
        block.finish()
    except IndexError:
        message = "A value reaches beyond the end of its row."
        raise MalformedError(message) from None
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _numbers(block: Block, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    size = _SIZES[column.code]
    return array(column.type, [block.numbers(f"<u{size}", size, valid)], valid, len(block))


def _nulls(block: Block, _valid: NDArray[np.bool_] | None, _column: Column) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(len(block))


def _bits(block: Block, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    """Read big-endian numbers of one to eight bytes."""
    import numpy as np

    pieces = block.pieces(valid)
    length = np.clip(pieces.ends - pieces.starts, 1, 8)
    values = block.look(">u8", pieces.starts) >> ((8 - length) * 8).astype("u8")
    return array(column.type, [values.astype("<u8")], valid, len(block))


def _bytes(block: Block, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    import pyarrow as pa

    values = block.binary(block.pieces(valid), valid)
    if pa.types.is_binary(column.type):
        return values
    if column.encoding == UTF8 and _is_ascii(values):
        return _as_text(values)
    complaint = f"the text is not valid {column.encoding}. CAST the column to BINARY in the query to read its bytes."
    return _converted(values, partial(_text, encoding=column.encoding), block, column, complaint)


def _decimals(block: Block, valid: NDArray[np.bool_] | None, column: Column) -> pa.Array:
    texts = _as_text(block.binary(block.pieces(valid), valid))
    complaint = f"the number does not fit {column.type}. CAST the column to a wider DECIMAL in the query."
    return _converted(texts, lambda values: values.cast(column.type), block, column, complaint)


def _is_ascii(values: pa.Array) -> bool:
    import numpy as np

    data = values.buffers()[2]
    return data is None or int(np.frombuffer(data, dtype="u1").max(initial=0)) < ASCII_END


def _as_text(values: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(pa.string(), len(values), values.buffers())


def _text(values: pa.Array, encoding: str) -> pa.Array:
    import pyarrow as pa

    if encoding == UTF8:
        return values.cast(pa.string())
    return pa.array([None if value is None else value.decode(encoding) for value in values.to_pylist()], pa.string())


def _converted(
    values: pa.Array, convert: Callable[[pa.Array], pa.Array], block: Block, column: Column, complaint: str
) -> pa.Array:
    try:
        return convert(values)
    except ValueError:  # which Arrow's and Unicode's errors are
        row = block.first_row + _first_failing(values, convert)
    message = f"Column {column.name}, row {row}: {complaint}"
    raise DataError(message, column=column.name, row=row)


def _first_failing(values: pa.Array, convert: Callable[[pa.Array], pa.Array]) -> int:
    """Return the number of the first value that cannot be converted."""
    good, bad = 0, len(values)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            convert(values.slice(good, middle - good))
        except ValueError:
            bad = middle
        else:
            good = middle
    return good


_READERS: Final[dict[int, Callable[[Block, Any, Column], pa.Array]]] = {
    **dict.fromkeys(range(256), _bytes),
    **dict.fromkeys(_SIZES, _numbers),
    **dict.fromkeys(types.DATES, dates),
    **dict.fromkeys(types.DECIMALS, _decimals),
    types.TIME: times,
    types.BIT: _bits,
    types.NULL: _nulls,
}
