"""Nested and truth values that DuckDB would bend: it rounds within lists, and drops fields of structs, silently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from osiris_provider.drivers.duckdb.types import quote
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.validate import Lossy

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
    :param lossy: ``round`` leaves nested values to DuckDB.
    """
    import duckdb

    for column in columns:
        if column.name not in schema.names or not _is_bent(column.kind, schema.field(column.name).type, lossy):
            continue
        name = quote(column.name)
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
            shown = column.kind.replace("[", "(").replace("]", ")")
            return column.name, row, f"the value would be another one as {shown}"
    return None


def _is_bent(kind: str, dtype: pa.DataType, lossy: Lossy) -> bool:
    import pyarrow as pa

    if kind == "BOOLEAN":
        return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype))
    nested = kind.endswith("]") or kind.startswith(("STRUCT(", "MAP("))
    return bool(nested and lossy == "error" and pa.types.is_nested(dtype))
