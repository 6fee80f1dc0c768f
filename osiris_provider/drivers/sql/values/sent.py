"""What values lose on their way to a server, whatever their columns are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from osiris_provider.drivers.data import leaves
from osiris_provider.drivers.dtypes import DIGITS, ticks
from osiris_provider.drivers.sql.values import lazy_compute as pc
from osiris_provider.drivers.sql.values.intervals import Problem, fine_nanoseconds, remainder

if TYPE_CHECKING:
    import pyarrow as pa

SentAs = Literal["arrow", "text", "json"]
"""How a server gets values: as Arrow, which it reads itself; as texts, and as JSON what is nested; or all as JSON."""
_MICRO: Final = 1000
"""Nanoseconds of a microsecond."""


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
        fine = fine_nanoseconds(column, DIGITS["us"])
    elif dtype.unit == "ns":
        fine = pc.not_equal(remainder(ticks(column), _MICRO), 0)
    else:
        return False
    return bool(pc.any(fine).as_py())


def without_text(column: pa.Array, sent_as: SentAs) -> Iterator[Problem]:
    """Yield what has a day or timestamp that has no text in JSON."""
    import pyarrow as pa

    types = pa.types
    is_json = sent_as == "json" or (sent_as == "text" and types.is_nested(column.type))
    moments = [leaf for leaf in leaves(column) if types.is_date(leaf.type) or types.is_timestamp(leaf.type)]
    if is_json and not all(_has_text(end) for leaf in moments for end in pc.min_max(leaf).values()):
        bad = pa.array([not _has_text(value) for value in column])
        yield bad, "it has a day or timestamp that is not of the years 1 to 9999"


def _has_text(value: pa.Scalar) -> bool:
    try:
        value.as_py()
    except OverflowError:
        return False
    return True
