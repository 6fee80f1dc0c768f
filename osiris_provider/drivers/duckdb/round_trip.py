"""Nested and truth values that DuckDB would bend: it rounds within lists, and drops fields of structs, silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.dtypes import is_number
from osiris_provider.drivers.duckdb.types import children_of, quote
from osiris_provider.drivers.sql.config import Lossy
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.messages import without_brackets

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


def first_bent(
    cursor: DuckDBPyConnection, source: str, schema: pa.Schema, columns: Sequence[Column], lossy: Lossy
) -> tuple[str, int, str] | None:
    """Return the first column, row (from 1) and reason of a value that does not come back from its column's type.

    :param source: name of a relation that holds the rows.
    :param schema: of the rows.
    :param columns: of the table.
    :param lossy: ``round`` leaves nested values to DuckDB, but for fields of structs that it would drop.
    """
    import duckdb

    for column in columns:
        if column.name not in schema.names or not _may_bend(column.kind, schema.field(column.name).type):
            continue
        name = quote(column.name)
        if lossy == "round" and column.kind != "BOOLEAN":
            dropped = _dropped_field(cursor, name, source, column.kind)
            if dropped is not None:
                return column.name, 1, f"its field {dropped} has no place in {without_brackets(column.kind)}"
            continue
        ((_, given, *_),) = cursor.execute(f"DESCRIBE SELECT {name} FROM {source}").fetchall()  # noqa: S608 - quoted
        if given == column.kind:
            continue
        # Both types are what DuckDB itself calls them.
        back = f"TRY_CAST(TRY_CAST({name} AS {column.kind}) AS {given})"
        try:
            ((row,),) = cursor.execute(
                f"SELECT min(number) FROM (SELECT {name}, row_number() OVER () AS number FROM {source}) "  # noqa: S608 - see above
                f"WHERE {back} IS DISTINCT FROM {name}"
            ).fetchall()
        except (duckdb.BinderException, duckdb.ConversionException):
            # There is no way back from such a type, or none into it, which the insert says.
            continue
        if row is not None:
            return column.name, row, f"the value would be another one as {without_brackets(column.kind)}"
    return None


def _dropped_field(cursor: DuckDBPyConnection, name: str, source: str, kind: str) -> str | None:
    """Return a field of structs, at any depth, that DuckDB drops because the column's type has none of that name."""
    given = cursor.sql(f"SELECT {name} FROM {source}").types[0]  # noqa: S608 - quoted
    return _missing(given, cursor.sql(f"SELECT NULL::{kind}").types[0])


def _missing(given: Any, wanted: Any) -> str | None:
    if not _has_parts(given):
        return None
    inner = {child.lower(): dtype for child, dtype in children_of(wanted)} if _has_parts(wanted) else {}
    for child, dtype in children_of(given):
        if child.lower() not in inner:
            # Of other types a cast knows better: a list is also a text.
            return str(child) if given.id == wanted.id == "struct" else None
        deeper = _missing(dtype, inner[child.lower()])
        if deeper is not None:
            return deeper
    return None


def _has_parts(dtype: Any) -> bool:
    return dtype.id in ("struct", "map", "list", "array")


def _may_bend(kind: str, dtype: pa.DataType) -> bool:
    import pyarrow as pa

    if kind == "BOOLEAN":
        return is_number(dtype)
    nested = kind.endswith("]") or kind.startswith(("STRUCT(", "MAP("))
    return bool(nested and pa.types.is_nested(dtype))
