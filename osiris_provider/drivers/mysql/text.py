"""Arrow batches as the text that LOAD DATA reads: a line a row, tabs between, ``\\N`` for null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mysql.values import values_of

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
NULL = "\\N"


def lines_of(batch: pa.RecordBatch) -> memoryview:
    """Return a batch as text; bytes are in hexadecimal digits.

    :param batch: of at least one row and one column.
    :raises DataError: a float is NaN or infinite, which MySQL cannot hold.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [_text(column, name) for column, name in zip(batch.columns, batch.schema.names, strict=True)]
    rows = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _scalar("\t"))
    ends = pa.array([0, len(rows)], pa.int64())
    whole = pc.binary_join(pa.LargeListArray.from_arrays(ends, rows), _scalar("\n"))
    return memoryview(whole[0].as_buffer())


def is_hex(kind: pa.DataType) -> bool:
    """Return whether a column of this type is written in hexadecimal digits."""
    import pyarrow as pa

    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _text(column: pa.Array, name: str) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _text(column.dictionary_decode(), name)
    if pa.types.is_null(kind):
        text = pa.nulls(len(column), pa.large_string())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = _escaped(column.cast(pa.large_string()))
    elif is_hex(kind):
        text = pa.array([None if value is None else value.hex() for value in column.to_pylist()], pa.large_string())
    else:
        text = _plain(column, name)
    return pc.fill_null(text, NULL) if text.null_count else text


def _plain(column: pa.Array, name: str) -> pa.Array:
    """Return numbers, dates and times as text, in which nothing needs to be escaped, and nested values as JSON."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_date64(kind):
        column = column.cast(pa.date32())
    elif pa.types.is_timestamp(kind):
        # MySQL keeps microseconds at the most, and no zone; this keeps the moment as UTC tells it.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    elif pa.types.is_time(kind):
        column = column.cast(pa.time64("us"), safe=False)
    elif pa.types.is_nested(kind) or pa.types.is_duration(kind):
        return _escaped(pa.array(values_of(column, name), pa.large_string()))
    if pa.types.is_floating(kind) and not pc.all(pc.is_finite(column), min_count=0).as_py():
        values_of(column, name)
    return column.cast(pa.large_string())


def _escaped(column: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    text = column.buffers()[2]
    seen = text.to_pybytes() if text is not None else b""
    for mark, escape in _ESCAPES:
        if mark.encode() in seen:
            column = pc.replace_substring(column, mark, escape)
    return column


def _scalar(text: str) -> Any:
    import pyarrow as pa

    return pa.scalar(text, pa.large_string())
