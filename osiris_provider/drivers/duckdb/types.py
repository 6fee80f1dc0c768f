"""DuckDB's types as Arrow's: each value is the same, or is text, or is reported.

DuckDB itself gives the largest UHUGEINT away as -1, and times without their offset.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.data import check_case_of, leaves, struct_names
from osiris_provider.drivers.dtypes import is_text
from osiris_provider.drivers.incremental.ordering import Kind, ordered_as
from osiris_provider.drivers.sql.config import SpecialValues
from osiris_provider.drivers.sql.values.special_values import collect, needs_text
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

AS_TEXT = {"bit", "bignum", "interval", "time with time zone", "uhugeint"}
"""Types whose values Arrow has not, or not all of them."""
AS_JSON = {"union", "variant"}
"""Types whose values have types of their own; as JSON they keep them."""
_NUMBERS = {
    *(f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")),
    *("integer", "uinteger", "bignum", "decimal", "float", "double"),
}
_TEXTS = {"varchar", "uuid"}
"""Types whose texts stand in the order of their values."""
MAX_DIGITS = 38
"""Of DuckDB's DECIMAL. It reads wider ones of Parquet as the nearest double."""
_INFINITE = {32: 2**31 - 1, 64: 2**63 - 1}
"""What DuckDB gives for infinity, by the width of the Arrow type; the same less than zero for -infinity."""


def expressions(names: Sequence[str], types: Sequence[Any], text_columns: Collection[str]) -> list[str] | None:
    """Return what to select of a result, None if it can be taken as it is.

    :param names: of its columns.
    :param types: of its columns, as DuckDB has them.
    :param text_columns: columns that are wanted as text.
    """
    converted = [
        _expression(f"#{number}", "VARCHAR" if name in text_columns else _target(dtype))
        for number, (name, dtype) in enumerate(zip(names, types, strict=True), 1)
    ]
    if all(expression == f"#{number}" for number, expression in enumerate(converted, 1)):
        return None
    return [f"{expression} AS {quote(name)}" for expression, name in zip(converted, names, strict=True)]


def wide_integers(names: Sequence[str], types: Sequence[Any], text_columns: Collection[str]) -> list[str]:
    """Return the columns that :func:`expressions` makes text, but that are numbers: UHUGEINT."""
    return [
        name for name, dtype in zip(names, types, strict=True) if dtype.id == "uhugeint" and name not in text_columns
    ]


def with_orders(schema: pa.Schema, types: Sequence[Any]) -> pa.Schema:
    """Return a schema whose columns of texts say in which order DuckDB puts them.

    :param schema: of a result.
    :param types: of its columns, as DuckDB has them.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ordered_as(field, _order_of(dtype.id)) if is_text(field.type) and dtype.id not in _TEXTS else field
            for field, dtype in zip(schema, types, strict=True)
        ]
    )


def _order_of(kind: str) -> Kind:
    if kind in _NUMBERS:
        return "number"
    return "time" if kind.startswith(("date", "timestamp")) else "none"


def check_case(step_id: str, what: str, schema: pa.Schema) -> None:
    """Check that no two columns, nor fields of a struct, differ in case only: DuckDB takes the second for ``A_1``.

    :param what: has the columns, for the message.
    :param schema: of it.
    :raises DataError: names them.
    """
    named = [("columns", schema.names)]
    named += [(f"fields of column {column.name}:", names) for column in schema for names in struct_names(column.type)]
    for kind, names in named:
        check_case_of(step_id, f"{kind} {{}} of {what}", names, "DuckDB")


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return '"' + name.replace('"', '""') + '"'


def version() -> tuple[int, ...]:
    """Return the first two numbers of DuckDB's version."""
    import duckdb

    return tuple(map(int, duckdb.__version__.split(".")[:2]))


def children_of(dtype: Any) -> list[tuple[str, Any]]:
    """Return the types within a nested type, each with its name.

    :param dtype: as DuckDB has it; among the children of an array is its size.
    """
    return [(name, child) for name, child in dtype.children if not (dtype.id == "array" and name == "size")]


def _expression(column: str, target: str | None) -> str:
    if target is None:
        return column
    return f"to_json({column})::VARCHAR" if target == "JSON" else f"CAST({column} AS {target})"


