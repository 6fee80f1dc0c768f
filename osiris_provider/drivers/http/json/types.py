"""Arrow types for JSON values: which type a column gets that none was declared for.

A type is chosen only if it holds every value as it came: a number that a double would round makes the column a
decimal, and one that no Arrow type holds is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.http.json_text import Number

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DEPTH = 50
"""Lists and objects inside each other, as deep as Arrow and Parquet read them without trouble."""
MAX_DIGITS = 38
WIDEST = 76
"""Digits that the widest decimal of Arrow has, before the point or behind it."""
SHORT = 16
"""Characters: a shorter number without an exponent has 15 digits at most, which a double gives back."""
NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""Numbers that JSON does not have, as Python and protocol buffers write them."""
_KINDS = {bool: "true or false", int: "number", float: "number", Number: "number", str: "text", list: "list"}


class MixedTypesError(Exception):
    """Values have no type in common; the text says why."""


class NoFieldsError(Exception):
    """An object has no fields in any of the rows, so that there is no type for it; its JSON text is kept instead."""


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words: ``an object``, ``null``, ``true or false``."""
    kind = "null" if value is None else _kind_of_type(type(value))
    return kind if kind in ("null", "true or false") else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _kind_of_type(cls: type) -> str:
    return _KINDS.get(cls, "object" if issubclass(cls, dict) else cls.__name__)


def infer_type(values: Iterable[Any], depth: int = 0) -> pa.DataType | None:
    """Return the type that holds all values, None if all are null.

    :param values: parsed JSON; see :func:`~osiris_provider.connectors.http.json_text.parse_json`.
    :param depth: of the lists and objects around them.
    :raises MixedTypesError: there is none.
    :raises NoFieldsError: an object among them has no fields.
    """
    import pyarrow as pa

    present = [value for value in values if value is not None]
    kinds = {_kind_of_type(cls) for cls in set(map(type, present))}
    if not kinds:
        return None
    if len(kinds) > 1:
        raise MixedTypesError(", ".join(sorted(kinds)))
    if depth > MAX_DEPTH:
        message = f"nested more than {MAX_DEPTH} deep"
        raise MixedTypesError(message)
    (kind,) = kinds
    if kind == "number":
        return _number_type(present)
    if kind == "list":
        return pa.list_(infer_type([item for value in present for item in value], depth + 1) or pa.string())
    if kind == "object":
        return _struct_type(present, depth)
    return pa.bool_() if kind == "true or false" else pa.string()


def _struct_type(values: list[dict[str, Any]], depth: int) -> pa.DataType:
    import pyarrow as pa

    names = dict.fromkeys(name for value in values for name in value)
    if not names:
        raise NoFieldsError
    return pa.struct(
        [(name, infer_type([value.get(name) for value in values], depth + 1) or pa.string()) for name in names]
    )


def _number_type(values: list[Any]) -> pa.DataType:
    import pyarrow as pa

    if all(type(value) is int for value in values):
        least, greatest = min(values), max(values)
        if least >= -(2**63) and greatest < 2**63:
            return pa.int64()
        if least >= 0 and greatest < 2**64:
            return pa.uint64()
    elif all(fits_double(value) for value in values):
        return pa.float64()
    return _decimal_type(values)


def _decimal_type(values: list[Any]) -> pa.DataType:
    import pyarrow as pa

    scale = integer_digits = 0
    for value in values:
        number = decimal_of(value)
        if number is None:
            message = "numbers that are too large, or not finite, beside some that a double would round"
            raise MixedTypesError(message)
        exponent = int(number.as_tuple().exponent)
        scale = max(scale, -exponent)
        integer_digits = max(integer_digits, number.adjusted() + 1)
    if integer_digits + scale > MAX_DIGITS:
        message = f"numbers of more than {MAX_DIGITS} digits"
        raise MixedTypesError(message)
    return pa.decimal128(MAX_DIGITS, scale)


def decimal_of(value: Any) -> Decimal | None:
    """Return a JSON number as a decimal, None if it is not finite, or of more digits than any Arrow type has.

    :param value: an ``int``, a :class:`~osiris_provider.connectors.http.json_text.Number` or a ``float``.
    """
    number = _exact(value)
    if number is None or not number.is_finite():
        return None
    # The exponent is the peer's: 1e999999999 must not become that many digits, and Arrow crashes on 0e-999999999.
    if number.is_zero():
        return Decimal(0)
    digits = number.as_tuple().digits
    return number if abs(number.adjusted()) <= WIDEST and len(digits) <= 2 * WIDEST else None


def _exact(value: Any) -> Decimal | None:
    """Return a number as a decimal, None if its exponent is larger than any that Python has."""
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None


def is_short(value: Any) -> bool:
    """Return whether a JSON number has so few digits, and no exponent, that a double surely gives it back."""
    return type(value) is Number and len(value) < SHORT and "e" not in value and "E" not in value


def fits_double(value: Any) -> bool:
    """Return whether a double gives a number back as it came; its text may have another form, as 1.0 for 1.00.

    :param value: a JSON number.
    """
    if isinstance(value, float):
        return True
    if isinstance(value, int):
        # Integers of JSON are short: what has more digits is a Number.
        return int(float(value)) == value
    # What is not finite is short.
    return is_short(value) or _exact(float(value)) == _exact(value)
