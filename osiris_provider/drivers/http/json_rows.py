"""JSON records as Arrow: typed by what the first rows hold, or by what the step declares.

The rule: columns and types are those of the first ``infer_rows`` rows (at least one page), or exactly those in
``types``. Afterwards a missing value is null, and a value or a column that does not fit is an error that names column
and page: nothing is dropped or bent in silence. ``other_fields`` names a column that takes the fields without one. A
column that holds only nulls at first is a string, and objects that have no fields at first are kept as their JSON text.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa

Rows = list[dict[str, Any]]
EXACT_IN_DOUBLE = 2**53

_DECIMAL = re.compile(r"decimal\((\d{1,2}),\s*(\d{1,2})\)")


@dataclass(frozen=True)
class _Column:
    name: str
    type: pa.DataType
    declared: bool = False
    as_text: bool = False
    rest: bool = False


def to_batches(
    pages: Iterable[Rows],
    *,
    step_id: str,
    types: Mapping[str, str] | None = None,
    infer_rows: int = 1000,
    other_fields: str | None = None,
) -> pa.RecordBatchReader:
    """Return pages of records as a stream of record batches, a batch a page.

    :param pages: of records, read as the stream is.
    :param step_id: for messages.
    :param types: column to type (``int64``, ``string``, ``timestamp``, ``decimal(12,2)`` …); only these columns are
        kept. Under ``string``, what is not a text becomes its JSON text.
    :param infer_rows: without ``types``, how many rows to look at before the types are settled.
    :param other_fields: a column for the fields that have none, as the JSON text of an object; null if there are none.
    :raises DriverConfigError: a type is not known.
    :raises DataError: a column holds values that have no common type; while reading, something does not fit.
    """
    import pyarrow as pa

    numbered = enumerate(pages, 1)
    head: list[tuple[int, Rows]] = []
    if types:
        columns = [_declared(step_id, name, text) for name, text in types.items()]
    else:
        rows = 0
        for number, page in numbered:
            head.append((number, page))
            rows += len(page)
            if rows >= infer_rows:
                break
        columns = _inferred(step_id, [row for _, page in head for row in page])
    if other_fields is not None:
        columns.append(_rest(step_id, other_fields, columns))
    schema = pa.schema([(column.name, column.type) for column in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        for number, page in itertools.chain(_drained(head), numbered):
            if page:
                yield _batch(step_id, number, page, columns, schema, complete=not types and other_fields is None)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _drained(pages: list[tuple[int, Rows]]) -> Iterator[tuple[int, Rows]]:
    while pages:
        yield pages.pop(0)


def type_of(text: str) -> pa.DataType:
    """Return the Arrow type of a name in a step's ``types``.

    :param text: an Arrow name such as ``int64``, ``timestamp`` (microseconds, UTC), or ``decimal(12,2)``.
    :raises ValueError: there is no such type.
    """
    import pyarrow as pa

    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return pa.timestamp("us", tz="UTC") if text == "timestamp" else pa.type_for_alias(text)


def _declared(step_id: str, name: str, text: str) -> _Column:
    import pyarrow as pa

    try:
        found = type_of(text)
    except ValueError:
        found = None
    if found is None:
        message = f"Step {step_id}: config field types: '{text}' of column {name} is not a type such as int64 or string"
        raise DriverConfigError(message, step=step_id)
    return _Column(name, found, declared=True, as_text=pa.types.is_string(found))


def _rest(step_id: str, name: str, columns: list[_Column]) -> _Column:
    import pyarrow as pa

    if any(column.name == name for column in columns):
        message = f"Step {step_id}: config field other_fields: '{name}' is a field of the records; choose another name."
        raise DriverConfigError(message, step=step_id)
    return _Column(name, pa.string(), rest=True)


def _inferred(step_id: str, rows: Rows) -> list[_Column]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [_column_of(step_id, name, [row.get(name) for row in rows]) for name in names]


def _column_of(step_id: str, name: str, values: list[Any]) -> _Column:
    import pyarrow as pa

    try:
        found = pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        found = None
    if found is None:
        kinds = ", ".join(sorted({type(value).__name__ for value in values if value is not None}))
        advice = f"declare it in config field types, such as {name}: string"
        message = f"Step {step_id}: column '{name}' holds values of no common type ({kinds}); {advice}"
        raise DataError(message, step=step_id, column=name)
    settled = _settled(found)
    return _Column(name, settled or pa.string(), as_text=settled is None)


def _settled(found: pa.DataType) -> pa.DataType | None:
    """Return a type with strings in the place of nulls, or None if it has an object without fields."""
    import pyarrow as pa

    if pa.types.is_null(found):
        return pa.string()
    if pa.types.is_list(found):
        inner = _settled(found.value_type)
        return inner and pa.list_(inner)
    if pa.types.is_struct(found):
        fields = [(field.name, _settled(field.type)) for field in found]
        return pa.struct(fields) if fields and all(inner is not None for _, inner in fields) else None
    return found


def _batch(
    step_id: str, number: int, rows: Rows, columns: list[_Column], schema: pa.Schema, *, complete: bool
) -> pa.RecordBatch:
    import pyarrow as pa

    known = {column.name for column in columns if not column.rest}
    if complete:
        fresh = next((name for row in rows for name in row if name not in known), None)
        if fresh is not None:
            what = f"column '{fresh}' appears first on page {number}"
            raise DataError(_advice(step_id, what), step=step_id, column=fresh)
    arrays = [
        pa.array([_text_of_rest(row, known) for row in rows], column.type)
        if column.rest
        else _array(step_id, number, column, [row.get(column.name) for row in rows])
        for column in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(step_id: str, number: int, column: _Column, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    if column.as_text:
        return pa.array([_text(value) for value in values], column.type)
    with contextlib.suppress(*_unfit()):
        found = pa.array(values)
        if found.type.equals(column.type):
            return found
    with contextlib.suppress(*_unfit()):
        # Dates and decimals are texts in JSON; Arrow parses those only in a cast.
        if column.declared and all(value is None or isinstance(value, str) for value in values):
            return pa.array(values, pa.string()).cast(column.type)
        if all(value is None or _fits(value, column.type) for value in values):
            return pa.array(values, column.type)
    what = f"column '{column.name}' on page {number} holds a value that is no {column.type}"
    raise DataError(_advice(step_id, what), step=step_id, column=column.name)


def _unfit() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError


def _fits(value: Any, expected: pa.DataType) -> bool:
    """Return whether a value may go into a column; asked because Arrow cuts 2.5 to 2 and drops unknown fields."""
    import pyarrow as pa

    if isinstance(value, dict):
        known = {field.name: field.type for field in expected} if pa.types.is_struct(expected) else {}
        return all(name in known and (inner is None or _fits(inner, known[name])) for name, inner in value.items())
    if isinstance(value, list):
        return pa.types.is_list(expected) and all(inner is None or _fits(inner, expected.value_type) for inner in value)
    if isinstance(value, bool):
        return bool(pa.types.is_boolean(expected))
    if isinstance(value, int):
        whole = pa.types.is_integer(expected) or pa.types.is_decimal(expected)
        return whole or (pa.types.is_floating(expected) and abs(value) <= EXACT_IN_DOUBLE)
    if isinstance(value, float):
        return pa.types.is_floating(expected) or (pa.types.is_integer(expected) and value.is_integer())
    return bool(pa.types.is_string(expected))


def _text_of_rest(row: dict[str, Any], known: set[str]) -> str | None:
    return _text({name: value for name, value in row.items() if name not in known} or None)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _advice(step_id: str, what: str) -> str:
    return (
        f"Step {step_id}: {what}, unlike the rows before. Raise config field infer_rows, or declare its type in types."
    )
