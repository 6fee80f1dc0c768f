"""Every PostgreSQL type and its extremes, read from a real server through COPY and through a cursor."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.incremental.ordering import kind_of
from osiris_provider.drivers.postgres import arrow_types
from osiris_provider.drivers.postgres.copy_out.stream import Engine, stream_query
from osiris_provider.errors import DriverConfigError
from psycopg2 import extensions

from tests.integration.postgres.sessions import ENGINES, connect, run, session_state
from tests.servers import Address, PostgresServer

US = pa.timestamp("us")
UTC = pa.timestamp("us", tz="UTC")
TEXT = pa.string()

TEXTS = ["", "\n", "\r\n", "\t", "\\", "\\N", "\\.", '"', "''", ",", "🦆é", "\ufeff", "\x01\x7f\x0b\x0c\x08", "NULL"]
# SQL type, SQL literals, Arrow type, values.
TYPES: list[tuple[str, list[str], pa.DataType, list[Any]]] = [
    ("smallint", ["-32768", "32767"], pa.int16(), [-32768, 32767]),
    ("integer", ["-2147483648", "2147483647"], pa.int32(), [-(2**31), 2**31 - 1]),
    ("bigint", ["-9223372036854775808", "9223372036854775807"], pa.int64(), [-(2**63), 2**63 - 1]),
    ("oid", ["0", "4294967295"], pa.int64(), [0, 2**32 - 1]),
    ("numeric(12,2)", ["-9999999999.99", "0"], pa.decimal128(12, 2), [Decimal("-9999999999.99"), Decimal("0.00")]),
    ("numeric(38,38)", ["0." + "9" * 38], pa.decimal128(38, 38), [Decimal("0." + "9" * 38)]),
    ("numeric(39,0)", ["9" * 39, "-" + "9" * 39], pa.decimal256(39, 0), [Decimal("9" * 39), Decimal("-" + "9" * 39)]),
    ("numeric(76,30)", ["9" * 46 + "." + "9" * 30], pa.decimal256(76, 30), [Decimal("9" * 46 + "." + "9" * 30)]),
    ("numeric(77,1)", ["1.5"], TEXT, ["1.5"]),
    ("numeric(5,-2)", ["-1234567", "49"], pa.decimal128(7, 0), [Decimal(-1234600), Decimal(0)]),
    ("numeric(3,5)", ["0.00123"], pa.decimal128(5, 5), [Decimal("0.00123")]),
    ("numeric(5,2)", ["NaN", "1.5"], TEXT, ["NaN", "1.50"]),
    ("numeric(50,2)", ["NaN", "1.5"], TEXT, ["NaN", "1.50"]),
    ("numeric", ["NaN", "Infinity", "-Infinity", "1.10", "1e-400"], TEXT,
     ["NaN", "Infinity", "-Infinity", "1.10", "0." + "0" * 399 + "1"]),
    ("boolean", ["true", "false"], pa.bool_(), [True, False]),
    ("date", ["0001-01-01", "9999-12-31"], pa.date32(), [date.min, date.max]),
    ("date", ["infinity", "2024-02-29"], TEXT, ["infinity", "2024-02-29"]),
    ("timestamp", ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 12:00:00.5"], US,
     [datetime.min, datetime.max, datetime(2024, 2, 29, 12, 0, 0, 500_000)]),  # noqa: DTZ001, DTZ901 - without zone
    ("timestamp(3)", ["2024-02-29 12:00:00.1234"], US, [datetime(2024, 2, 29, 12, 0, 0, 123_000)]),  # noqa: DTZ001 - the same
    ("timestamp", ["-infinity", "2024-02-29 12:00:00"], TEXT, ["-infinity", "2024-02-29 12:00:00"]),
    ("timestamptz", ["2024-02-29 12:00:00.000001+05:30", "1900-01-01 00:00:00+00"], UTC,
     [datetime(2024, 2, 29, 6, 30, 0, 1, timezone.utc), datetime(1900, 1, 1, tzinfo=timezone.utc)]),
    ("time", ["00:00:00", "23:59:59.999999"], pa.time64("us"), [time.min, time.max]),
    ("time", ["24:00:00"], TEXT, ["24:00:00"]),
    ("timetz", ["23:59:59.999999+15:59", "24:00:00-00:01"], TEXT, ["23:59:59.999999+15:59", "24:00:00-00:01"]),
    ("interval", ["1 year -2 mons 3 days -04:05:06.789", "0"], TEXT, ["P10M3DT-4H-5M-6.789S", "PT0S"]),
    ("bytea", ["\\x", "\\x00ff5c6e0a", "\\\\"], pa.binary(), [b"", b"\x00\xff\x5c\x6e\x0a", b"\\"]),
    ("text", TEXTS, TEXT, TEXTS),
    ("varchar(3)", ["abc", ""], TEXT, ["abc", ""]),
    ("char(3)", ["a"], TEXT, ["a  "]),
    ('"char"', ["a", "\\"], TEXT, ["a", "\\"]),
    ("name", ["a"], TEXT, ["a"]),
    ("uuid", ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"], TEXT, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("json", ['{"a": "\\n\\"", "b":1.0}'], TEXT, ['{"a": "\\n\\"", "b":1.0}']),
    ("jsonb", ['{"b":1.00, "a": "\\\\"}'], TEXT, ['{"a": "\\\\", "b": 1.00}']),
    ("xml", ["<a>&lt;</a>"], TEXT, ["<a>&lt;</a>"]),
    ("int[]", ["{1,NULL,-3}", "{}", "{{1},{2}}"], TEXT, ["{1,NULL,-3}", "{}", "{{1},{2}}"]),
    ("text[]", ['{"a\\"b",NULL,"NULL",""}'], TEXT, ['{"a\\"b",NULL,"NULL",""}']),
    ("int4range", ["[1,5]", "empty"], TEXT, ["[1,6)", "empty"]),
    ("tsrange", ["[2024-01-01,)"], TEXT, ['["2024-01-01 00:00:00",)']),
    ("int4multirange", ["{[1,2],[5,6]}"], TEXT, ["{[1,3),[5,7)}"]),
    ("inet", ["192.168.0.1/24", "::1"], TEXT, ["192.168.0.1/24", "::1"]),
    ("cidr", ["10.0.0.0/8"], TEXT, ["10.0.0.0/8"]),
    ("macaddr", ["08:00:2b:01:02:03"], TEXT, ["08:00:2b:01:02:03"]),
    ("money", ["-92233720368547758.08"], TEXT, ["-$92,233,720,368,547,758.08"]),
    ("bit(3)", ["101"], TEXT, ["101"]),
    ("varbit", ["", "0"], TEXT, ["", "0"]),
    ("tsvector", ["a b:1"], TEXT, ["'a' 'b':1"]),
    ("point", ["(1,-2.5)"], TEXT, ["(1,-2.5)"]),
    ("pg_lsn", ["16/B374D848"], TEXT, ["16/B374D848"]),
    ("mood", ["so, so", "ok"], TEXT, ["so, so", "ok"]),
    ("pair", ['(1,"a,b")'], TEXT, ['(1,"a,b")']),
    ("macaddr8", ["08:00:2b:01:02:03:04:05"], TEXT, ["08:00:2b:01:02:03:04:05"]),
    ("daterange[]", ['{"[2024-01-01,)"}'], TEXT, ['{"[2024-01-01,)"}']),
    ("timestamptz", ["infinity", "2024-02-29 12:00:00+00"], TEXT, ["infinity", "2024-02-29 12:00:00+00"]),
    ("timestamp", ["294276-12-31 23:59:59.999999", "0044-03-15 12:00:00 BC"], TEXT,
     ["294276-12-31 23:59:59.999999", "0044-03-15 12:00:00 BC"]),
    ("date", ["-infinity", "4713-01-01 BC", "5874897-12-31"], TEXT, ["-infinity", "4713-01-01 BC", "5874897-12-31"]),
    ("cents", ["NaN"], TEXT, ["NaN"]),
    ("cents", ["12.34"], pa.decimal128(8, 2), [Decimal("12.34")]),
    ("birthday", ["2024-02-29"], pa.date32(), [date(2024, 2, 29)]),
]  # fmt: skip


@pytest.fixture
def connection(postgres_database: Address) -> Iterator[extensions.connection]:
    with closing(connect(postgres_database)) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TYPE mood AS ENUM ('so, so', 'ok'); CREATE TYPE pair AS (a int, b text)")
            cursor.execute("CREATE DOMAIN cents AS numeric(8, 2); CREATE DOMAIN birthday AS date")
        yield connection


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("sql", "literals", "arrow", "values"), TYPES)
def test_every_type_keeps_its_values(
    connection: extensions.connection, engine: Engine, sql: str, literals: list[str], arrow: pa.DataType, values: Any
) -> None:
    run(connection, "SET timezone = 'UTC'")
    run(connection, f"CREATE TABLE t (n serial, before text DEFAULT 'b', v {sql}, after int DEFAULT 7)")
    for literal in [*literals, None]:
        run(connection, "INSERT INTO t (v) VALUES (%s)", literal)
    query = "SELECT before, v, after FROM t ORDER BY n"
    table = read_with_text(connection, query, engine)
    assert table.schema == pa.schema([("before", TEXT), ("v", arrow), ("after", pa.int32())])
    assert table.column("v").to_pylist() == [*values, None]
    assert table.column("before").unique().to_pylist() == ["b"]
    assert table.column("after").unique().to_pylist() == [7]
    pq.write_table(table, file := pa.BufferOutputStream())
    assert pq.read_table(pa.BufferReader(file.getvalue())).equals(table)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("sql", "letter"), [("real", "f"), ("double precision", "d")])
def test_floats_keep_every_bit(connection: extensions.connection, engine: Engine, sql: str, letter: str) -> None:
    exponent = 23 if letter == "f" else 52
    largest = (2 - 2.0**-exponent) * 2.0 ** (127 if letter == "f" else 1023)
    tiny = 2.0 ** (-149 if letter == "f" else -1074)
    values = [0.1, -0.0, 1 / 3, largest, -largest, tiny, float("inf"), float("-inf"), float("nan"), 1e22, 5e-5]
    values = [struct.unpack(letter, struct.pack(letter, value))[0] for value in values]
    run(connection, "ALTER ROLE CURRENT_USER SET extra_float_digits = 0")
    run(connection, f"CREATE TABLE t AS SELECT n, v::{sql} FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, n)",
        [repr(value) for value in values])  # fmt: skip
    read = stream_query(connection, "SELECT v FROM t ORDER BY n", engine=engine).read_all().column("v").to_pylist()
    assert [struct.pack(letter, value) for value in read] == [struct.pack(letter, value) for value in values]
    run(connection, "ALTER ROLE CURRENT_USER RESET extra_float_digits")


@pytest.mark.parametrize("engine", ENGINES)
def test_dates_beyond_those_of_python_are_exact(connection: extensions.connection, engine: Engine) -> None:
    query = """
        SELECT d, d - date '1970-01-01' AS days
        FROM (VALUES (date '4713-01-01 BC'), ('0044-03-15 BC'), ('5874897-12-31')) AS v (d)
    """
    table = stream_query(connection, query, engine=engine).read_all()
    assert table.column("d").type == pa.date32()
    assert table.column("d").cast(pa.int32()).to_pylist() == table.column("days").to_pylist()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Prague", "Asia/Kathmandu", "America/St_Johns"])
def test_timestamps_of_all_times_and_zones_are_exact(
    connection: extensions.connection, engine: Engine, zone: str
) -> None:
    run(connection, f"SET timezone = '{zone}'")
    query = """
        SELECT t, t AT TIME ZONE 'UTC' AS w, (extract(epoch FROM t) * 1000000)::bigint AS us
        FROM (VALUES (timestamptz '4713-02-01 00:00:00+00 BC'), ('0001-12-31 23:59:59.999999+00 BC'),
                     ('1850-01-01 00:00:00+00'), ('2024-07-01 00:00:00.000001+00'), ('10000-01-01 00:00:00+00'),
                     ('294246-12-31 23:59:59.999999+00')) AS v (t)
    """
    table = stream_query(connection, query, engine=engine).read_all()
    assert table.schema.types[:2] == [UTC, US]
    for name in ("t", "w"):
        assert table.column(name).cast(pa.int64()).to_pylist() == table.column("us").to_pylist()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_special_value_is_an_error_that_names_column_and_row(
    connection: extensions.connection, postgres: PostgresServer, engine: Engine
) -> None:
    query = "SELECT i, CASE WHEN i = 3 THEN 'infinity' ELSE now() END::timestamp AS at FROM generate_series(1, 5) AS i"
    reader = stream_query(connection, query, engine=engine)
    assert reader.schema.field("at").type == US
    with pytest.raises(ColumnNeedsTextError, match=r"Column at holds infinity in row 3 of the result") as raised:
        reader.read_all()
    assert (raised.value.columns, raised.value.row) == (["at"], 3)
    assert session_state(postgres, connection) == ("idle",)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_special_value_is_null_if_wished(connection: extensions.connection, engine: Engine) -> None:
    query = "SELECT unnest(ARRAY['NaN', 1.5]::numeric(3, 1)[])::numeric(3, 1) AS n"
    table = stream_query(connection, query, engine=engine, lenient=True).read_all()
    assert table.schema.types == [pa.decimal128(3, 1)]
    assert table.column("n").to_pylist() == [None, Decimal("1.5")]


@pytest.mark.parametrize("engine", ENGINES)
def test_types_of_extensions(connection: extensions.connection, postgres: PostgresServer, engine: Engine) -> None:
    with closing(postgres.connect(connection.info.dbname)) as admin, admin.cursor() as cursor:
        cursor.execute("CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree")
    query = """SELECT 'a=>NULL, "b\tc"=>"\\"d"'::hstore AS h, 'Ä\nß'::citext AS c, 'Top.Sub'::ltree AS l"""
    row = {"h": '"a"=>NULL, "b\tc"=>"\\"d"', "c": "Ä\nß", "l": "Top.Sub"}
    assert stream_query(connection, query, engine=engine).read_all().to_pylist() == [row]


@pytest.mark.parametrize("engine", ENGINES)
def test_any_column_can_be_read_as_text(connection: extensions.connection, engine: Engine) -> None:
    query = r"SELECT 1 AS i, true AS b, bytea '\x00ff' AS y, 1.50::numeric(3, 2) AS n, E'a\tb\\c' AS s"
    table = stream_query(connection, query, engine=engine, text_columns=["i", "b", "y", "n", "s"]).read_all()
    assert table.to_pylist() == [{"i": "1", "b": "t", "y": "\\x00ff", "n": "1.50", "s": "a\tb\\c"}]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_columns_of_a_batch_that_need_text_are_named(connection: extensions.connection, engine: Engine) -> None:
    query = "SELECT date 'infinity' AS a, 1 AS b, 'NaN'::numeric(3, 1) AS c, now() AS d"
    with pytest.raises(ColumnNeedsTextError) as raised:
        stream_query(connection, query, engine=engine).read_all()
    assert raised.value.columns == ["a", "c"]


def test_types_have_the_numbers_that_the_server_gives_them(connection: extensions.connection) -> None:
    constants = {name: oid for name, oid in vars(arrow_types).items() if type(oid) is int and name[0] != "_"}
    numbers = {name.lower(): oid for name, oid in constants.items() if name != "MAX_DIGITS"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT typname, oid::int FROM pg_type WHERE typname = ANY(%s)", (list(numbers),))
        assert numbers == dict(cursor.fetchall())


ORDERS = {
    "number": ["int2", "int4", "int8", "oid", "float4", "float8", "numeric"],
    "time": ["date", "timestamp", "timestamptz"],
    "": ["text", "varchar", "bpchar", '"char"', "name", "uuid", "time"],
    "none": ["bool", "bytea", "json", "jsonb", "interval", "timetz", "int[]", "inet", "money", "mood"],
}
"""In which order PostgreSQL puts values that are read as text; empty: that of the texts."""


def test_texts_say_in_which_order_their_values_stand(connection: extensions.connection) -> None:
    kinds = {f"c{number}": kind for number, kind in enumerate(kind for kind, names in ORDERS.items() for _ in names)}
    types = zip(kinds, [name for names in ORDERS.values() for name in names], strict=True)
    query = f"SELECT {', '.join(f'NULL::{dtype} AS {name}' for name, dtype in types)}"
    schema = stream_query(connection, query, text_columns=kinds).schema
    assert {field.name: kind_of(field) for field in schema} == kinds


def test_text_columns_must_be_there(connection: extensions.connection) -> None:
    with pytest.raises(DriverConfigError, match=r"no column amuont\. Did you mean 'amount'"):
        stream_query(connection, "SELECT 1 AS amount", text_columns=["amuont"])


def read_with_text(connection: extensions.connection, query: str, engine: Engine) -> pa.Table:
    """Read a query, with columns as text that need it."""
    try:
        return stream_query(connection, query, engine=engine).read_all()
    except ColumnNeedsTextError as error:
        names = error.columns
    return stream_query(connection, query, engine=engine, text_columns=names).read_all()
