"""What DuckDB knows of a table that is written to, and what it creates."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.tables import (
    columns_of,
    create_table,
    has_collations,
    own_names,
    readable,
    unique_keys,
)
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Moments, integer_constraints

from tests.field.duckdb.test_types import KNOWN

TYPES: dict[str, ColumnConstraints] = {
    "TINYINT": integer_constraints(8),
    "SMALLINT": integer_constraints(16),
    "INTEGER": integer_constraints(32),
    "BIGINT": integer_constraints(64),
    "HUGEINT": integer_constraints(128),
    "UTINYINT": integer_constraints(8, signed=False),
    "USMALLINT": integer_constraints(16, signed=False),
    "UINTEGER": integer_constraints(32, signed=False),
    "UBIGINT": integer_constraints(64, signed=False),
    "UHUGEINT": integer_constraints(128, signed=False),
    "BIGNUM": ColumnConstraints(number=True, scale=0),
    "DECIMAL(5,2)": ColumnConstraints(number=True, digits=3, scale=2),
    "DECIMAL(38,0)": ColumnConstraints(number=True, digits=38, scale=0),
    "FLOAT": ColumnConstraints(number=True, mantissa=24),
    "DOUBLE": ColumnConstraints(number=True, mantissa=53),
    "DATE": ColumnConstraints(moments=Moments("date")),
    "INTERVAL": ColumnConstraints(moments=Moments("interval")),
    "TIME": ColumnConstraints(moments=Moments("time")),
    "TIME_NS": ColumnConstraints(moments=Moments("time", 9)),
    "TIMETZ": ColumnConstraints(moments=Moments("time", zoned=True)),
    "TIMESTAMP_S": ColumnConstraints(moments=Moments("timestamp", 0)),
    "TIMESTAMP_MS": ColumnConstraints(moments=Moments("timestamp", 3)),
    "TIMESTAMP": ColumnConstraints(moments=Moments("timestamp")),
    "TIMESTAMP_NS": ColumnConstraints(moments=Moments("timestamp", 9)),
    "TIMESTAMPTZ": ColumnConstraints(moments=Moments("timestamp", zoned=True)),
    "ENUM('a', 'it''s', 'b, c)')": ColumnConstraints(members=frozenset({"a", "it's", "b, c)"})),
    "UNION(n INTEGER, s VARCHAR)": ColumnConstraints(texts=False),
    "VARIANT": ColumnConstraints(texts=False),
    "VARCHAR": ColumnConstraints(),
    "BLOB": ColumnConstraints(),
    "UUID": ColumnConstraints(),
    "BOOLEAN": ColumnConstraints(),
}


@pytest.fixture
def cursor() -> Iterator[Any]:
    with duckdb.connect() as database:
        yield database


def test_each_type_takes_what_duckdb_does(cursor: Any) -> None:
    types = {kind: limits for kind, limits in TYPES.items() if kind in KNOWN or kind not in ("TIME_NS", "VARIANT")}
    cursor.execute(f"CREATE TABLE t ({', '.join(f'c{at} {kind}' for at, kind in enumerate(types))})")
    columns = columns_of(cursor, "t", pa.schema([]))
    assert dict(zip(types, (column.limits for column in columns), strict=True)) == types


def test_columns_are_spelt_as_the_input_spells_them(cursor: Any) -> None:
    cursor.execute('CREATE TABLE T ("Id" INT NOT NULL, b INT NOT NULL DEFAULT 1, C INT, d INT DEFAULT 1)')
    columns = columns_of(cursor, "t", pa.schema([("ID", pa.int32()), ("c", pa.int32())]))
    assert [(column.name, column.required, column.limits.nullable, column.kind) for column in columns] == [
        ("ID", True, False, "INTEGER"),
        ("b", False, False, "INTEGER"),
        ("c", False, True, "INTEGER"),
        ("d", False, True, "INTEGER"),
    ]
    assert own_names(cursor, "t", ["ID", "c", "b"]) == ["Id", "C", "b"]


def names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]


@pytest.mark.parametrize(
    ("table", "expected"),
    [("t", "here"), ("MAIN.T", "here"), ("other.t", "there"), ("memory.other.t", "there"), ("second.main.t", "beyond")],
)
def test_a_table_is_the_one_of_its_schema_and_database(cursor: Any, table: str, expected: str) -> None:
    cursor.execute("CREATE SCHEMA other; ATTACH ':memory:' AS second")
    for name, column in (("t", "here"), ("other.t", "there"), ("second.main.t", "beyond")):
        collated = " COLLATE nocase" if column == "there" else ""
        cursor.execute(f"CREATE TABLE {name} ({column} VARCHAR{collated} UNIQUE, n INT UNIQUE, CHECK (n > 0))")
    assert names(columns_of(cursor, table, pa.schema([]))) == [expected, "n"]
    assert sorted(unique_keys(cursor, table, pa.schema([]))) == sorted([[expected], ["n"]])
    assert has_collations(cursor, table) == (expected == "there")
    assert columns_of(cursor, "nowhere.t", pa.schema([])) == columns_of(cursor, "u", pa.schema([])) == []


def test_keys_are_those_of_the_table_alone_as_the_input_spells_them(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (a INT, B INT, c INT REFERENCES t (a), PRIMARY KEY (a), UNIQUE (B, c))")
    keys = unique_keys(cursor, "t", pa.schema([("b", pa.int32())]))
    assert sorted(keys) == [["a"], ["b", "c"]]


def test_a_collation_by_default_makes_texts_that_differ_equal(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (a VARCHAR)")
    assert not has_collations(cursor, "t")
    cursor.execute("SET default_collation = 'nocase'")
    assert has_collations(cursor, "t")


def test_decimals_that_duckdb_has_not_become_such_that_it_has_or_text() -> None:
    table = pa.table(
        {
            "fits": pa.array([Decimal("1.5"), None], pa.decimal256(38, 2)),
            "wide": pa.array([Decimal("1.5"), None], pa.decimal256(39, 2)),
            "own": pa.array([Decimal("1.5"), None], pa.decimal128(38, 2)),
            "n": [1, 2],
        }
    )
    read = readable(table)
    assert read.schema.types == [pa.decimal128(38, 2), pa.string(), pa.decimal128(38, 2), pa.int64()]
    assert read.to_pydict() == {**table.to_pydict(), "wide": ["1.50", None]}


@pytest.mark.parametrize("key", [[], ["a"], ["a", "t x"]])
def test_a_table_is_created_with_types_that_hold_the_values(cursor: Any, key: list[str]) -> None:
    schema = pa.schema([("a", pa.int8()), ("t x", pa.string()), ("n", pa.null()), ("w", pa.decimal256(50, 1))])
    create_table(cursor, '"new t"', schema, key)
    described = cursor.execute('DESCRIBE "new t"').fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        ("a", "TINYINT"),
        ("t x", "VARCHAR"),
        ("n", "VARCHAR"),
        ("w", "VARCHAR"),
    ]
    assert unique_keys(cursor, "new t", schema) == ([key] if key else [])
    # Nothing is left of what described it.
    with pytest.raises(duckdb.CatalogException):
        cursor.execute("FROM _osiris_input")
