"""Following the stream of an incremental step: what was read before is left out, the mark is found on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from osiris_provider.drivers.incremental import Incremental, Mark, Marks, Window, encoded_schema
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa

UNREAL = ("infinity", "-infinity", "NaN")
MOST_SEEN = 1000
"""Rows that share the mark's value are known again as long as they are no more than this."""


class Tracker:
    """Follows a stream: leaves out rows that were read before, and finds the mark.

    :param step_id: for messages.
    :param settings: of the step.
    :param marks: where the mark comes from and goes to.
    :param source: see :meth:`Marks.begin`.
    :param redact: hides the secrets of the step's connection; a mark that holds one is refused.
    """

    def __init__(
        self, step_id: str, settings: Incremental, marks: Marks, source: str, redact: Callable[[str], str]
    ) -> None:
        self._step_id = step_id
        self._settings = settings
        self._marks = marks
        self._redact = redact
        self._span = marks.begin(redact(source), settings.column)
        self._schema: pa.Schema | None = None
        self._top: pa.Array | None = None
        self._seen: list[str] | None = []

    def window(self) -> Window:
        """Return what to ask for.

        :raises DriverConfigError: ``lookback`` does not go with the column's type.
        """
        settings, span = self._settings, self._span
        low = span.low
        if low is None:
            given = settings.initial_value
            low = None if given is None else Mark.given(given)
            return Window(settings.column, low, high=span.high, with_nulls=settings.nulls != "exclude")
        problem = ""
        try:
            low = low.before(settings.lookback)
        except ValueError:
            problem = f"Step {self._step_id}: config field incremental.lookback: a text such as '{low.text}' has none."
        if problem:
            raise DriverConfigError(problem, step=self._step_id)
        inclusive = settings.inclusive or bool(settings.lookback)
        schema = span.low.schema if span.low else None
        return Window(settings.column, low, inclusive, span.high, settings.nulls != "exclude", schema)

    def watch(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Return the stream without the rows that were read before; its end gives the mark to the keeper.

        :param reader: the answer to :meth:`window`.
        :raises DataError: the column is not there or has no order, or, while reading, a value is missing.
        """
        import pyarrow as pa

        # A source that knows its columns by its rows has none if it has no rows.
        index = self._index(reader.schema) if reader.schema.names else 0
        self._schema = reader.schema

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                within = self._within(batch, index)
                yield self._fresh(within, index) if within.num_rows else within
            self._marks.advance(self._reached())

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def _index(self, schema: pa.Schema) -> int:
        wanted = self._settings.column
        names = schema.names
        found = [at for at, name in enumerate(names) if name == wanted]
        found = found or [at for at, name in enumerate(names) if name.lower() == wanted.lower()]
        if len(found) != 1:
            listed = ", ".join(names[:20])
            self._refuse(f"incremental needs one column '{wanted}' in the result, which has {listed}")
        if not _has_order(schema.field(found[0]).type):
            self._refuse(f"column '{wanted}' is {schema.field(found[0]).type}, which has no high-water mark")
        return found[0]

    def _within(self, batch: pa.RecordBatch, index: int) -> pa.RecordBatch:
        """Leave out what lies above the high mark; not every source can be asked to."""
        import pyarrow.compute as pc

        high = self._span.high
        limit = None if high is None or not batch.num_rows else high.typed(batch.schema.field(index).type)
        if limit is None:
            return batch
        column = batch.column(index)
        above = pc.greater(column, limit[0])
        return batch.filter(pc.invert(pc.fill_null(above, False)))

    def _fresh(self, batch: pa.RecordBatch, index: int) -> pa.RecordBatch:
        import pyarrow.compute as pc

        column = batch.column(index)
        if column.null_count and self._settings.nulls == "error":
            self._refuse(
                f"{column.null_count:,} rows have no value in column '{self._settings.column}', by which new rows are "
                "known. Say incremental.nulls: include or exclude"
            )
        ends = pc.min_max(_real(column))
        if not ends["max"].is_valid:
            return batch
        self._note(batch, column, ends["max"])
        return self._without_seen(batch, column, ends["min"])

    def _note(self, batch: pa.RecordBatch, column: pa.Array, top: pa.Scalar) -> None:
        """Remember the greatest value, and the rows that have it."""
        import pyarrow as pa
        import pyarrow.compute as pc

        fresh = pa.array([top], column.type)
        if self._top is None or not pc.greater_equal(self._top, fresh)[0].as_py():
            self._top, self._seen = fresh, []
        if not self._top.equals(fresh) or self._seen is None or not self._settings.inclusive:
            return
        rows = batch.filter(pc.equal(column, top))
        if len(self._seen) + rows.num_rows > MOST_SEEN:
            self._seen = None
        else:
            digests = _digests(rows)
            self._seen = None if digests is None else [*self._seen, *digests]

    def _without_seen(self, batch: pa.RecordBatch, column: pa.Array, least: pa.Scalar) -> pa.RecordBatch:
        """Leave out the rows at the low mark that were read before; they are the least of what was asked for."""
        import pyarrow as pa
        import pyarrow.compute as pc

        low = self._span.low
        if low is None or not low.seen or self._settings.lookback:
            return batch
        at_mark = pa.scalar(low.text, column.type) if _is_text(column.type) else least
        if Mark.of(at_mark) != low:
            return batch
        equal = pc.fill_null(pc.equal(column, at_mark), False)
        digests = iter(_digests(batch.filter(equal)) or [])
        known = set(low.seen)
        keep = [not same or next(digests, "") not in known for same in equal.to_pylist()]
        return batch if all(keep) else batch.filter(pa.array(keep))

    def _reached(self) -> Mark | None:
        """Return the mark of what was read; it never goes back behind the one that the run began at."""
        import pyarrow.compute as pc

        low, top = self._span.low, self._top
        if top is None:
            return low
        mark = Mark.of(top[0], None if self._seen is None else tuple(self._seen))
        mark = replace(mark, schema=None if self._schema is None else encoded_schema(self._schema))
        if low is not None and low != mark:
            # If the column has another type than it had, what was read now is all that is known.
            before = low.typed(top.type)
            if before is not None and pc.less(top, before)[0].as_py():
                return low
        if self._redact(mark.text) != mark.text and _is_text(top.type):
            self._refuse(f"the greatest value of column '{self._settings.column}' holds a secret of the connection")
        return mark if self._settings.inclusive else replace(mark, seen=None)

    def _refuse(self, problem: str) -> NoReturn:
        message = f"Step {self._step_id}: {problem}."
        raise DataError(message, step=self._step_id, column=self._settings.column)


def _has_order(kind: pa.DataType) -> bool:
    from pyarrow import types

    kinds = (types.is_integer, types.is_decimal, types.is_floating, types.is_date, types.is_timestamp, _is_text)
    return any(is_it(kind) for is_it in kinds)


def _real(column: pa.Array) -> pa.Array:
    """Return the values that a later one can surpass; a column with an infinite date may come as text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        return column.filter(pc.is_finite(column))
    if _is_text(column.type):
        return column.filter(pc.invert(pc.is_in(column, pa.array(UNREAL, column.type))))
    return column


def _is_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _digests(rows: pa.RecordBatch) -> list[str] | None:
    """Return a digest of each row's names and values; None if Python has no counterpart of one."""
    import pyarrow as pa

    columns = []
    try:
        for column in rows.columns:
            # Python's own times end at microseconds.
            exact = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            columns.append(exact.to_pylist())
    except (ValueError, OverflowError, pa.ArrowException):
        return None
    names = repr(rows.schema.names)
    return [
        hashlib.blake2b(f"{names}{values!r}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for values in zip(*columns, strict=True)
    ]
