"""Arrow's types and values as MySQL takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.sql.base import Batches, json_text
from osiris_provider.drivers.sql.values.validate import constraint_error

if TYPE_CHECKING:
    import pyarrow as pa


def column_type(dtype: pa.DataType) -> str:
    """Return the MySQL type of a new column that holds an Arrow type."""
    import pyarrow as pa

    fixed = {
        pa.bool_(): "BOOLEAN",
        pa.int8(): "TINYINT",
        pa.int16(): "SMALLINT",
        pa.int32(): "INT",
        pa.int64(): "BIGINT",
        pa.uint8(): "TINYINT UNSIGNED",
        pa.uint16(): "SMALLINT UNSIGNED",
        pa.uint32(): "INT UNSIGNED",
        pa.uint64(): "BIGINT UNSIGNED",
        pa.float32(): "FLOAT",
        pa.float64(): "DOUBLE",
        pa.binary(): "LONGBLOB",
        pa.large_binary(): "LONGBLOB",
    }
    if dtype in fixed:
        return fixed[dtype]
    if pa.types.is_decimal(dtype):
        return f"DECIMAL({min(dtype.precision, 65)}, {dtype.scale})"
    tests: tuple[tuple[Callable[[Any], bool], str], ...] = (
        (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "DATETIME(6)"),
        (pa.types.is_time, "TIME(6)"),
        (pa.types.is_duration, "TIME(6)"),
        (pa.types.is_fixed_size_binary, "LONGBLOB"),
        (pa.types.is_nested, "JSON"),
    )
    return next((name for test, name in tests if test(dtype)), "LONGTEXT")


def key_type(dtype: pa.DataType) -> str:
    """Return the type of a new column of a key: MySQL wants to know how long texts in an index are."""
    return {"LONGTEXT": "VARCHAR(255)", "LONGBLOB": "VARBINARY(255)"}.get(column_type(dtype), column_type(dtype))


def values_of(column: pa.Array) -> list[str | None]:
    """Return the texts of a column of nested values, which is JSON, or of durations, which MySQL calls TIME."""
    import pyarrow as pa

    if pa.types.is_duration(column.type):
        microseconds = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
        return [_time_text(value) for value in microseconds.to_pylist()]
    return [json_text(value) for value in column.to_pylist()]


def finite(batches: Batches, table: str) -> Batches:
    """Yield the batches, none of whose floats is NaN or infinite: MySQL has no such number.

    :param batches: of the input.
    :param table: for messages.
    :raises DataError: while it is read; names column and row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    first = 1
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_floating(column.type) and (row := pc.index(pc.is_finite(column), False).as_py()) >= 0:
                reason = "the number is NaN or infinite, which MySQL cannot hold; make it null first"
                raise constraint_error(table, name, first + row, reason)
        first += batch.num_rows
        yield batch


def _time_text(microseconds: int | None) -> str | None:
    """Return a TIME as text."""
    if microseconds is None:
        return None
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if microseconds < 0 else ''}{hours:02}:{minutes:02}:{seconds:02}.{fraction:06}"
