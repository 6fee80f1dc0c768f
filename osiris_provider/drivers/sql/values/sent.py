"""What values lose on their way to a server, whatever their columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from osiris_provider.drivers.data import leaves
from osiris_provider.drivers.dtypes import DIGITS, ticks
from osiris_provider.drivers.sql.values import lazy_compute as pc
from osiris_provider.drivers.sql.values.intervals import Problem, fine_nanoseconds, remainder
from osiris_provider.drivers.sql.values.ranges import is_within

if TYPE_CHECKING:
    import pyarrow as pa

SentAs = Literal["arrow", "text", "json"]
"""How a server gets values: as Arrow, which it reads itself; as texts, and as JSON what is nested; or all as JSON."""
_DAY: Final = 86_400
_SAFE: Final = (-719_162 + 366, 2_932_896 - 366)
"""Days since 1970 that have a text whatever the time zone: not the years 1 and 9999."""


def cut_nanoseconds(column: pa.Array, sent_as: SentAs) -> Iterator[Problem]:
    """Yield times whose nanoseconds do not arrive: moments are sent in microseconds.

    In Arrow only durations are, and in JSON timestamps have all their digits.
    """
    import pyarrow as pa

    types = pa.types
    tests = [types.is_duration, types.is_interval if sent_as == "arrow" else types.is_time]
    if sent_as == "text" and not types.is_nested(column.type):
        tests.append(types.is_timestamp)
    if any(_is_fine(leaf, tests) for leaf in leaves(column)):
        bad = [any(_is_fine(leaf, tests) for leaf in leaves(column.slice(row, 1))) for row in range(len(column))]
        yield pa.array(bad), "it has nanoseconds, and only microseconds are sent"


def _is_fine(column: pa.Array, tests: Sequence[Callable[[Any], bool]]) -> bool:
    """Return whether a time of one of these types has nanoseconds."""
    import pyarrow as pa

    dtype = column.type
    if not any(test(dtype) for test in tests):
        return False
    if pa.types.is_interval(dtype):
        return dtype == pa.month_day_nano_interval() and bool(pc.any(fine_nanoseconds(column, DIGITS["us"])).as_py())
    return dtype.unit == "ns" and bool(pc.any(pc.not_equal(remainder(ticks(column), 1000), 0)).as_py())


def without_text(column: pa.Array, sent_as: SentAs) -> Iterator[Problem]:
    """Yield what has a day or timestamp that has no text in JSON."""
    import pyarrow as pa

    is_json = sent_as == "json" or (sent_as == "text" and pa.types.is_nested(column.type))
    if is_json and not all(map(_is_safe, leaves(column))):
        bad = pa.array([not _has_text(value) for value in column])
        yield bad, "it has a day or timestamp that is not of the years 1 to 9999"


def _is_safe(column: pa.Array) -> bool:
    import pyarrow as pa

    dtype = column.type
    if not pa.types.is_date(dtype) and not pa.types.is_timestamp(dtype):
        return True
    unit = 1 if pa.types.is_date32(dtype) else _DAY * 10 ** DIGITS["ms" if pa.types.is_date(dtype) else dtype.unit]
    return is_within(column, *(day * unit for day in _SAFE))


def _has_text(value: pa.Scalar) -> bool:
    try:
        value.as_py()
    except OverflowError:
        return False
    return True
