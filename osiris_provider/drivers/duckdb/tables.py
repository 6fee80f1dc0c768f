"""What DuckDB knows of a table that is written to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.duckdb.inner import inner_of
from osiris_provider.drivers.duckdb.types import MAX_DIGITS, quote
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments, integer_constraints

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

INPUT = "_osiris_input"
"""Under which a writer's statements know the rows to write."""
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")
_INTEGER_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}


def columns_of(cursor: DuckDBPyConnection, table: str, schema: pa.Schema) -> list[Column]:
    """Return the columns of a table, spelt as the input spells them: DuckDB takes no notice of case."""
    rows = cursor.execute(
        "SELECT column_name, is_nullable, column_default IS NULL, data_type"  # noqa: S608 - constants
        f" FROM duckdb_columns() WHERE {_HERE} ORDER BY column_index",
        _qualifiers(table),
    ).fetchall()
    spelt = _spelt(schema)
    return [
        Column(
            spelt.get(name.lower(), name),
            required=not nullable and bare,
            limits=replace(_limits(kind), nullable=nullable, inner=inner_of(_type(cursor, kind), _limits)),
            kind=kind,
        )
        for name, nullable, bare, kind in rows
    ]


def _spelt(schema: pa.Schema) -> dict[str, str]:
    return {column.lower(): column for column in schema.names}


_MANTISSA = {"FLOAT": 24, "DOUBLE": 53}
_MOMENTS = {
    "DATE": Moments("date"),
    "INTERVAL": Moments("interval"),
    "TIME": Moments("time"),
    "TIME_NS": Moments("time", 9),
    "TIME WITH TIME ZONE": Moments("time", zoned=True),
    "TIMESTAMP_S": Moments("timestamp", 0),
    "TIMESTAMP_MS": Moments("timestamp", 3),
    "TIMESTAMP": Moments("timestamp"),
    "TIMESTAMP_NS": Moments("timestamp", 9),
    "TIMESTAMP WITH TIME ZONE": Moments("timestamp", zoned=True),
}
_HERE = (
    "lower(table_name) = lower($1) AND lower(schema_name) = lower(coalesce($2, current_schema()))"
    " AND lower(database_name) = lower(coalesce($3, current_database()))"
)


def _qualifiers(table: str) -> list[str | None]:
    *qualifiers, name = table.split(".")
    catalog, owner = [None, None, *qualifiers][-2:]
    return [name, owner, catalog]


def _type(cursor: DuckDBPyConnection, kind: str) -> Any:
    # The type is what DuckDB itself calls it.
    return cursor.sql(f"SELECT NULL::{kind}").types[0]


def _limits(kind: str) -> ColumnConstraints:
    """Return what a type takes, by what DuckDB calls it."""
    if kind in _INTEGER_BITS:
        return integer_constraints(_INTEGER_BITS[kind])
    if kind.removeprefix("U") in _INTEGER_BITS:
        return integer_constraints(_INTEGER_BITS[kind.removeprefix("U")], signed=False)
    if kind in ("BIGNUM", "VARINT"):
        return ColumnConstraints(number=True, scale=0)
    if decimal := _DECIMAL.fullmatch(kind):
        precision, scale = map(int, decimal.groups())
        return ColumnConstraints(digits=precision - scale, number=True, scale=scale)
    if kind.startswith("ENUM(") and kind.endswith(")"):
        members = frozenset(name.replace("''", "'") for name in re.findall(r"'((?:[^']|'')*)'", kind))
        return ColumnConstraints(members=members)
    mantissa = _MANTISSA.get(kind)
    return ColumnConstraints(
        number=mantissa is not None,
        mantissa=mantissa,
        moments=_MOMENTS.get(kind),
        texts=re.search(r"\bUNION\(|\bVARIANT\b", kind) is None,
    )


def unique_keys(cursor: DuckDBPyConnection, table: str, schema: pa.Schema) -> list[list[str]]:
    """Return the columns of each key that no two rows of a table share, spelt as the input spells them."""
    rows = cursor.execute(
        f"SELECT constraint_column_names FROM duckdb_constraints() WHERE {_HERE}"  # noqa: S608 - constants
        " AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')",
        _qualifiers(table),
    ).fetchall()
    spelt = _spelt(schema)
    return [[spelt.get(name.lower(), name) for name in names] for (names,) in rows]


def own_names(cursor: DuckDBPyConnection, table: str, names: Sequence[str]) -> list[str]:
    """Return the names of columns as their table spells them.

    :param table: its name, quoted.
    :param names: of columns that it has, in any case.
    """
    own = [str(name) for name, *_ in cursor.execute(f"DESCRIBE {table}").fetchall()]
    spelt = {name.lower(): name for name in own} | {name: name for name in own}
    return [spelt[name] if name in spelt else spelt[name.lower()] for name in names]


def has_collations(cursor: DuckDBPyConnection, table: str) -> bool:
    """Return whether columns of a table may take texts that differ for equal."""
    query = (
        "SELECT sql ILIKE '%collate%' OR current_setting('default_collation') <> ''"  # noqa: S608 - constants
        f" FROM duckdb_tables() WHERE {_HERE}"
    )
    return cursor.execute(query, _qualifiers(table)).fetchone() == (True,)


def readable(table: pa.Table) -> pa.Table:
    """Return a table with decimals of more than 38 digits as text, which DuckDB cannot read otherwise."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_decimal256(field.type):
            narrow = (
                pa.decimal128(field.type.precision, field.type.scale)
                if field.type.precision <= MAX_DIGITS
                else pa.string()
            )
            table = table.set_column(index, field.with_type(narrow), table.column(index).cast(narrow))
    return table


def create_table(cursor: DuckDBPyConnection, table: str, schema: pa.Schema, primary_key: Sequence[str]) -> None:
    """Create a table whose types hold the values of a schema.

    :param table: its name, quoted.
    :param primary_key: its columns, if it has one.
    """
    import pyarrow as pa

    # A column of nulls only would become one of numbers.
    typed = pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema])
    cursor.register(INPUT, readable(pa.Table.from_batches([], schema=typed)))
    described = cursor.execute(f"DESCRIBE FROM {INPUT}").fetchall()
    cursor.unregister(INPUT)
    columns = [f"{quote(name)} {kind}" for name, kind, *_ in described]
    if primary_key:
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, primary_key))})")
    cursor.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
