"""JSON values for the Arrow type of their column: exactly, or not at all."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.http.json.types import NOT_FINITE, decimal_of, fits_double, is_short, kind_of

if TYPE_CHECKING:
    import pyarrow as pa

Converter = Callable[[Any], Any]

_SURROGATE = re.compile("[\ud800-\udfff]")


class ConversionError(ValueError):
    """A value that its column cannot hold; the text says why, without the value."""


def json_text(value: Any) -> str:
    """Return a value as JSON text, its numbers as they came.

    :param value: parsed JSON.
    """
    if value is None:
        return "null"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(name)}: {json_text(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    # Half of a surrogate pair is no character; JSON can carry it as an escape, UTF-8 cannot carry it at all.
    return json.dumps(text) if _SURROGATE.search(text) else encode_basestring(text)


def text_of(value: Any) -> str | None:
    """Return a value as a text: a text as it is, null as null, all else as its JSON text.

    :param value: parsed JSON.
    """
    if value is None or type(value) is str:
        return value
    return json_text(value)


def is_plain(values: list[Any], dtype: pa.DataType) -> bool:
    """Return whether Arrow takes all values for a type as they are, and none of them otherwise than they are meant.

    :param values: of a column.
    :param dtype: of the column.
    """
    from pyarrow import types

    wanted = (
        int if types.is_integer(dtype) else str if types.is_string(dtype) else bool if types.is_boolean(dtype) else None
    )
    return wanted is not None and set(map(type, values)) <= {wanted, type(None)}


def converter_of(dtype: pa.DataType, *, declared: bool) -> Converter:
    """Return what turns a JSON value that is not null into one that Arrow takes for a type.

    :param dtype: of the column.
    :param declared: whether the user chose it. Then a double takes the nearest value of a number with a fraction, and
        texts are parsed.
    """
    from pyarrow import types

    if types.is_list(dtype):
        return _list_converter(converter_of(dtype.value_type, declared=declared))
    if types.is_struct(dtype):
        return _struct_converter({field.name: converter_of(field.type, declared=declared) for field in dtype})
    if types.is_integer(dtype):
        return _integer
    if types.is_float64(dtype):
        return _nearest_double if declared else _exact_double
    if types.is_floating(dtype):
        return _small_float("<f" if types.is_float32(dtype) else "<e")
    if types.is_decimal(dtype):
        return _decimal
    return _boolean if types.is_boolean(dtype) else _text


def _refused(value: Any) -> ConversionError:
    return ConversionError(kind_of(value))


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Number | float):
        number = decimal_of(value)
        if number is not None and number == number.to_integral_value():
            return int(number)
        message = "a number with a fraction, or of too many digits"
        raise ConversionError(message)
    raise _refused(value)


def _exact_double(value: Any) -> float:
    if is_short(value):
        return float(value)
    double = _nearest_double(value)
    if not fits_double(value):
        message = "a number of more digits than a double holds"
        raise ConversionError(message)
    return double


def _nearest_double(value: Any) -> float:
    if is_short(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Number):
        raise _refused(value)
    if isinstance(value, int) and not fits_double(value):
        message = "a whole number of more digits than a double holds"
        raise ConversionError(message)
    double = float(value)
    if isinstance(value, Number) and value not in NOT_FINITE and _out_of_range(value, double):
        message = "a number beyond the range of a double"
        raise ConversionError(message)
    return double


def _small_float(form: str) -> Converter:
    """Return the converter of a type smaller than a double.

    :param form: of :mod:`struct`.
    """

    def convert(value: Any) -> float:
        double = _nearest_double(value)
        try:
            (small,) = struct.unpack(form, struct.pack(form, double))
        except OverflowError:
            small = math.nan
        is_lost = math.isnan(small) or (small == 0 != double) or (isinstance(value, int) and small != value)
        if math.isfinite(double) and is_lost:
            message = "a number beyond the range of its type, or a whole one that it would round"
            raise ConversionError(message)
        return double

    return convert


def _out_of_range(value: Number, double: float) -> bool:
    if math.isinf(double):
        return True
    return double == 0 and any(digit in "123456789" for digit in value.lower().partition("e")[0])


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Number):
        raise _refused(value)
    number = decimal_of(value)
    if number is None:
        message = "a number that is not finite, or of too many digits"
        raise ConversionError(message)
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _refused(value)


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise _refused(value)


def _list_converter(inner: Converter) -> Converter:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _refused(value)
        return [None if item is None else inner(item) for item in value]

    return convert


def _struct_converter(inner: dict[str, Converter]) -> Converter:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _refused(value)
        fresh = next((name for name in value if name not in inner), None)
        if fresh is not None:
            message = f"an object with a new field {fresh!r}"
            raise ConversionError(message)
        return {name: None if item is None else inner[name](item) for name, item in value.items()}

    return convert
