"""Incremental reading: what a step says about it, what a cursor value is, and what there is to ask for.

A cursor value is the greatest value of a column among the rows that a stream held: it is one of them, kept exactly. The
runner of the step keeps it, and decides whether it ever counts; see :class:`IncrementalState`.
"""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import ConfigDict, Field, StringConstraints

from osiris_provider.connectors.model import NoBooleanNumbers
from osiris_provider.drivers.incremental.ordering import time_of

if TYPE_CHECKING:
    import pyarrow as pa

A_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}

_NUMBER = re.compile(r"-?\d+(\.\d+)?")

Bound = int | float | Decimal | str


class Incremental(NoBooleanNumbers):
    """Config field ``incremental`` of the extractors.

    :param column: grows with each change that is to be read: a number, a date, a timestamp or a text. With dots, a
        field inside objects of an API, such as ``meta.updated_at``.
    :param initial_value: where the first run begins, this value included; without it, the first run reads everything.
    :param inclusive: whether rows with exactly the cursor value are asked for again, because there may be new
        ones. Those that have been read are left out.
    :param lookback: how far before the cursor value to begin, for rows that became visible late: in units of a number,
        seconds of a timestamp, days of a date. They are read again.
    :param nulls: what becomes of rows that have no value in the column. ``include`` reads them each time,
        ``exclude`` never.
    :param compare_as: what the texts of a column of texts are: ``number``, ``time`` or ``text``; without it, times if
        all of the first ones are in ISO 8601.
    """

    model_config = ConfigDict(extra="forbid")

    column: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    initial_value: int | float | Decimal | datetime | date | str | None = None
    inclusive: bool = True
    lookback: Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    nulls: Literal["error", "include", "exclude"] = "error"
    compare_as: Literal["number", "time", "text"] | None = None


@dataclass(frozen=True)
class CursorValue:
    """A value of a column, exactly: the name of its Arrow type, and its text.

    :param seen: digests of the rows that have this value and were read, as often as there were such rows; None if they
        are too many, or not known.
    :param ahead: when the run began, in ISO 8601, if it read rows of a later time; they are in ``seen`` too.
    :param schema: of the stream that it was found in, see :func:`encoded_schema`; None if it is not known.
    """

    type: str
    text: str
    seen: tuple[str, ...] | None = field(default=None, compare=False)
    schema: str | None = field(default=None, compare=False)
    ahead: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, value: pa.Scalar, seen: tuple[str, ...] | None = None) -> CursorValue:
        """Return the cursor value of an Arrow value.

        :param value: not null, of a type that has an order.
        """
        return cls(str(value.type), _text_of(value), seen)

    @classmethod
    def given(cls, value: float | Decimal | datetime | date | str) -> CursorValue:
        """Return the cursor value that stands in a config."""
        if isinstance(value, datetime):
            aware = value.tzinfo is not None
            naive = value.astimezone(timezone.utc).replace(tzinfo=None) if aware else value
            return cls("timestamp[us, tz=UTC]" if aware else "timestamp[us]", naive.isoformat(" "))
        kinds = {int: "int64", float: "double", Decimal: "decimal", date: "date32[day]"}
        return cls(kinds.get(type(value), "string"), str(value))

    def bound(self, zone: str = "+00:00") -> Bound:
        """Return the value as a parameter of a query: a number, or the text that a server parses.

        :param zone: what follows a timestamp of a column with time zone; its text is in UTC.
        """
        if self.type.startswith(("int", "uint")):
            return int(self.text)
        if self.type.startswith("decimal"):
            return Decimal(self.text)
        if self.type in ("float", "double", "halffloat"):
            return float(self.text)
        return f"{self.text}{zone}" if "tz=" in self.type else self.text

    def json(self) -> int | float | str:
        """Return the value as it stands in JSON; times as ISO 8601 has them."""
        bound = self.bound("Z")
        if isinstance(bound, Decimal):
            return str(bound)
        return bound.replace(" ", "T", 1) if isinstance(bound, str) and self.type.startswith("timestamp") else bound

    def typed(self, dtype: pa.DataType) -> pa.Array | None:
        """Return the value as the only one of an array, None if it is no value of that type.

        :param dtype: of the array.
        """
        import pyarrow as pa

        bound = self.bound()
        try:
            # Times are texts here, which Arrow parses only in a cast.
            return pa.array([bound]).cast(dtype) if isinstance(bound, str) else pa.array([bound], dtype)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            return None

    def before(self, lookback: float) -> CursorValue:
        """Return the cursor value so far before this one.

        :param lookback: see :class:`Incremental`.
        :raises ValueError: it is a text, which has no distances.
        """
        if not lookback:
            return self
        bound = self.bound("")
        if isinstance(bound, int):
            return CursorValue(self.type, str(bound - math.ceil(lookback)))
        if isinstance(bound, Decimal):
            return CursorValue(self.type, _less(bound, lookback))
        if isinstance(bound, float):
            return CursorValue(self.type, repr(bound - lookback))
        return CursorValue(self.type, _earlier(self.type, bound, lookback))


