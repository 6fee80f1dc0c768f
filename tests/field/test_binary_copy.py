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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.postgres import binary, copy_format
from osiris_provider.errors import DataError

from tests.contract.context import RecordingContext
from tests.field.test_database_round_trips import WILD, columns, nested
from tests.integration.postgres import connect
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
    if pa.types.is_date(dtype):
        # Of the year 0, which is 1 BC, Arrow writes a text that PostgreSQL does not read.
        values = values.filter(lambda number: number > 0)
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
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_binary_and_text_leave_the_same_bytes(connection: dict[str, Any], given: tuple[str, pa.Array, bool]) -> None:
    declared, column, rounds = given
    config = {"lossy": "round" if rounds else "error"}
    with mock.patch.object(copy_format, "csv_of", side_effect=AssertionError("went as text")):
        sent = written(connection, declared, column, **config)
    with mock.patch.object(copy_format, "binary_types", return_value=None):
        assert sent == written(connection, declared, column, **config)
