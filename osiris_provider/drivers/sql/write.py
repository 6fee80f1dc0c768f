"""What the writers of the SQL families share: the stream of rows that fit, and the load's place in the ledger."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from osiris_provider.connectors.interrupt import in_background
from osiris_provider.drivers.sql.base import BATCH_BYTES, Batches, InputError
from osiris_provider.drivers.sql.ledger import TABLE, Ledger, Run
from osiris_provider.drivers.sql.parallel import LEAVE_SECONDS, awaited
from osiris_provider.drivers.sql.tables import Column, quoted_table, split_table
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments
from osiris_provider.drivers.sql.values.sent import SentAs
from osiris_provider.drivers.sql.values.validate import fitting
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

STAGE = "_osiris_stage"
"""The temporary table that an upsert fills before it touches the target."""
ROW = "_osiris_row"
"""Its column with the number of the row in the input, from 1."""

Encoded = TypeVar("Encoded")


def ledger_of(step: Step[Any], run: Run, quote: Callable[[str], str]) -> Ledger | None:
    """Return the ledger beside the step's table; None if the load does not go into one.

    Clearing a task requests a fresh load. That does no harm to a replace or an upsert, so it is a load of its own; an
    append would double the rows.

    :param step: of a writer.
    :param run: see :class:`Ledger`.
    :param quote: puts a name between the family's quotes.
    """
    if not step.config.ledger or step.load_id is None:
        return None
    is_fresh = step.cleared_at and step.config.write_mode != "append"
    load_id = f"{step.load_id} cleared after try {step.cleared_at}" if is_fresh else step.load_id
    prefix, name = split_table(step.config.table)
    return Ledger(run, quoted_table(prefix + TABLE, quote).replace("%", "%%"), load_id, name)


def say_loaded(step: Step[Any], ledger: Ledger, rows: int) -> int:
    """Tell that an earlier try of this load has written the rows; return their number."""
    log.warning(
        "Step %s: an earlier try of this task has written these %s rows to %s, nothing was written again. "
        "To append them once more, DELETE FROM %s WHERE load_key = '%s' and clear the task.",
        step.id,
        rows,
        step.config.table,
        ledger.table,
        ledger.key,
    )
    return rows


def limits_of(step: Step[Any], columns: list[Column]) -> Mapping[str, ColumnConstraints]:
    """Return what the columns take; a column of the key takes no nulls, whatever the table says."""
    known = {column.name: column.limits for column in columns}
    keys = {
        name: ColumnConstraints(**{**vars(known.get(name, ColumnConstraints())), "nullable": False})
        for name in step.config.primary_key
    }
    return {**known, **keys}


def created_columns(schema: pa.Schema, fraction: int, *, as_text: bool = False) -> list[Column]:
    """Return the columns of a table that a writer creates, as far as they do not hold all that an input may have.

    :param schema: of the input.
    :param fraction: digits of a second that the family keeps.
    :param as_text: see :class:`~osiris_provider.drivers.sql.values.constraints.Moments`.
    """
    import pyarrow as pa

    columns = []
    for field in schema:
        dtype = field.type
        if pa.types.is_timestamp(dtype):
            moments = Moments("timestamp", fraction, zoned=dtype.tz is not None, as_text=as_text)
        elif as_text and pa.types.is_date(dtype):
            moments = Moments("date", as_text=True)
        elif pa.types.is_time(dtype) or pa.types.is_duration(dtype):
            moments = Moments("time", fraction)
        else:
            continue
        columns.append(Column(field.name, limits=ColumnConstraints(moments=moments)))
    return columns


def fitted(step: Step[Any], columns: list[Column], batches: Batches, sent_as: SentAs = "text") -> Batches:
    """Yield the batches that fit the table; see :func:`fitting`."""
    return fitting(batches, step.config.table, limits_of(step, columns), lossy=step.config.lossy, sent_as=sent_as)


def sliced(reader: pa.RecordBatchReader, rows: int) -> Batches:
    """Yield the batches of an input in parts of at most so many rows, and not of too many bytes.

    :raises InputError: reading it failed; has the reason.
    """
    try:
        for batch in reader:
            limit = max(1, min(rows, batch.num_rows * BATCH_BYTES // max(batch.nbytes, 1)))
            for start in range(0, batch.num_rows, limit):
                yield batch.slice(start, limit)
    except Exception as error:  # noqa: BLE001 - whatever another step's stream raises goes to the user as it is
        broken = error
    else:
        return
    raise InputError(broken)


def filled(batches: Batches, rows: int, *, size: float = math.inf, unit: int = 1) -> Batches:
    """Yield the same rows in batches of so many rows, small ones put together: each that is sent costs the server time.

    :param size: from so many bytes on there are fewer rows in a batch.
    :param unit: a batch has a multiple of so many rows, if there are as many.
    """
    import pyarrow as pa

    limit = rows // unit * unit or rows
    waiting: list[pa.RecordBatch] = []
    held, weight = 0, 0
    for batch in batches:
        waiting.append(batch)
        held, weight = held + batch.num_rows, weight + batch.nbytes
        while held >= limit or (held and weight >= size):
            count = min(held, limit)
            count = count // unit * unit or count
            table = pa.Table.from_batches(waiting)
            yield from _joined(table.slice(0, count))
            waiting = table.slice(count).to_batches()
            held, weight = held - count, sum(rest.nbytes for rest in waiting)
            # Nothing may keep it alive while the next one is collected.
            del table
    if held:
        yield from _joined(pa.Table.from_batches(waiting))


def _joined(table: pa.Table) -> list[pa.RecordBatch]:
    """Return the rows as one batch, or as several if there is none that can hold them."""
    import pyarrow as pa

    batches: list[pa.RecordBatch] = table.to_batches()
    if len(batches) > 1:
        # The dictionaries within lists and structs may have more values together than the type of their indexes counts.
        with contextlib.suppress(pa.ArrowException):
            batches = table.combine_chunks().to_batches()
    return batches


def numbered_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema that :func:`numbered` gives batches."""
    import pyarrow as pa

    return schema.append(pa.field(ROW, pa.int64()))


def numbered(batches: Batches) -> Batches:
    """Yield the batches with column :data:`ROW`."""
    import pyarrow as pa

    first = 1
    for batch in batches:
        row = pa.array(range(first, first + batch.num_rows), pa.int64())
        yield pa.RecordBatch.from_arrays([*batch.columns, row], names=[*batch.schema.names, ROW])
        first += batch.num_rows


def encoded_ahead(
    batches: Batches, encode: Callable[[pa.RecordBatch], Encoded]
) -> Iterator[tuple[pa.RecordBatch, Encoded]]:
    """Yield each batch and what is sent for it; the next is read and encoded while the server is busy with this one.

    :param batches: read on another thread; see :data:`LEAVE_SECONDS`.
    :param encode: makes what is sent, on that thread too.
    """

    def prepared() -> tuple[pa.RecordBatch, Encoded] | None:
        batch = next(batches, None)
        return None if batch is None else (batch, encode(batch))

    coming = in_background(prepared)
    try:
        while (ready := awaited(coming)) is not None:
            coming = in_background(prepared)
            yield ready
    finally:
        coming.wait(LEAVE_SECONDS)
