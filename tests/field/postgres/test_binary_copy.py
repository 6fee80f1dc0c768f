"""What goes to PostgreSQL in COPY's binary format is what its text would have become, byte for byte."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.postgres.copy_in import binary, formats
from osiris_provider.drivers.postgres.tables import columns_of
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.examples import examples
from tests.field.sql.test_round_trips import WILD, columns, nested
from tests.integration.postgres.sessions import connect
from tests.servers import Address

TABLES = itertools.count()
DECLARED = [
    *("boolean", "smallint", "integer", "bigint", "real", "double precision", "text", "varchar(8)", "char(8)", "bytea"),
    *("numeric", "numeric(20)", "numeric(38, 10)", "json", "jsonb", "date", "time", "time(3)", "interval"),
    *("timestamp", "timestamp(3)", "timestamptz", "timestamptz(0)"),
]
KIND = {
    "boolean": "bool",
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "char": "bpchar",
}


def kind_of(declared: str) -> str:
    """Return the name that PostgreSQL's catalog has for a type."""
    name = declared.partition("(")[0]
    return KIND.get(name, name)


PAIRS = [
    (declared, dtype, values)
    for declared in DECLARED
    for dtype, values in WILD + nested
    if dtype == pa.null() or binary.binary_types(pa.schema([("c", dtype)]), {"c": kind_of(declared)})
]


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, pa.Array, bool]:
    declared, dtype, values = draw(st.sampled_from(PAIRS))
    return declared, draw(columns(dtype, values)), draw(st.booleans())


@pytest.fixture
def connection(postgres_database: Address) -> Iterator[dict[str, Any]]:
    yield {"family": "postgres", "alias": "it", **asdict(postgres_database)}
    close_all()


def one(cursor: Any) -> Any:
    return cursor.fetchone()[0]


def written(connection: dict[str, Any], declared: str, column: pa.Array, **config: Any) -> list[Any] | str:
    """Return what is in a column of that type after writing, as the server sends it in binary; or the error."""
    table = f"copy_{next(TABLES)}"
    address = Address(**{name: connection[name] for name in Address.__dataclass_fields__})
    with closing(connect(address)) as client, client, client.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (n int, c {declared})")
        client.commit()
        step = {"table": table, "resolved_connection": connection, **config}
        data = {"e": {"data": pa.table({"n": range(1, len(column) + 1), "c": column})}}
        try:
            get_driver("postgres.writer").run(step_id="w", config=step, inputs=data, ctx=RecordingContext())
        except DataError as error:
            return str(error).replace(table, "t")
        cursor.execute(
            "SELECT typsend::text FROM pg_type t JOIN pg_attribute ON t.oid = atttypid "
            "WHERE attrelid = %s::regclass AND attname = 'c'",
            (table,),
        )
        cursor.execute(f"SELECT {one(cursor)}(c) FROM {table} ORDER BY n")
        return [value if value is None else bytes(value) for (value,) in cursor.fetchall()]


@given(inputs())
@examples(60, suppress_health_check=list(HealthCheck))
def test_binary_and_text_leave_the_same_bytes(connection: dict[str, Any], given: tuple[str, pa.Array, bool]) -> None:
    declared, column, rounds = given
    config = {"lossy": "round" if rounds else "error"}
    with mock.patch.object(formats, "csv_of", side_effect=AssertionError("went as text")):
        sent = written(connection, declared, column, **config)
    with mock.patch.object(formats, "binary_types", return_value=None):
        assert sent == written(connection, declared, column, **config)


def test_a_type_of_that_name_in_another_schema_is_none_of_postgresql(postgres_database: Address) -> None:
    with closing(connect(postgres_database)) as client, client, client.cursor() as cursor:
        cursor.execute("CREATE SCHEMA mine; CREATE TYPE mine.int8 AS ENUM ('1'); CREATE TABLE t (a mine.int8, b int8)")
        kinds = {column.name: column.kind for column in columns_of(cursor, "t")}
    assert kinds == {"a": "mine.int8", "b": "int8"}
    assert binary.binary_types(pa.schema({"a": pa.int64(), "b": pa.int64()}), kinds) is None


def test_the_row_that_breaks_a_rule_of_the_table_is_named(
    postgres_database: Address, connection: dict[str, Any]
) -> None:
    with closing(connect(postgres_database)) as client, client, client.cursor() as cursor:
        cursor.execute("CREATE TABLE t (n int, c int CHECK (c < 70000))")
        client.commit()
        table = pa.table({"n": range(100_000), "c": range(100_000)})
        step = {"table": "t", "batch_rows": 30_000, "resolved_connection": connection}
        with pytest.raises(DataError, match="row 70,001 of the input: it breaks constraint t_c_check"):
            get_driver("postgres.writer").run(
                step_id="w", config=step, inputs={"e": {"data": table}}, ctx=RecordingContext()
            )
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchall() == [(0,)]
