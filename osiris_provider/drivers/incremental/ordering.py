"""In which order the values of an incremental column stand: by their Arrow type, or by what their texts mean.

Some columns come as text because Arrow has no type that surely holds them: PostgreSQL's ``numeric`` without precision,
timestamps with ``infinity`` among them, times of an API. Compared as texts ``'9'`` is more than ``'10'``, and
``…T01:00:00+02:00`` later than ``…T00:00:00Z``. A driver says on the field (:func:`ordered_as`) what its texts are.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal

from osiris_provider.drivers.dtypes import is_number, is_text
from osiris_provider.drivers.exponents import decimals

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "number", "time", "none"]

ENDLESS = ("infinity", "Infinity", "NaN")
"""Texts that no later value can surpass; databases sort NaN behind infinity."""
UNREAL = (*ENDLESS, "-infinity", "-Infinity")
"""Texts that can be no cursor value."""
AHEAD_OF_UTC = timedelta(hours=14)
"""How far local times may be ahead of UTC; a time without zone may be one."""

_ORDER = b"osiris.order"
_ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?$"
_PLAIN_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?$"
_BEFORE_ALL = r"^0000|^\d{4}-00|^\d{4}-\d\d-00| BC$"
"""MySQL's dates that are none, and PostgreSQL's before Christ: neither can be the latest of a column that grows."""
_LONG_FRACTION = r"(\.\d{6})\d+"
_DIGITS, _SCALE = 76, 38


class OrderError(ValueError):
    """A value that has no place in the order; the text says which and why, without a full stop."""


def ordered_as(field: pa.Field, kind: Kind) -> pa.Field:
    """Return a field of texts that says in which order they stand.

    :param field: of type string.
    :param kind: ``number``, ``time``; ``none`` for texts that have no order, such as JSON.
    """
    return field.with_metadata({**(field.metadata or {}), _ORDER: kind.encode()})


def kind_of(field: pa.Field) -> str:
    """Return in which order the texts of a field stand, as its driver says; empty if it does not.

    :param field: of a result.
    """
    kind: bytes = (field.metadata or {}).get(_ORDER, b"")
    return kind.decode()


def has_order(dtype: pa.DataType) -> bool:
    """Return whether a column of this type can be followed.

    :param dtype: of the column.
    """
    from pyarrow import types

    kinds = (is_number, types.is_date, types.is_timestamp, is_text)
    return any(is_it(dtype) for is_it in kinds)


class Order:
    """The order of a column's values.

    :param dtype: of the column.
    :param kind: of its texts; empty: times if all of the first ones are in ISO 8601, else texts.
    :param is_undeclared: whether it has texts of which its driver says nothing.
    """

    def __init__(self, dtype: pa.DataType, kind: str = "", *, is_undeclared: bool) -> None:
        self._dtype = dtype
        self._spellings: set[str] | None = set() if is_undeclared else None
        self._kind = kind if is_text(dtype) else "native"
        self._declared = bool(kind)
        self._zoned: bool | None = None
        self.looks_like_numbers = False
        """Whether texts of which nothing else is known are all numbers, of which some are longer than others."""

    @property
    def has_spellings(self) -> bool:
        """Whether texts are times which, as texts, may stand in another order."""
        return len(self._spellings or ()) > 1

    @property
    def exact(self) -> bool:
        """Whether a source cannot mean another order, as databases do of texts with their collations."""
        return self._kind not in ("", "text")

    @property
    def of_texts(self) -> bool:
        """Whether the column is one of texts, whatever they mean."""
        return self._kind != "native"

    def keys(self, column: pa.Array) -> pa.Array:
        """Return values that compare as those of a column do; null where no later value can surpass one.

        :param column: or a part of it.
        :raises OrderError: a value has no place in the order.
        """
        import pyarrow.compute as pc

        keys = self._keys(column)
        if self._kind == "time" and self._spellings is not None and not self.has_spellings:
            self._spellings.update(pc.unique(_spellings(column)).slice(0, 2).to_pylist())
        return keys

    def _keys(self, column: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._kind == "native":
            if pa.types.is_floating(column.type):
                return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
            return column
        real = pc.if_else(pc.is_in(column, pa.array(UNREAL, column.type)), pa.scalar(None, column.type), column)
        if not self._kind:
            self._choose(real)
        if self._kind == "number":
            return self._numbers(real)
        return self._times(real) if self._kind == "time" else self._texts(real)

    def endless(self, column: pa.Array) -> pa.Array:
        """Return which values of a column no later value can surpass, so that each run is sent them again.

        :param column: or a part of it.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.of_texts:
            return pc.is_in(column, pa.array(ENDLESS, column.type))
        if not pa.types.is_floating(column.type):
            return pa.repeat(False, len(column))
        above_all = pc.or_(pc.is_nan(column), pc.equal(column, pa.scalar(float("inf"), column.type)))
        return pc.fill_null(above_all, False)

    def key(self, text: str, *, earliest: bool = False) -> pa.Scalar | None:
        """Return the key of a value of a column of texts, None if it has none.

        :param text: the value.
        :param earliest: of a date, or a time without offset, among times with offsets: the earliest that it can mean.
        """
        import pyarrow as pa

        if not self._kind:
            # Nothing has come yet that would show what the texts are.
            return None
        zone = f"+{AHEAD_OF_UTC // timedelta(hours=1)}:00"
        further = [f"{text}{zone}", f"{text}T00:00:00{zone}"] if earliest and self._kind == "time" else []
        keys = (self._key(pa.array([spelling], self._dtype)) for spelling in [text, *further])
        return next((key for key in keys if key is not None), None)

    def _key(self, value: pa.Array) -> pa.Scalar | None:
        try:
            key = self._keys(value)[0]
        except OrderError:
            return None
        return key if key.is_valid else None

    def latest(self, keys: pa.Array, now: datetime) -> pa.Scalar | None:
        """Return the key of a moment, None if these are no times.

        :param keys: of the column.
        :param now: the moment, in UTC.
        """
        import pyarrow as pa

        if pa.types.is_date(keys.type):
            return pa.scalar((now + AHEAD_OF_UTC).date(), keys.type)
        if not pa.types.is_timestamp(keys.type):
            return None
        moment = now if keys.type.tz else (now + AHEAD_OF_UTC).replace(tzinfo=None)
        return pa.scalar(moment, pa.timestamp("us", keys.type.tz)).cast(keys.type, safe=False)

    def _choose(self, real: pa.Array) -> None:
        import pyarrow.compute as pc

        present = real.drop_null()
        if len(present):
            self._kind = "time" if pc.all(pc.match_substring_regex(present, _ISO)).as_py() else "text"
            lengths = pc.min_max(pc.binary_length(present)).as_py()
            numbers = pc.all(pc.match_substring_regex(present, _PLAIN_NUMBER)).as_py()
            self.looks_like_numbers = numbers and lengths["min"] < lengths["max"]

    def _texts(self, real: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        ends = pc.min_max(real)
        if not self._declared and any(_is_json(ends[end].as_py()) for end in ("min", "max")):
            message = "holds JSON, which has no order"
            raise OrderError(message)
        return real

    def _numbers(self, real: pa.Array) -> pa.Array:
        import pyarrow as pa

        dtype = pa.decimal256(_DIGITS, _SCALE)
        try:
            return decimals(real, dtype)
        except pa.ArrowInvalid:
            bad = _first_bad(real, dtype)
        message = f"holds {bad}, which is not a number of at most {_DIGITS - _SCALE} digits before and after the point"
        raise OrderError(message)

    def _times(self, real: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        real = pc.if_else(pc.match_substring_regex(real, _BEFORE_ALL), pa.scalar(None, real.type), real)
        short = pc.replace_substring_regex(real, _LONG_FRACTION, r"\1")
        for zoned in (True, False) if self._zoned is None else (self._zoned,):
            dtype = pa.timestamp("us", "UTC" if zoned else None)
            try:
                times = short.cast(dtype)
            except pa.ArrowInvalid:
                continue
            if times.null_count < len(times):
                self._zoned = zoned
            return times
        bad = _first_bad(short, pa.timestamp("us", "UTC" if self._zoned in (True, None) else None))
        message = f"holds times and {bad}, which is none, or has no offset where others have one"
        raise OrderError(message)


def _spellings(times: pa.Array) -> pa.Array:
    """Return how times are written: how long they are, what is between day and time, and the offset."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.binary_length(times).cast(pa.string())
    rest = pc.replace_substring_regex(times, r"^\d{4}-\d\d-\d\d([T ]?)[\d:.]*", r"\1")
    return pc.binary_join_element_wise(lengths, rest.cast(pa.string()), " ").drop_null()


def _first_bad(column: pa.Array, dtype: pa.DataType) -> str:
    bad = next((text for text in column.to_pylist() if not _casts(text, dtype)), "")
    return f"'{bad[:40]}'"


def _casts(text: str | None, dtype: pa.DataType) -> bool:
    import pyarrow as pa

    texts = pa.array([text], pa.string())
    try:
        _ = decimals(texts, dtype) if pa.types.is_decimal(dtype) else texts.cast(dtype)
    except pa.ArrowInvalid:
        return False
    return True


def _is_json(text: str | None) -> bool:
    if text is None or text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def time_of(text: str) -> datetime:
    """Return a time in ISO 8601, with its offset, or in UTC if it is one that only Arrow reads.

    :param text: a time, or a date.
    :raises ValueError: it is neither.
    """
    try:
        # Python 3.10 knows no Z, and neither short offsets nor long fractions.
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return arrows_time_of(text)


def arrows_time_of(text: str) -> datetime:
    """Return a time in ISO 8601, in UTC if it has an offset.

    :raises ValueError: it is none.
    """
    import pyarrow as pa

    for dtype in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        if _casts(short := re.sub(_LONG_FRACTION, r"\1", text), dtype):
            moment: datetime = pa.array([short]).cast(dtype)[0].as_py()
            return moment
    message = "is no time in ISO 8601"
    raise ValueError(message)


def started() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(timezone.utc)
