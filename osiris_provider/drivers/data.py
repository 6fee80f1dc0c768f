"""Arrow as the one form of data between steps, always as a stream."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.conversions import check_polars, converted, frame_table, is_pandas, table_of_rows
from osiris_provider.errors import DataError, Where

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Unpack

BATCH_ROWS = 65_536
"""Rows that are held at a time where a driver can choose."""
GROUP_BYTES = 16 * 1024 * 1024
"""Bytes in Arrow at which a row group of Parquet ends though it has few rows: its writer and its readers hold it."""


class ColumnNeedsTextError(DataError):
    """A stream met a value that the Arrow type of its column cannot hold; as text it can be read.

    ``again``, if it is set, opens the stream again with these columns as text: the caller drops what came so far and
    goes on with that one. :class:`~osiris_provider.runtime.staging.Staging` does so. Code that changes
    batches on their way has to do to the new stream what it did to the first, or to set ``again`` to None.

    :param message: see :class:`~osiris_provider.errors.OsirisError`.
    :param columns: that cannot be read but as text.
    :param where: see :class:`~osiris_provider.errors.Where`; ``row`` is the first that has such a value.
    """

    again: Callable[[], pa.RecordBatchReader] | None = None

    def __init__(self, message: str, columns: Sequence[str] = (), **where: Unpack[Where]) -> None:
        super().__init__(message, **where)
        self.columns = list(columns)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out ``again``: a stream is opened in its own process."""
        return type(self), self.args, {name: value for name, value in vars(self).items() if name != "again"}


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once, in order."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def memory_pool() -> pa.MemoryPool:
    """Return the memory that a long stream should allocate from; ``ARROW_DEFAULT_MEMORY_POOL`` chooses another.

    Mimalloc, Arrow's own choice, gives memory back to the system between two batches, which has to clear it for the
    next one: that took a sixth of an extract's CPU time. Jemalloc keeps it for a while.
    """
    import pyarrow as pa

    if "jemalloc" in pa.supported_memory_backends() and "ARROW_DEFAULT_MEMORY_POOL" not in os.environ:
        return pa.jemalloc_memory_pool()
    return pa.default_memory_pool()


def to_reader(value: Any, step: str | None = None) -> pa.RecordBatchReader:
    """Return any kind of tabular data as a stream of record batches.

    Taken are: a record batch reader; a table, a record batch, a dataset or a scanner; a pandas or polars frame (or
    anything else with the Arrow stream interface); a list of dicts, which need not have the same keys; a generator of
    any of these, or of ``{"data": chunk}``. A generator's first chunk sets the schema; later ones are cast to it if no
    value changes.

    :param value: the data.
    :param step: whose data it is, for the message.
    :raises DataError: it is nothing of the kind, or a later chunk does not fit the schema of the first.
    """
    # Before the Arrow interface, through which a pandas frame gives its index away as one more column.
    if is_pandas(value):
        return frame_table(value, step).to_reader()
    check_polars(value, step)
    opened = _arrow_reader(value, step)
    if opened is not None:
        return opened
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return table_of_rows(value, step).to_reader()
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
        return _from_chunks(iter(value), step)
    raise _not_tabular(value, step)


def _not_tabular(value: Any, step: str | None, reason: str = "") -> DataError:
    where = f"Step {step}: its result" if step else "Data"
    what = f"{where} of type {type(value).__name__} is not tabular{reason}"
    return DataError(f"{what}; return a frame, an Arrow table or chunks.", step=step)


def to_frame(table: pa.Table) -> Any:
    """Return a table as a pandas frame, in which whole numbers stay what they are where values are missing.

    pandas itself makes floats of them, which have not all of their digits. Such a column has one of pandas' nullable
    types instead (``Int64``); the others are as pandas has them.

    :param table: whose columns have names of their own.
    """
    import pandas as pd
    import pyarrow as pa

    nullable = {
        getattr(pa, kind.lower())(): getattr(pd, f"{kind}Dtype")()
        for kind in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    }
    names = table.schema.names
    exact = [name for name in names if table.column(name).type in nullable and table.column(name).null_count]
    # Within lists there are Python's numbers then.
    frame = table.drop_columns(exact).to_pandas(integer_object_nulls=True)
    for name in exact:
        frame.insert(names.index(name), name, table.column(name).to_pandas(types_mapper=nullable.get))
    return frame


def _arrow_reader(value: Any, step: str | None) -> pa.RecordBatchReader | None:
    import pyarrow as pa

    if isinstance(value, pa.RecordBatchReader):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(value.schema, [value])
    if isinstance(value, pa.Table):
        return value.to_reader()
    # To import it takes a fifth of a second; a caller that has a dataset has done so.
    ds: Any = sys.modules.get("pyarrow.dataset")
    if ds is not None and isinstance(value, ds.Scanner):
        return value.to_reader()
    if ds is not None and isinstance(value, ds.Dataset):
        return value.scanner(batch_size=BATCH_ROWS).to_reader()
    return _opened(value, step) if hasattr(value, "__arrow_c_stream__") else None


