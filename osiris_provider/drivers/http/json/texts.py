"""Texts of an API as values of a declared type, such as a decimal or a date: as they are meant, or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.dtypes import DIGITS
from osiris_provider.drivers.http.json.types import NOT_FINITE
from osiris_provider.drivers.http.json.values import ConversionError, Converter

if TYPE_CHECKING:
    import pyarrow as pa

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_PLAIN_INTEGER = re.compile(r"-?[0-9]{1,40}")
_PLAIN_INTEGERS = r"^-?[0-9]{1,18}$"
_PLAIN_DOUBLES = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
_TIME_OF_DAY = re.compile(
    r"(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2})(:(?P<seconds>[0-9]{2})(\.(?P<fraction>[0-9]{1,18}))?)?"
)


def parsed_text(text: str, dtype: pa.DataType, convert: Converter) -> Any:
    """Return a text as a value of a declared type, such as a decimal or a date.

    :param text: as the API sends it.
    :param dtype: of the column.
    :param convert: of that type; see :func:`converter_of`. A text of a number is taken as JSON would take that number.
    :raises ConversionError: it is no such value; the text says why.
    """
    import pyarrow as pa
    from pyarrow import types

    if types.is_boolean(dtype):
        message = "a text, not true or false"
        raise ConversionError(message)
    if types.is_decimal(dtype) or types.is_integer(dtype) or types.is_floating(dtype):
        return convert(_number_of(text, dtype))
    if types.is_time(dtype):
        return _time_of(text, dtype)
    try:
        return pa.scalar(text).cast(dtype)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
        raise _unparsed(text, dtype) from None


def are_plain_texts(texts: pa.Array, dtype: pa.DataType) -> bool:
    """Return whether Arrow may read all texts for a type: whether it reads none of them otherwise than it is meant.

    Arrow itself takes ``0x1F`` for a number, ``1`` for true, and infinity for what is too large. Dates and times it
    reads as they are meant; times of day not at all.

    :param texts: of a column.
    :param dtype: of the column.
    """
    import pyarrow.compute as pc
    from pyarrow import types

    if types.is_temporal(dtype):
        return True
    pattern = _PLAIN_INTEGERS if types.is_integer(dtype) else _PLAIN_DOUBLES if types.is_float64(dtype) else None
    return pattern is not None and pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


def _number_of(text: str, dtype: pa.DataType) -> int | Number:
    from pyarrow import types

    if not (_NUMBER.fullmatch(text) or (types.is_floating(dtype) and text in NOT_FINITE)):
        message = "a text that is not a number"
        raise ConversionError(message)
    return int(text) if _PLAIN_INTEGER.fullmatch(text) else Number(text)


def _time_of(text: str, dtype: pa.DataType) -> int:
    """Return a time of day in the type's units."""
    match = _TIME_OF_DAY.fullmatch(text)
    if match is None:
        zoned = _TIME_OF_DAY.match(text)
        rest = "with an offset, for which there is no type" if zoned else "in ISO 8601"
        message = f"a text that is {'a time of day' if zoned else 'not a time of day'} {rest}"
        raise ConversionError(message)
    hours, minutes, seconds = (int(match[name] or 0) for name in ("hours", "minutes", "seconds"))
    places = DIGITS[dtype.unit]
    fraction = (match["fraction"] or "").rstrip("0")
    if hours > 23 or minutes > 59 or seconds > 59 or len(fraction) > places:
        message = "a time of day that is out of its range, or has more digits than the type"
        raise ConversionError(message)
    ticks: int = ((hours * 60 + minutes) * 60 + seconds) * 10**places
    return ticks + int(fraction.ljust(places, "0") or 0)


def _unparsed(text: str, dtype: pa.DataType) -> ConversionError:
    import pyarrow as pa
    from pyarrow import types

    if not types.is_timestamp(dtype):
        return ConversionError("a text that is not such a value")
    for unit, tz, advice in (
        ("us", "UTC", "a time with a zone: declare timestamp, which is in UTC"),
        ("ns", "UTC", "a time with nanoseconds: declare timestamp[ns, UTC]"),
        ("us", None, "a time without a zone: declare timestamp[us], which has none"),
        ("ns", None, "a time without a zone and with nanoseconds: declare timestamp[ns], which has no zone"),
    ):
        try:
            pa.scalar(text).cast(pa.timestamp(unit, tz))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
            continue
        return ConversionError(advice)
    return ConversionError("a text that is not a time in ISO 8601")
