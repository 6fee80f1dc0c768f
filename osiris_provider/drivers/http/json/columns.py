"""The columns that JSON records become: those that a step declares, or those that its first records show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_text, zoned_timestamp
from osiris_provider.drivers.http.json.types import MixedTypesError, NoFieldsError, infer_type
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa

Rows = list[dict[str, Any]]
NumberedPages = Iterable[tuple[int, Rows]]

_DECIMAL = re.compile(r"decimal\((\d{1,2}),\s*(\d{1,2})\)")
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns),\s*(?:tz=)?([\w/+:-]+)\]")


@dataclass(frozen=True)
class Column:
    """A column of the stream.

    :param declared: whether the step says its type.
    :param as_text: whether it takes everything, as text or JSON text.
    :param rest: whether it takes the fields that have no column.
    """

    name: str
    type: pa.DataType
    declared: bool = False
    as_text: bool = False
    rest: bool = False


def type_of(text: str) -> pa.DataType:
    """Return the Arrow type of a name in a step's ``types``.

    :param text: an Arrow name such as ``int64``, ``timestamp`` (microseconds, UTC), ``timestamp[ns, UTC]``, or
        ``decimal(12,2)``.
    :raises ValueError: there is no such type.
    """
    import pyarrow as pa

    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    zoned = _TIMESTAMP.fullmatch(text)
    if zoned:
        return zoned_timestamp(zoned[1], zoned[2])
    return pa.timestamp("us", tz="UTC") if text == "timestamp" else pa.type_for_alias(text)


def declared(step_id: str, name: str, text: str) -> Column:
    """Return the column of an item of ``types``.

    :raises DriverConfigError: its type is not known.
    """

    try:
        dtype = type_of(text)
    except ValueError:
        dtype = None
    if dtype is None:
        message = f"config field types: '{text}' of column {name} is not a type such as int64 or string"
        raise DriverConfigError.in_step(step_id, message)
    return Column(name, dtype, declared=True, as_text=is_text(dtype))


def rest(step_id: str, name: str, columns: list[Column]) -> Column:
    """Return the column of the fields that have none.

    :raises DriverConfigError: a field has its name.
    """
    import pyarrow as pa

    if any(column.name == name for column in columns):
        message = f"config field other_fields: '{name}' is a field of the records; choose another name."
        raise DriverConfigError.in_step(step_id, message)
    return Column(name, pa.string(), rest=True)


def inferred(step_id: str, pages: NumberedPages, last_schema: pa.Schema | None) -> list[Column]:
    """Return the columns that records show.

    :param step_id: for messages.
    :param pages: numbers and records.
    :param last_schema: of the stream before, for columns without values.
    :raises DataError: a column holds values that have no common type, or the records have no fields.
    """
    places = [(number, record, row) for number, page in pages for record, row in enumerate(page, 1)]
    names = dict.fromkeys(name for _, _, row in places for name in row)
    if places and not names:
        message = f"none of the {len(places):,} records has a field. Check config field records."
        raise DataError.in_step(step_id, message)
    last = dict(zip(last_schema.names, last_schema.types, strict=True)) if last_schema is not None else {}
    return [_column_of(step_id, name, places, last.get(name)) for name in names]


def _column_of(
    step_id: str, name: str, places: list[tuple[int, int, dict[str, Any]]], last_type: pa.DataType | None
) -> Column:
    import pyarrow as pa

    values = [row.get(name) for _, _, row in places]
    try:
        name.encode()
        return Column(name, infer_type(values) or last_type or pa.string())
    except NoFieldsError:
        return Column(name, pa.string(), as_text=True)
    except MixedTypesError as error:
        at = _first_mismatch(values)
        problem = f"column '{name}' holds values of no common type ({error}); the first that does not fit is"
        advice = f"Declare it in types, such as {name}: string"
    except UnicodeEncodeError:
        at = next(index for index, (_, _, row) in enumerate(places) if name in row)
        problem = f"the name of column {name!a} has half of a surrogate pair, in"
        advice = "Declare the columns to read in types"
    page, record, _ = places[at]
    message = f"{problem} record {record} on page {page}. {advice}."
    raise DataError.in_step(step_id, message, column=name, row=record)


def _first_mismatch(values: list[Any]) -> int:
    """Return the first value that has no type in common with those before it; by halves."""
    good, bad = 0, len(values)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _have_type(values[:middle]) else (good, middle)
    return bad - 1


def _have_type(values: list[Any]) -> bool:
    try:
        infer_type(values)
    except MixedTypesError:
        return False
    except NoFieldsError:
        pass
    return True