def _target(dtype: Any) -> str | None:
    """Return the type to cast to, None for none."""
    if dtype.id in AS_TEXT:
        return "VARCHAR"
    if dtype.id in AS_JSON:
        return "JSON"
    if dtype.id not in ("list", "array", "struct", "tuple", "map"):
        return None
    inner = children_of(dtype)
    targets = [_target(child) for _, child in inner]
    if not any(targets):
        return None
    if "JSON" in targets or dtype.id == "tuple":
        return "JSON"
    written = [target or str(child) for target, (_, child) in zip(targets, inner, strict=True)]
    fields = ", ".join(f"{quote(name)} {target}" for (name, _), target in zip(inner, written, strict=True))
    return {
        "list": f"{written[0]}[]",
        "array": f"{written[0]}[{dict(dtype.children).get('size')}]",
        "map": f"MAP({', '.join(written)})",
        "struct": f"STRUCT({fields})",
    }[dtype.id]


def checked(batch: pa.RecordBatch, rows_before: int, special_values: SpecialValues) -> pa.RecordBatch:
    """Return a batch none of whose values its Arrow type cannot hold.

    These are HUGEINT of 39 digits, infinite dates and timestamps, and the time 24:00:00.

    :param rows_before: how many rows of the result went before.
    :param special_values: ``null`` puts NULL in their place.
    :raises ColumnNeedsTextError: there is such a value.
    """
    import pyarrow as pa

    names = batch.schema.names

    def make(number: int) -> Callable[[], pa.Array]:
        return lambda: _checked(names[number], batch.column(number), rows_before, special_values)

    columns = collect(map(make, range(len(names))))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _checked(name: str, column: pa.Array, rows_before: int, special_values: SpecialValues) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    special = _special(column)
    if special is not None:
        if not pc.any(special).as_py():
            return column
        if special_values == "null":
            return pc.if_else(special, pa.scalar(None, column.type), column)
        row = pc.index(special, pa.scalar(True)).as_py()
        raise needs_text(name, _value_text(column[row]), rows_before + row + 1)
    if not (pa.types.is_nested(column.type) and _has_special(column)):
        return column
    row = next(row for row in range(len(column)) if _has_special(column.slice(row, 1)))
    if special_values != "null":
        raise needs_text(name, "such a value", rows_before + row + 1)
    message = (
        f"Column {name} holds, in row {rows_before + row + 1:,} of the result, a value within a list, struct or map "
        "that its Arrow type cannot hold. Name the column in config field text_columns."
    )
    raise DataError(message)


def _has_special(column: pa.Array) -> bool:
    """Return whether there is such a value anywhere in a column."""
    import pyarrow.compute as pc

    specials = (_special(leaf) for leaf in leaves(column))
    return any(pc.any(special).as_py() for special in specials if special is not None)


def _special(column: pa.Array) -> pa.Array | None:
    """Return which values the Arrow type cannot hold; None if it holds all that DuckDB's type has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    dtype = column.type
    if pa.types.is_date32(dtype) or pa.types.is_timestamp(dtype):
        wide = dtype.bit_width
        numbers = column.view(pa.int32() if wide == 32 else pa.int64())
        ends = (pa.scalar(sign * _INFINITE[wide], numbers.type) for sign in (1, -1))
        return pc.or_(*(pc.equal(numbers, end) for end in ends))
    if pa.types.is_time64(dtype):
        day = 86_400 * (10**6 if dtype.unit == "us" else 10**9)
        return pc.greater_equal(column.view(pa.int64()), pa.scalar(day, pa.int64()))
    if dtype == pa.decimal128(MAX_DIGITS, 0):
        wider = column.cast(pa.decimal256(MAX_DIGITS + 1, 0))
        return pc.greater_equal(pc.abs(wider), pa.scalar(10**MAX_DIGITS, wider.type))
    return None


def _value_text(value: pa.Scalar) -> str:
    import pyarrow as pa

    if pa.types.is_decimal(value.type):
        return str(value.as_py())
    if pa.types.is_time(value.type):
        return "24:00:00"
    return "-infinity" if value.value < 0 else "infinity"