@dataclass(frozen=True)
class RunRange:
    """Between which cursor values a run reads; a run that is done again reads the same range.

    :param low: the cursor value that counts for the run; None if there is none yet.
    :param high: the one that it reached before; None if it has not been that far.
    """

    low: CursorValue | None = None
    high: CursorValue | None = None


class IncrementalState(Protocol):
    """Keeps the state of a task; a part of what runs it."""

    def begin(self, source: str, column: str) -> RunRange:
        """Return what to read. All tries of a run get the same low value.

        :param source: what is read, such as ``@mysql.shop orders``; a cursor value of another source does not count.
        :param column: the column; that of another one does not count either.
        """

    def advance(self, value: CursorValue | None) -> None:
        """Take the cursor value of a stream that was read to its end. It counts once the whole run has succeeded."""


@dataclass(frozen=True)
class CursorRange:
    """What an extractor has to ask for.

    :param low: rows from here on, inclusive or not; None asks for all.
    :param high: rows up to here, inclusive; None asks for all.
    :param with_nulls: also the rows that have no value in the column.
    :param schema: of the stream before; for sources that only know their columns by their rows.
    """

    column: str
    low: CursorValue | None = None
    inclusive: bool = True
    high: CursorValue | None = None
    with_nulls: bool = True
    schema: str | None = None


def encoded_schema(schema: pa.Schema) -> str:
    """Return a schema as a text that state can keep.

    :param schema: of a stream.
    """
    return base64.b64encode(schema.remove_metadata().serialize()).decode()


def decoded_schema(text: str | None) -> pa.Schema | None:
    """Return the schema of a text that state has kept, None if it is not one.

    :param text: see :func:`encoded_schema`.
    """
    import pyarrow as pa

    try:
        return None if text is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))
    except (ValueError, OSError):
        return None


def _text_of(value: pa.Scalar) -> str:
    import pyarrow as pa

    dtype = value.type
    if pa.types.is_timestamp(dtype):
        # Without its zone a value is shown in UTC.
        return str(value.cast(pa.int64()).cast(pa.timestamp(dtype.unit)).cast(pa.string()).as_py())
    if pa.types.is_date(dtype):
        return str(value.cast(pa.date32()).cast(pa.string()).as_py())
    plain = value.as_py()
    if isinstance(plain, Decimal):
        return format(plain, "f")
    return repr(plain) if isinstance(plain, float) else str(plain)


def _less(number: Decimal, lookback: float) -> str:
    with localcontext() as context:
        # More digits than any cursor value has; the default of 28 would round it up, past rows that were asked for.
        context.prec = 1000
        return format(number - Decimal(str(lookback)), "f")


def _earlier(type_name: str, text: str, lookback: float) -> str:
    if type_name.startswith("date"):
        return (date.fromisoformat(text) - timedelta(days=math.ceil(lookback))).isoformat()
    if not type_name.startswith("timestamp"):
        if _NUMBER.fullmatch(text):
            return _less(Decimal(text), lookback)
        # APIs send their times as texts.
        return (time_of(text) - timedelta(seconds=lookback)).isoformat()
    import pyarrow as pa
    import pyarrow.compute as pc

    unit = type_name.removeprefix("timestamp[").split("]")[0].split(",")[0]
    back = pa.scalar(math.ceil(lookback * A_SECOND[unit]), pa.duration(unit))
    return _text_of(pc.subtract(pa.scalar(text).cast(pa.timestamp(unit)), back))
