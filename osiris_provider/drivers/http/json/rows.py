"""JSON records as Arrow: typed by what the first rows hold, or by what the step declares.

The rule: columns and types are those of the first ``infer_rows`` rows (at least one page), or exactly those in
``types``. Afterwards a missing value is null, and a value or a column that does not fit is an error that names column,
page and record: nothing is dropped or bent in silence. ``other_fields`` names a column that takes the fields without
one. A column that holds only nulls at first is a string, and objects that have no fields at first are kept as their
JSON text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.http.json.columns import Column, Rows, declared, inferred, rest
from osiris_provider.drivers.http.json.texts import are_plain_texts, parsed_text
from osiris_provider.drivers.http.json.values import (
    ConversionError,
    converter_of,
    is_plain,
    json_text,
    text_of,
)
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class _PageContext:
    """Which page of which step, for messages."""

    step_id: str
    page: int
    columns: list[Column] = field(default_factory=list)

    def constraint_error(self, column: Column, record: int, reason: str) -> DataError:
        advice = "Raise config field infer_rows, or declare its type in types."
        if column.declared:
            advice = "Declare another type for it in types; string takes everything as it comes."
        message = (
            f"column '{column.name}' on page {self.page} holds a value that is not "
            f"{column.type}: record {record} has {reason}. {advice}"
        )
        return DataError.in_step(self.step_id, message, column=column.name, row=record)


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
        columns = [declared(step_id, name, text) for name, text in types.items()]
    else:
        head = _head(numbered, infer_rows)
        if last_schema is not None and not any(page for _, page in head):
            return pa.RecordBatchReader.from_batches(last_schema, [])
        columns = inferred(step_id, head, last_schema)
    if other_fields is not None:
        columns.append(rest(step_id, other_fields, columns))
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


def _batch(context: _PageContext, rows: Rows, schema: pa.Schema, *, complete: bool) -> pa.RecordBatch:
    import pyarrow as pa

    known = {column.name for column in context.columns if not column.rest}
    if complete:
        fresh = ((record, name) for record, row in enumerate(rows, 1) for name in row if name not in known)
        for record, name in fresh:
            message = (
                f"column '{name}' appears first on page {context.page} in record {record}, "
                "unlike the rows before. Raise config field infer_rows, or declare its type in types."
            )
            raise DataError.in_step(context.step_id, message, column=name, row=record)
    arrays = [
        _array(context, column, [_other_fields(row, known) if column.rest else row.get(column.name) for row in rows])
        for column in context.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _other_fields(row: dict[str, Any], known: set[str]) -> dict[str, Any] | None:
    return {name: value for name, value in row.items() if name not in known} or None


def _array(context: _PageContext, column: Column, values: list[Any]) -> pa.Array:
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


def _converted(column: Column, values: list[Any]) -> pa.Array:
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
        return _with_texts(column.type, values, convert)
    return pa.array([None if value is None else convert(value) for value in values], column.type)


def _with_texts(dtype: pa.DataType, values: list[Any], convert: Any) -> pa.Array:
    """Dates and decimals are texts in JSON; Arrow parses them where it reads them as they are meant."""
    import pyarrow as pa

    if all(value is None or type(value) is str for value in values):
        texts = pa.array(values, pa.string())
        try:
            if are_plain_texts(texts, dtype):
                return texts.cast(dtype)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return pa.array(
        [
            None if value is None else parsed_text(value, dtype, convert) if _is_text(value) else convert(value)
            for value in values
        ],
        dtype,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)
