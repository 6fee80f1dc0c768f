"""Following the stream of an incremental step: rows that were read before are left out, the cursor value is found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.incremental.columns import column_at, field_at
from osiris_provider.drivers.incremental.cursor import (
    CursorRange,
    CursorValue,
    Incremental,
    IncrementalState,
    decoded_schema,
    encoded_schema,
)
from osiris_provider.drivers.incremental.ordering import Kind, Order, OrderError, has_order, kind_of, started
from osiris_provider.drivers.incremental.seen_rows import Seen, Top
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.messages import printable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


class Tracker:
    """Follows a stream: leaves out rows that were read before, and finds the cursor value.

    :param step_id: for messages.
    :param settings: of the step.
    :param state: where the cursor value comes from and goes to.
    :param source: see :meth:`IncrementalState.begin`.
    :param redact: hides the secrets of the step's connection; a cursor value that holds one is refused.
    :param read_as_texts: see :attr:`Extractor.read_as_texts`.
    """

    def __init__(
        self,
        step_id: str,
        settings: Incremental,
        state: IncrementalState,
        source: str,
        redact: Callable[[str], str],
        read_as_texts: frozenset[Kind] = frozenset(),
    ) -> None:
        self._step_id = step_id
        self._settings = settings
        self._state = state
        self._redact = redact
        self._read_as_texts = read_as_texts
        self._run_range = state.begin(redact(source), settings.column)
        self._schema: pa.Schema | None = None
        self._started = started()
        self._asked: CursorValue | None = None
        self._top = Top()
        self._early = 0
        low, high = self._run_range.low, self._run_range.high
        self._read_before = Seen(() if low is None or settings.lookback else low.seen or (), _names_of(low))
        self._read_ahead = Seen(None if high is None else high.seen, _names_of(high))

    def cursor_range(self) -> CursorRange:
        """Return what to ask for.

        :raises DriverConfigError: ``lookback`` does not go with the column's type.
        """
        settings, run_range = self._settings, self._run_range
        # Rows that were ahead of their time lie above the cursor value; they are found among what has no upper end.
        high = None if run_range.high is None or run_range.high.ahead else run_range.high
        low = run_range.low
        if low is None:
            given = settings.initial_value
            self._asked = None if given is None else CursorValue.given(given)
            return CursorRange(settings.column, self._asked, high=high, with_nulls=settings.nulls != "exclude")
        problem = ""
        try:
            self._asked = low.before(settings.lookback)
        except ValueError:
            problem = f"a text such as '{low.text}' has none."
        except OverflowError:
            problem = f"so long before {low.text} there are no times; of a date it is in days, of a time in seconds."
        if problem:
            message = f"config field incremental.lookback: {problem}"
            raise DriverConfigError.in_step(self._step_id, message)
        schema = run_range.low.schema if run_range.low else None
        return CursorRange(settings.column, self._asked, self._inclusive, high, settings.nulls != "exclude", schema)

    @property
    def _inclusive(self) -> bool:
        return self._settings.inclusive or bool(self._settings.lookback) or self._run_range.low is None

    def watch(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Return the stream without the rows that were read before; its end gives the cursor value to the state.

        :param reader: the answer to :meth:`cursor_range`.
        :raises DataError: the column is not there or has no order, or, while reading, a value is missing.
        """
        import pyarrow as pa

        self._schema = reader.schema
        # A source that knows its columns by its rows has none if it has no rows.
        path = self._path(reader.schema) if reader.schema.names else []
        order = self._order(field_at(reader.schema, path)) if path else Order(pa.null(), is_undeclared=False)

        def batches() -> Iterator[pa.RecordBatch]:
            problem = ""
            for batch in reader:
                try:
                    yield self._fresh(batch, path, order) if batch.num_rows else batch
                except OrderError as error:
                    problem = str(error)
                if problem:
                    self._refuse(f"column '{self._settings.column}' {problem}. See config field incremental.compare_as")
            self._warn(order)
            self._state.advance(self._reached(order))

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def _path(self, schema: pa.Schema) -> list[str | int]:
        """Return where the column is: its position, then names of fields inside objects."""
        wanted = self._settings.column
        names = schema.names
        positions = [at for at, name in enumerate(names) if name == wanted]
        positions = positions or [at for at, name in enumerate(names) if name.lower() == wanted.lower()]
        if len(positions) == 1:
            return [positions[0]]
        first, *inner = wanted.split(".")
        path: list[str | int] = [names.index(first), *inner] if inner and names.count(first) == 1 else []
        if not path or field_at(schema, path) is None:
            listed = ", ".join(names[:20])
            self._refuse(f"incremental needs one column '{wanted}' in the result, which has {listed}")
        return path

    def _order(self, field: pa.Field) -> Order:
        column, compare_as = self._settings.column, self._settings.compare_as
        kind = compare_as or kind_of(field)
        if not has_order(field.type) or kind == "none":
            what = "of a type whose texts stand in another order than its values" if kind == "none" else field.type
            self._refuse(
                f"column '{column}' is {what}, which cannot be used as an incremental cursor. "
                "Choose another, or cast it in SQL"
            )
        if compare_as and not is_text(field.type):
            self._refuse(f"config field incremental.compare_as is for texts, and column '{column}' is {field.type}")
        is_undeclared = is_text(field.type) and not kind_of(field)
        if is_undeclared and compare_as == "number" and compare_as in self._read_as_texts:
            self._refuse(
                f"column '{column}' is one of texts, which the source compares as such: after '99' it would leave out "
                "'100', whatever config field incremental.compare_as says. Cast the column, in a query or a view"
            )
        return Order(field.type, kind, is_undeclared=is_undeclared)

    def _fresh(self, batch: pa.RecordBatch, path: list[str | int], order: Order) -> pa.RecordBatch:
        import pyarrow.compute as pc

        column = column_at(batch, path)
        if column.null_count and self._settings.nulls == "error":
            self._refuse(
                f"{column.null_count:,} rows have no value in column '{self._settings.column}', by which new rows are "
                "known. Say incremental.nulls: include or exclude"
            )
        keys = order.keys(column)
        wanted = self._wanted(batch, column, keys, order)
        if not pc.all(wanted).as_py():
            batch, column, keys = batch.filter(wanted), column.filter(wanted), keys.filter(wanted)
        ahead = _after(self._started, column, keys, order)
        if pc.any(ahead).as_py():
            self._top.note_ahead(batch.filter(ahead), column.filter(ahead))
            now = pc.invert(ahead)
            self._top.note(batch.filter(now), column.filter(now), keys.filter(now), rows=self._settings.inclusive)
        else:
            self._top.note(batch, column, keys, rows=self._settings.inclusive)
        return self._without_seen(batch, column, keys, order)

    def _wanted(self, batch: pa.RecordBatch, column: pa.Array, keys: pa.Array, order: Order) -> pa.Array:
        """Return which rows lie within what was asked for; not every source does what it is asked."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.repeat(True, batch.num_rows)
        if self._settings.nulls == "exclude":
            # Databases are asked for none; of an API's parameter no one knows what it leaves out.
            wanted = pc.is_valid(column)
        asked = (
            _key_of(self._asked, keys.type, order, earliest=True) if self._asked is not None and order.exact else None
        )
        if asked is not None:
            compare = pc.greater_equal if self._inclusive else pc.greater
            late = pc.fill_null(compare(keys, asked), True)
            self._early += pc.sum(pc.invert(late)).as_py() or 0
            wanted = pc.and_(wanted, late)
        high = self._run_range.high
        top = _key_of(high, keys.type, order) if high is not None else None
        if high is not None and top is not None:
            below = pc.and_not(pc.fill_null(pc.less_equal(keys, top), True), order.endless(column))
            ahead = _ahead_of(high, column, keys, order)
            wanted = pc.and_(wanted, pc.or_(below, self._read_ahead.among(batch, ahead)))
        return wanted

    def _without_seen(self, batch: pa.RecordBatch, column: pa.Array, keys: pa.Array, order: Order) -> pa.RecordBatch:
        """Leave out rows that were read before: those at the low cursor value, and those ahead of their time."""
        import pyarrow.compute as pc

        low = self._run_range.low
        if low is None:
            return batch
        key = _key_of(low, keys.type, order)
        candidates = _ahead_of(low, column, keys, order)
        if key is not None:
            candidates = pc.or_(candidates, pc.fill_null(pc.equal(keys, key), False))
        known = self._read_before.among(batch, candidates)
        return batch.filter(pc.invert(known)) if pc.any(known).as_py() else batch

    def _reached(self, order: Order) -> CursorValue | None:
        """Return the cursor value of what was read; it never goes back behind the one that the run began at."""
        import pyarrow.compute as pc

        low, top = self._run_range.low, self._top
        ahead = self._started.isoformat() if top.ahead else None
        if top.value is None or top.key is None:
            return replace(low, seen=top.digests(), ahead=ahead) if low is not None and ahead else low
        value = replace(CursorValue.of(top.value, top.digests()), ahead=ahead)
        value = replace(value, schema=None if self._schema is None else encoded_schema(self._schema))
        if low is not None and low != value:
            # If the column has another type than it had, what was read now is all that is known.
            before = _key_of(low, top.key.type, order)
            if before is not None and pc.less(top.key, before).as_py():
                return low
        if self._redact(value.text) != value.text and is_text(top.value.type):
            self._refuse(f"the greatest value of column '{self._settings.column}' holds a secret of the connection")
        return value if self._settings.inclusive or ahead else replace(value, seen=None)

    def _warn(self, order: Order) -> None:
        column = self._settings.column
        if order.looks_like_numbers:
            log.warning(
                "Step %s: the texts of column %s look like numbers, and are compared as texts: '9' is more than '10'. "
                "%s, or say incremental.compare_as: text if that is meant.",
                self._step_id,
                column,
                "Cast the column, in a query or a view"
                if "number" in self._read_as_texts
                else "Say incremental.compare_as: number if the source compares them as numbers",
            )
        if order.has_spellings and "time" in self._read_as_texts:
            log.warning(
                "Step %s: the texts of column %s are times in several spellings, with other offsets or digits, and the "
                "database compares them as texts: a later time may be less than the cursor value, and is not read "
                "then. Cast the column in a query.",
                self._step_id,
                column,
            )
        if self._early and self._asked is not None:
            log.warning(
                "Step %s: the source sent %s rows with a %s before %s, which was not asked for; they are left out. "
                "Check that it reads what it is asked: for an API, config field incremental.param.",
                self._step_id,
                f"{self._early:,}",
                column,
                printable(self._asked.text),
            )
        if self._top.ahead:
            log.warning(
                "Step %s: %s rows have a %s after the run's start or above all others, such as %s. They are delivered, "
                "and do not become the cursor value: it would hide what comes until then. Correct them at the source.",
                self._step_id,
                f"{self._top.ahead:,}",
                column,
                printable(self._redact(str(self._top.example))),
            )

    def _refuse(self, problem: str) -> NoReturn:
        raise DataError.in_step(self._step_id, f"{problem}.", column=self._settings.column)


def _names_of(value: CursorValue | None) -> list[str] | None:
    schema = None if value is None else decoded_schema(value.schema)
    return None if schema is None else list(schema.names)


def _key_of(value: CursorValue, dtype: pa.DataType, order: Order, *, earliest: bool = False) -> pa.Scalar | None:
    """Return the key of a cursor value, whatever type its column had; None if it has none in this order."""
    if order.of_texts:
        return order.key(str(value.bound()), earliest=earliest)
    typed = value.typed(dtype)
    return typed[0] if typed is not None else None


def _ahead_of(value: CursorValue, column: pa.Array, keys: pa.Array, order: Order) -> pa.Array:
    """Return which rows were ahead of the run that has reached a cursor value; none if it has read no such rows."""
    import pyarrow as pa

    if not value.ahead:
        return pa.repeat(False, len(keys))
    return _after(datetime.fromisoformat(value.ahead), column, keys, order)


def _after(moment: datetime, column: pa.Array, keys: pa.Array, order: Order) -> pa.Array:
    """Return which rows lie after a moment, or have a value that is later than all."""
    import pyarrow.compute as pc

    limit = order.latest(keys, moment)
    endless = order.endless(column)
    return endless if limit is None else pc.or_(endless, pc.fill_null(pc.greater(keys, limit), False))
