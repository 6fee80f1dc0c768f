"""Lists of numbers, and their texts, as the bytes that a VECTOR column takes.

A server takes any text of the right length for such bytes, so nothing but bytes and numbers may reach it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.validate import constraint_error

if TYPE_CHECKING:
    import pyarrow as pa

VECTOR: Final = "vector"
FLOAT_BYTES: Final = 4
WANTED: Final = "it is no list of finite numbers, which a VECTOR takes"


def with_vectors(batches: Batches, table: str, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """Yield batches whose columns for VECTOR columns are bytes; numbers are rounded to the 32 bits that a VECTOR has.

    :param batches: of the input.
    :param table: for messages.
    :param columns: of the table.
    :raises DataError: while it is read: a value is neither bytes, nor a list of finite numbers or the JSON text of one.
    """
    names = {column.name for column in columns if column.kind == VECTOR}
    first = 1
    for batch in batches:
        converted = batch
        for index, name in enumerate(batch.schema.names):
            if name in names:
                try:
                    vectors = _bytes_of(batch.column(index))
                except _NoVectorError as error:
                    raise constraint_error(table, name, first + error.args[0], WANTED) from None
                converted = converted.set_column(index, name, vectors)
        first += batch.num_rows
        yield converted


class _NoVectorError(ValueError):
    """The number of the value that is no vector."""


def _bytes_of(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    dtype = column.type
    if pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype) or pa.types.is_null(dtype):
        return column
    if is_text(dtype):
        return _packed(_parsed(column))
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if any(test(dtype) for test in tests) and _is_number(dtype.value_type):
        return _packed(column.cast(pa.large_list(pa.float32()), safe=False))
    raise _NoVectorError(int(column.is_valid().index(True).as_py()))


def _is_number(dtype: pa.DataType) -> bool:
    import pyarrow as pa

    return any(test(dtype) for test in (pa.types.is_floating, pa.types.is_integer, pa.types.is_null))


def _parsed(texts: pa.Array) -> pa.Array:
    """Return JSON texts as lists."""
    import pyarrow as pa

    given = texts.to_pylist()
    lists = [None if text is None else _numbers_in(text) for text in given]
    for number, (text, value) in enumerate(zip(given, lists, strict=True)):
        if text is not None and value is None:
            raise _NoVectorError(number)
    return pa.array(lists, pa.large_list(pa.float64())).cast(pa.large_list(pa.float32()), safe=False)


def _numbers_in(text: str) -> list[float] | None:
    """Return the numbers of a JSON list; None if it is none."""
    try:
        value: Any = json.loads(text)
        if isinstance(value, list) and all(map(_is_plain, value)):
            return [float(number) for number in value]
    except (ValueError, OverflowError, RecursionError):
        return None
    return None


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _packed(lists: pa.Array) -> pa.Array:
    """Return lists of 32-bit numbers as bytes, the lowest first."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = lists.flatten()
    finite = pc.fill_null(pc.is_finite(numbers), False)
    wrong = finite.index(False).as_py()
    if wrong >= 0:
        raise _NoVectorError(int(pc.list_parent_indices(lists)[wrong].as_py()))
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), np.int64)
    offsets = np.concatenate(([0], np.cumsum(lengths * FLOAT_BYTES)))
    data = np.asarray(numbers, "<f4").tobytes()
    validity = lists.is_valid().buffers()[1] if lists.null_count else None
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(lists), buffers)
