"""Values of Python that Arrow would change, without a word, to put them into one column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

NANOSECONDS = "nanoseconds, which would be cut"
ZONED_TIME = "a time of day with a time zone, which would be lost"


def mixture(values: Sequence[Any], dtype: pa.DataType) -> str:
    """Return the first value that is another in a column of Arrow, and why; empty if all are what they were.

    :param values: of a column.
    :param dtype: that Arrow has chosen for them.
    """
    return _within(list(enumerate(values, 1)), dtype) if _may_bend(dtype) else ""


def _may_bend(dtype: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_nested(dtype):
        return any(_may_bend(dtype.field(number).type) for number in range(dtype.num_fields))
    kinds = (types.is_date, types.is_timestamp, types.is_time, types.is_duration, types.is_binary)
    return any(is_it(dtype) for is_it in kinds)


def _within(values: Sequence[tuple[int, Any]], dtype: pa.DataType) -> str:
    from pyarrow import types

    if types.is_list(dtype):
        return _within([(row, item) for row, value in values if value is not None for item in value], dtype.value_type)
    if types.is_struct(dtype):
        objects = [(row, value) for row, value in values if isinstance(value, Mapping)]
        fields = (dtype.field(number) for number in range(dtype.num_fields))
        problems = (_within([(row, one.get(field.name)) for row, one in objects], field.type) for field in fields)
        return next((problem for problem in problems if problem), "")
    return _mixed(values, dtype) if _may_bend(dtype) else ""


def _mixed(values: Sequence[tuple[int, Any]], dtype: pa.DataType) -> str:
    first = None
    exact = str(dtype).startswith(("timestamp[ns", "duration[ns"))
    for row, value in values:
        kind = _kind(value)
        if kind is None:
            continue
        if kind == ZONED_TIME or (not exact and _has_nanoseconds(value)):
            return f"row {row:,} has {kind if kind == ZONED_TIME else NANOSECONDS}"
        if first not in (None, kind):
            return f"row {row:,} has {kind}, and rows before it have {first}"
        first = kind
    return ""


def _has_nanoseconds(value: Any) -> bool:
    """Return whether a time of pandas has more digits than Python's own, of which it is one."""
    return bool(getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0))


def _kind(value: Any) -> str | None:
    """Return what Arrow takes for one with others that are not."""
    if isinstance(value, dt.datetime):
        # NaT of pandas is one, and equals nothing.
        missing = value != value
        return None if missing else "times without a time zone" if value.tzinfo is None else "times with a time zone"
    if isinstance(value, dt.date):
        return "days without a time"
    if isinstance(value, dt.time):
        return ZONED_TIME if value.tzinfo is not None else "times of day"
    if isinstance(value, dt.timedelta):
        return "durations"
    if isinstance(value, str):
        return "text"
    return "bytes" if isinstance(value, (bytes, bytearray, memoryview)) else None
