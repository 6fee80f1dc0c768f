"""How the results of earlier steps become tables of DuckDB, with the values that they have."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.drivers.duckdb.types import MAX_DIGITS, check_case, quote, version
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""In the units of a duration, which is a bare number in Parquet."""


def distinct(step: Step[Any]) -> list[str]:
    """Return the names of the inputs, which SQL can tell apart."""
    names = list(step.inputs)
    if len({name.lower() for name in names}) < len(names):
        message = "some inputs differ only in case, which SQL does not tell apart. Rename a step."
        raise DriverConfigError.in_step(step.id, message)
    return names


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Return the plain spelling of each name that is not plain, unless another input has it or would have it too."""
    plain: dict[str, list[str]] = {}
    for name in names:
        plain.setdefault(re.sub(r"\W", "_", name).lower(), []).append(name)
    taken = {name.lower() for name in names}
    return {spelling: of[0] for spelling, of in plain.items() if len(of) == 1 and spelling not in taken}


def source_of(step: Step[Any], name: str, spill: Path) -> Any:
    """Return what the query can read more than once: a table, a dataset, or the path of a Parquet file.

    What can be read but once, and what has decimals or nanoseconds that DuckDB has not, is written to ``spill`` first.

    :raises DataError: a number has more digits than DuckDB's decimals, or a time more than microseconds.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    value = step.inputs[name]
    if "data" not in value:
        # Figures only, which may have a path; or a frame.
        return _narrowed_table(step.id, name, step.read_input(name).read_all())
    # One at a time: an input opens what it is asked for.
    key = next(key for key in ("path", "dataset", "data") if key in value)
    source = Path(str(value[key])) if key == "path" else value[key]
    if isinstance(source, pa.Table):
        return _narrowed_table(step.id, name, source)
    if isinstance(source, ds.Dataset | Path) and _narrowed(schema := _schema_of(source)) == schema:
        return source
    _write_down(step.id, name, step.read_input(name), spill)
    return spill


def allow_only(cursor: DuckDBPyConnection, paths: list[Path]) -> None:
    """Let SQL read the inputs, and no other file."""
    listed = ", ".join(_literal(str(path)) for path in paths)
    cursor.execute(f"SET allowed_paths = [{listed}]")
    cursor.execute("SET enable_external_access = false")


def offer(cursor: DuckDBPyConnection, step_id: str, name: str, source: Any, *, is_alone: bool) -> None:
    """Make an input known to the query under its name.

    :param is_alone: whether the database has nothing but the inputs.
    """
    import pyarrow.dataset as ds

    schema = _schema_of(source)
    check_case(step_id, f"input {name}", schema)
    if not isinstance(source, Path):
        cursor.register(name, source)
    elif is_alone and not any(map(_has_inner_duration, schema.types)):
        # DuckDB's own reader, twice as fast as a dataset. A folder such as env=prod is no column.
        read = f"read_parquet({_literal(str(source))}, hive_partitioning = false)"
        cursor.execute(f"CREATE TEMP VIEW {quote(name)} AS SELECT *{_durations(schema)} FROM {read}")  # noqa: S608 - quoted
    else:
        # The database of a connection may have been opened, and locked down, before these paths were known. And what
        # is a duration within another value in Parquet, only Arrow knows.
        cursor.register(name, ds.dataset(str(source)))


def _durations(schema: pa.Schema) -> str:
    """Return what makes intervals of the columns of durations again."""
    import pyarrow as pa

    intervals = [
        f"to_microseconds({quote(field.name)} * {_MICROSECONDS[field.type.unit]}) AS {quote(field.name)}"
        for field in schema
        if pa.types.is_duration(field.type) and field.type.unit in _MICROSECONDS
    ]
    return f" REPLACE ({', '.join(intervals)})" if intervals else ""