def _opened(value: Any, step: str | None) -> pa.RecordBatchReader:
    import pyarrow as pa

    problem = ""
    try:
        reader = pa.RecordBatchReader.from_stream(value)
    except pa.ArrowInvalid as error:
        # It is a single column, such as a polars Series.
        problem = f" ({str(error).splitlines()[0]})"
    if problem:
        raise _not_tabular(value, step, problem)
    # Arrow neither decodes nor stores dictionaries of views, as polars gives its categories; its own way are others.
    has_own = hasattr(value, "to_arrow") and any(_is_of_views(dtype) for dtype in reader.schema.types)
    return value.to_arrow().to_reader() if has_own else reader


def _is_of_views(dtype: pa.DataType) -> bool:
    """Return whether a type is, or has within, a dictionary of views."""
    import pyarrow as pa

    if pa.types.is_dictionary(dtype):
        return dtype.value_type in (pa.string_view(), pa.binary_view())
    return any(_is_of_views(dtype.field(number).type) for number in range(dtype.num_fields))


def _from_chunks(chunks: Iterator[Any], step: str | None) -> pa.RecordBatchReader:
    import pyarrow as pa

    first = next(chunks, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(pa.schema([]), [])
    opened = _chunk_reader(first, step)
    rest = itertools.chain([opened], (_chunk_reader(chunk, step) for chunk in chunks))
    batches = (_fitting(batch, opened.schema) for reader in rest for batch in _part(reader))
    return pa.RecordBatchReader.from_batches(opened.schema, batches)


def _part(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except ColumnNeedsTextError as error:
        # It would open this part alone, and what came before would be lost.
        error.again = None
        raise


def _chunk_reader(chunk: Any, step: str | None) -> pa.RecordBatchReader:
    if isinstance(chunk, Mapping):
        chunk = chunk.get("data", chunk.get("df"))
    return to_reader(chunk, step)


def _fitting(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if batch.schema.equals(schema):
        return batch
    extra = sorted(set(batch.schema.names) - set(schema.names))
    missing = sorted(set(schema.names) - set(batch.schema.names))
    problem, named = "", None
    if extra or missing:
        problem = f"it has more columns: {', '.join(extra)}" if extra else f"it lacks columns: {', '.join(missing)}"
    else:
        columns = [converted(batch.column(field.name), field.type) for field in schema]
        named, problem = next(
            ((field.name, column) for field, column in zip(schema, columns, strict=True) if isinstance(column, str)),
            (None, ""),
        )
        if named is None:
            return pa.RecordBatch.from_arrays(columns, schema=schema)
        problem = f"column {named}: {problem}"
    message = f"A later chunk does not fit the schema of the first: {problem}. Give every chunk the same columns."
    raise DataError(message, column=named)


def leaves(column: pa.Array) -> Iterator[pa.Array]:
    """Yield the values within lists, structs, maps and unions, as columns of their own; another column is its own leaf.

    :param column: of any type.
    """
    import pyarrow as pa

    if pa.types.is_map(column.type):
        begin, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
        parts = [items.slice(begin, end - begin) for items in (column.keys, column.items)]
    elif pa.types.is_struct(column.type):
        parts = column.flatten()
    elif pa.types.is_union(column.type):
        parts = [column.field(number) for number in range(column.type.num_fields)]
    elif pa.types.is_nested(column.type):
        parts = [_decoded(column) if pa.types.is_run_end_encoded(column.type) else column.flatten()]
    else:
        yield column
        return
    for part in parts:
        yield from leaves(part)


def _decoded(column: pa.Array) -> pa.Array:
    # Nothing else here needs it, and its import takes a while.
    import pyarrow.compute as pc

    return pc.run_end_decode(column)


def struct_names(dtype: pa.DataType) -> Iterator[list[str]]:
    """Yield the names of the fields of each struct within a type.

    :param dtype: of a column.
    """
    import pyarrow as pa

    fields = [dtype.field(number) for number in range(dtype.num_fields)]
    if pa.types.is_struct(dtype):
        yield [field.name for field in fields]
    for field in fields:
        yield from struct_names(field.type)


def check_case_of(step_id: str, what: str, names: Sequence[str], server: str) -> None:
    """Check that no two names differ in case only.

    :param what: is so called, for the message; ``{}`` stands for the two names.
    :param server: that does not tell them apart.
    :raises DataError: names the two.
    """
    spelt: dict[str, str] = {}
    for name in names:
        other = spelt.setdefault(name.lower(), name)
        if other != name:
            message = (
                f"{what.format(f'{other} and {name}')} differ only in case, which {server} does not "
                "tell apart. Rename one in the step before."
            )
            raise DataError.in_step(step_id, message)


def row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Yield the batches as they come, small ones put together: a Parquet file of tiny row groups is slow to read.

    A group is let go of when the next is asked for; the caller does well to do the same before.

    :param reader: a stream.
    """
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in reader:
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
            size += batch.nbytes
        del batch
        if rows >= BATCH_ROWS or size >= GROUP_BYTES:
            group = pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
            yield group
            del group
    if waiting:
        yield pa.Table.from_batches(waiting)
