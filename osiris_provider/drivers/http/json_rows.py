"""JSON records as Arrow: typed by what the first rows hold, or by what the step declares.

The rule: columns and types are those of the first ``infer_rows`` rows (at least one page), or exactly those in
``types``. Afterwards a missing value is null, and a value or a column that does not fit is an error that names column,
page and record: nothing is dropped or bent in silence. ``other_fields`` names a column that takes the fields without
one. A column that holds only nulls at first is a string, and objects that have no fields at first are kept as their
JSON text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.http.json_types import MixedTypesError, NoFieldsError, infer_type
from osiris_provider.drivers.http.json_values import (
    ConversionError,
    converter_of,
    is_plain,
    json_text,
    parsed_text,
    text_of,
)
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa

Rows = list[dict[str, Any]]

_DECIMAL = re.compile(r"decimal\((\d{1,2}),\s*(\d{1,2})\)")
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns),\s*(?:tz=)?([\w/+:-]+)\]")


@dataclass(frozen=True)
class _Column:
    name: str
    type: pa.DataType
    declared: bool = False
    as_text: bool = False
    rest: bool = False


@dataclass(frozen=True)
class _PageContext:
    """Which page of which step, for messages."""

    step_id: str
    page: int
    columns: list[_Column] = field(default_factory=list)

    def constraint_error(self, column: _Column, record: int, reason: str) -> DataError:
        advice = "Raise config field infer_rows, or declare its type in types."
        if column.declared:
            advice = "Declare another type for it in types; string takes everything as it comes."
        message = (
            f"Step {self.step_id}: column '{column.name}' on page {self.page} holds a value that is not "
            f"{column.type}: record {record} has {reason}. {advice}"
        )
        return DataError(message, step=self.step_id, column=column.name, row=record)


def to_batches(
    pages: Iterable[Rows],
    *,
    step_id: str,
    types: Mapping[str, str] | None = None,
    infer_rows: int = 1000,
    other_fields: str | None = None,
    last_schema: pa.Schema | None = None,
) -> pa.RecordBatchReader:
    """Return pages of records as a stream of record batches, a batch a page.

    :param pages: of records, read as the stream is.
    :param step_id: for messages.
    :param types: column to type (``int64``, ``string``, ``timestamp``, ``decimal(12,2)`` …); only these columns are
        kept. Under ``string``, what is not a text becomes its JSON text.
    :param infer_rows: without ``types``, how many rows to look at before the types are settled.
    :param other_fields: a column for the fields that have none, as the JSON text of an object; null if there are none.
    :param last_schema: of the stream before, for a stream without rows, and for columns without values.
    :raises DriverConfigError: a type is not known.
    :raises DataError: a column holds values that have no common type; while reading, something does not fit.
    """
    import pyarrow as pa

    numbered = enumerate(pages, 1)
    head: list[tuple[int, Rows]] = []
    if types:
        columns = [_declared(step_id, name, text) for name, text in types.items()]
    else:
        head = _head(numbered, infer_rows)
        rows = [row for _, page in head for row in page]
        if not rows and last_schema is not None:
            return pa.RecordBatchReader.from_batches(last_schema, [])
        columns = _inferred(step_id, rows, last_schema)
    if other_fields is not None:
        columns.append(_rest(step_id, other_fields, columns))
    schema = pa.schema([(column.name, column.type) for column in columns])
    complete = not types and other_fields is None

    def batches() -> Iterator[pa.RecordBatch]:
        for number, page in itertools.chain(_drained(head), numbered):
            if page:
                yield _batch(_PageContext(step_id, number, columns), page, schema, complete=complete)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _head(numbered: Iterable[tuple[int, Rows]], infer_rows: int) -> list[tuple[int, Rows]]:
    head: list[tuple[int, Rows]] = []
    count = 0
    for number, page in numbered:
        head.append((number, page))
        count += len(page)
        if count >= infer_rows:
            break
    return head


def _drained(pages: list[tuple[int, Rows]]) -> Iterator[tuple[int, Rows]]:
    while pages:
        yield pages.pop(0)


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
        return pa.timestamp(zoned[1], zoned[2])
    return pa.timestamp("us", tz="UTC") if text == "timestamp" else pa.type_for_alias(text)


def _declared(step_id: str, name: str, text: str) -> _Column:
    import pyarrow as pa

    try:
        dtype = type_of(text)
    except ValueError:
        dtype = None
    if dtype is None:
        message = f"Step {step_id}: config field types: '{text}' of column {name} is not a type such as int64 or string"
        raise DriverConfigError(message, step=step_id)
    return _Column(name, dtype, declared=True, as_text=pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _rest(step_id: str, name: str, columns: list[_Column]) -> _Column:
    import pyarrow as pa

    if any(column.name == name for column in columns):
        message = f"Step {step_id}: config field other_fields: '{name}' is a field of the records; choose another name."
        raise DriverConfigError(message, step=step_id)
    return _Column(name, pa.string(), rest=True)


def _inferred(step_id: str, rows: Rows, last_schema: pa.Schema | None) -> list[_Column]:
    names = dict.fromkeys(name for row in rows for name in row)
    if rows and not names:
        message = f"Step {step_id}: none of the {len(rows):,} records has a field. Check config field records."
        raise DataError(message, step=step_id)
    last = dict(zip(last_schema.names, last_schema.types, strict=True)) if last_schema is not None else {}
    return [_column_of(step_id, name, [row.get(name) for row in rows], last.get(name)) for name in names]


def _column_of(step_id: str, name: str, values: list[Any], last_type: pa.DataType | None) -> _Column:
    import pyarrow as pa

    problem = ""
    try:
        name.encode()
        return _Column(name, infer_type(values) or last_type or pa.string())
    except NoFieldsError:
        return _Column(name, pa.string(), as_text=True)
    except MixedTypesError as error:
        problem = (
            f"column '{name}' holds values of no common type ({error}); declare it in types, such as {name}: string"
        )
    except UnicodeEncodeError:
        problem = f"the name of column {name!a} has half of a surrogate pair; declare the columns to read in types"
    message = f"Step {step_id}: {problem}"
    raise DataError(message, step=step_id, column=name)


def _batch(context: _PageContext, rows: Rows, schema: pa.Schema, *, complete: bool) -> pa.RecordBatch:
    import pyarrow as pa

    known = {column.name for column in context.columns if not column.rest}
    if complete:
        fresh = next((name for row in rows for name in row if name not in known), None)
        if fresh is not None:
            message = (
                f"Step {context.step_id}: column '{fresh}' appears first on page {context.page}, unlike the "
                "rows before. Raise config field infer_rows, or declare its type in types."
            )
            raise DataError(message, step=context.step_id, column=fresh)
    arrays = [
        _array(context, column, [_other_fields(row, known) if column.rest else row.get(column.name) for row in rows])
        for column in context.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _other_fields(row: dict[str, Any], known: set[str]) -> dict[str, Any] | None:
    return {name: value for name, value in row.items() if name not in known} or None


def _array(context: _PageContext, column: _Column, values: list[Any]) -> pa.Array:
    try:
        return _converted(column, values)
    except (ValueError, TypeError, NotImplementedError, OverflowError, RecursionError):
        pass
    # Again one by one, to say which it was.
    for record, value in enumerate(values, 1):
        try:
            _converted(column, [value])
        except ConversionError as error:
            reason = str(error)
        except RecursionError:
            reason = "lists and objects that are nested too deeply"
        except UnicodeEncodeError:
            reason = "a text with half of a surrogate pair, which is no character"
        except (ValueError, TypeError, NotImplementedError, OverflowError):
            reason = "a value that is out of its range, or of more digits than it takes"
        else:
            continue
        raise context.constraint_error(column, record, reason)
    raise context.constraint_error(column, 1, "values that fit only one by one")


def _converted(column: _Column, values: list[Any]) -> pa.Array:
    """Return the values as an array; Arrow's own errors are all ValueErrors, TypeErrors or NotImplementedErrors."""
    import pyarrow as pa

    if column.rest:
        return pa.array([None if value is None else json_text(value) for value in values], column.type)
    if column.as_text:
        return pa.array([text_of(value) for value in values], column.type)
    if is_plain(values, column.type):
        return pa.array(values, column.type)
    convert = converter_of(column.type, declared=column.declared)
    if column.declared and any(type(value) is str for value in values):
        return _with_text_leaves(column.type, values, convert)
    return pa.array([None if value is None else convert(value) for value in values], column.type)


def _with_text_leaves(dtype: pa.DataType, values: list[Any], convert: Any) -> pa.Array:
    """Dates and decimals are texts in JSON, which Arrow parses in a cast."""
    import pyarrow as pa

    if all(value is None or type(value) is str for value in values) and not pa.types.is_decimal(dtype):
        try:
            return pa.array(values, pa.string()).cast(dtype)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return pa.array(
        [
            None if value is None else parsed_text(value, dtype) if _is_text(value) else convert(value)
            for value in values
        ],
        dtype,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)