def _schema_of(source: Any) -> pa.Schema:
    import pyarrow.parquet as pq

    return pq.read_schema(source) if isinstance(source, Path) else source.schema


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write_down(step_id: str, name: str, reader: pa.RecordBatchReader, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def tables() -> Iterator[pa.Table]:
        first = 1
        for batch in reader:
            yield _narrowed_table(step_id, name, pa.Table.from_batches([batch]), first)
            first += batch.num_rows

    with pq.ParquetWriter(path, _narrowed(reader.schema)) as writer:
        for table in tables():
            writer.write_table(table)


def _narrowed_table(step_id: str, name: str, table: pa.Table, first: int = 1) -> pa.Table:
    """Return a table with decimals and digits of a second that DuckDB has.

    :param first: number of its first row in the input.
    """
    for index, field in enumerate(_narrowed(table.schema)):
        column = table.column(index)
        if column.type == field.type:
            continue
        narrow = _cast(column, field.type)
        if narrow is not None:
            table = table.set_column(index, field, narrow)
            continue
        row = next(row for row in range(len(column)) if _cast(column.slice(row, 1), field.type) is None)
        kept = (
            "6 digits of a second that DuckDB has"
            if "[ns" in str(column.type)
            else f"{MAX_DIGITS} digits that DuckDB's DECIMAL has"
        )
        message = (
            f"input {name}: column {field.name}, row {first + row:,}: as {column.type} the value needs more than the "
            f"{kept}. "
            "CAST it in the query of the step before, or read it as text there (text_columns)."
        )
        raise DataError.in_step(step_id, message, column=field.name, row=first + row)
    return table


def _cast(values: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray | None:
    """Return values as another type; None if one of them does not fit."""
    import numpy as np
    import pyarrow as pa

    with contextlib.suppress(pa.ArrowInvalid):
        return values.cast(dtype)
    with contextlib.suppress(pa.ArrowInvalid):
        # Of a part of a column, Arrow looks at the items of all of its lists: a copy has but its own.
        return values.take(np.arange(len(values))).cast(dtype)
    return None


def _narrowed(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([field.with_type(_narrow(field.type)) for field in schema])


def _has_inner_duration(dtype: pa.DataType) -> bool:
    import pyarrow as pa

    inner = [dtype.field(number).type for number in range(dtype.num_fields)]
    return any(pa.types.is_duration(one) or _has_inner_duration(one) for one in inner)


def _coarser(dtype: pa.DataType) -> pa.DataType | None:
    """Return a type with microseconds for one of whose nanoseconds DuckDB would read these; None for all others."""
    import pyarrow as pa

    if getattr(dtype, "unit", None) != "ns":
        return None
    if pa.types.is_timestamp(dtype):
        return pa.timestamp("us", dtype.tz) if dtype.tz is not None and version() < (2, 0) else None
    if pa.types.is_duration(dtype):
        return pa.duration("us")
    return pa.time64("us") if version() < (1, 5) else None


def _narrow(dtype: pa.DataType) -> pa.DataType:
    """Return a type without decimals that are wider than DuckDB's, and without what else it has not."""
    import pyarrow as pa

    if pa.types.is_float16(dtype):
        return pa.float32()
    if coarser := _coarser(dtype):
        return coarser
    if pa.types.is_decimal256(dtype):
        fits = dtype.scale <= MAX_DIGITS
        return pa.decimal128(min(dtype.precision, MAX_DIGITS), dtype.scale) if fits else pa.string()
    if pa.types.is_struct(dtype):
        return pa.struct([field.with_type(_narrow(field.type)) for field in dtype])
    if pa.types.is_map(dtype):
        return pa.map_(_narrow(dtype.key_type), _narrow(dtype.item_type))
    if pa.types.is_fixed_size_list(dtype):
        return pa.list_(dtype.value_field.with_type(_narrow(dtype.value_type)), dtype.list_size)
    if pa.types.is_list(dtype) or pa.types.is_large_list(dtype):
        make = pa.list_ if pa.types.is_list(dtype) else pa.large_list
        return make(dtype.value_field.with_type(_narrow(dtype.value_type)))
    return dtype
