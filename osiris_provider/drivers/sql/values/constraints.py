"""What the columns of a table take, as the server's catalog tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Part = Literal["year", "month", "day", "hour", "minute", "second"]
"""Of a span of time."""


@dataclass(frozen=True)
class Moments:
    """What a column of dates or times takes.

    :param kind: a day, a time of day (or a duration), both, a year, or a span of time, whose texts the server judges.
    :param fraction: digits of a second.
    :param zoned: whether it has a zone.
    :param finest: the smallest part that a span of time keeps; what is below it is cut.
    :param as_text: whether moments go in as Arrow writes them, which it does for the years 1 to 32767.
    """

    kind: Literal["date", "time", "timestamp", "year", "interval"]
    fraction: int = 6
    zoned: bool = False
    as_text: bool = False
    finest: Part = "second"


@dataclass(frozen=True)
class Documents:
    """What becomes of JSON in a column that does not keep its text.

    :param doubles: whether its numbers become doubles, as far as they are no integers of 64 bits.
    """

    doubles: bool = False


@dataclass(frozen=True)
class ColumnConstraints:
    """What a column takes; None where there is no limit, or the server is left to judge.

    :param nullable: whether it takes nulls.
    :param low: least whole number of a column of whole numbers.
    :param high: greatest whole number of it.
    :param chars: characters of a text.
    :param octets: bytes of a text or of bytes.
    :param digits: before the decimal point, of a column of exact numbers.
    :param number: whether it is a column of numbers.
    :param scale: digits behind the decimal point, of a column of exact numbers.
    :param mantissa: binary digits of a column of floating-point numbers.
    :param moments: of a column of dates or times.
    :param members: texts that a column of an enumeration takes.
    :param several: whether it takes several of them, with commas between.
    :param trims: whether spaces at the end of a text are lost.
    :param padded: bytes that shorter ones are filled up to.
    :param texts: whether a text can say what the value is; it cannot where each value has a type of its own.
    :param like: a value as the server writes it, and the expression that matches texts of the same form.
    :param documents: of a column of JSON that is not kept as text.
    :param inner: of a column whose texts have values within, such as those of an array.
    """

    nullable: bool = True
    low: int | None = None
    high: int | None = None
    chars: int | None = None
    octets: int | None = None
    digits: int | None = None
    number: bool = False
    scale: int | None = None
    mantissa: int | None = None
    moments: Moments | None = None
    members: frozenset[str] | None = None
    several: bool = False
    trims: bool = False
    padded: int | None = None
    texts: bool = True
    like: tuple[str, str] | None = None
    documents: Documents | None = None
    inner: Inner | None = None


@dataclass(frozen=True)
class Inner:
    """Values within texts.

    :param limits: what they take.
    :param split: returns the values within a column of texts, each with the place of its limits and its row, from 0.
    """

    limits: tuple[ColumnConstraints, ...]
    split: Callable[[pa.Array], Iterable[tuple[int, int, str]]]


def integer_range(bits: int, *, signed: bool = True) -> tuple[int, int]:
    """Return the least and the greatest whole number of some bits."""
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def integer_constraints(bits: int, *, signed: bool = True, nullable: bool = True) -> ColumnConstraints:
    """Return the limits of a column of whole numbers.

    :param bits: that it has.
    """
    low, high = integer_range(bits, signed=signed)
    return ColumnConstraints(nullable=nullable, low=low, high=high, number=True, scale=0)
