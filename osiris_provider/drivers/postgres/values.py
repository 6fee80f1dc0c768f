"""Arrow values as the CSV that PostgreSQL's COPY reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_binary
from osiris_provider.drivers.sql.base import json_text

if TYPE_CHECKING:
    import pyarrow as pa


def column_type(dtype: pa.DataType) -> str:
    """Return the PostgreSQL type of a new column that holds an Arrow type."""
    import pyarrow as pa

    fixed = {
        pa.bool_(): "boolean",
        pa.int8(): "smallint",
        pa.int16(): "smallint",
        pa.int32(): "integer",
        pa.int64(): "bigint",
        pa.uint8(): "smallint",
        pa.uint16(): "integer",
        pa.uint32(): "bigint",
        pa.uint64(): "numeric(20)",
        pa.float32(): "real",
        pa.float64(): "double precision",
    }
    if dtype in fixed:
        return fixed[dtype]
    if pa.types.is_decimal(dtype):
        return f"numeric({dtype.precision}, {dtype.scale})"
    if pa.types.is_timestamp(dtype):
        return "timestamptz" if dtype.tz else "timestamp"
    tests: tuple[tuple[Callable[[Any], bool], str], ...] = (
        (pa.types.is_date, "date"),
        (pa.types.is_time, "time"),
        (pa.types.is_duration, "interval"),
        (is_binary, "bytea"),
        (pa.types.is_nested, "jsonb"),
    )
    return next((name for test, name in tests if test(dtype)), "text")


def csv_of(batch: pa.RecordBatch) -> memoryview:
    """Return a batch as CSV: texts in quotes, nulls without, which tells them from empty texts.

    :param batch: of any types.
    """
    import pyarrow as pa
    import pyarrow.csv as pacsv

    columns = [_printable(column) for column in batch.columns]
    names = [str(number) for number in range(len(columns))]
    out = pa.BufferOutputStream()
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    pacsv.write_csv(pa.RecordBatch.from_arrays(columns, names=names), out, options)
    return memoryview(out.getvalue())


def _printable(column: pa.Array) -> pa.Array:
    """Return a column whose CSV is what PostgreSQL reads for it."""
    import pyarrow as pa

    dtype = column.type
    if pa.types.is_nested(dtype):
        return pa.array([json_text(value) for value in column.to_pylist()], pa.string())
    if is_binary(dtype):
        return pa.array([None if value is None else "\\x" + value.hex() for value in column.to_pylist()], pa.string())
    if pa.types.is_duration(dtype):
        micros = column.cast(pa.duration("us"), safe=False).cast(pa.int64()).to_pylist()
        return pa.array([None if value is None else f"{value} microseconds" for value in micros], pa.string())
    if pa.types.is_null(dtype):
        return column.cast(pa.string())
    return _cut(column)


def _cut(column: pa.Array) -> pa.Array:
    """Return a column without its nanoseconds, which PostgreSQL would round, and moments as UTC tells them."""
    import pyarrow as pa

    dtype = column.type
    if pa.types.is_timestamp(dtype):
        # A column without a zone takes no notice of an offset.
        unit, zone = "us" if dtype.unit == "ns" else dtype.unit, dtype.tz and "UTC"
        return column.cast(pa.timestamp(unit, zone), safe=False)
    return column.cast(pa.time64("us"), safe=False) if dtype == pa.time64("ns") else column
