"""Streams of PostgreSQL queries on a real server: blocks, names, errors half-way, streams left half-way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import psycopg2
import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres.copy_out.stream import Engine, open_stream, stream_query
from osiris_provider.drivers.postgres.partitions import NotPartitionableError, export_snapshot, take_snapshot
from osiris_provider.drivers.postgres.session import Session
from osiris_provider.errors import DataError
from psycopg2 import extensions

from tests.integration.postgres.sessions import ENGINES, connect, run, session_state
from tests.servers import Address, PostgresServer

UTC = pa.timestamp("us", tz="UTC")


@pytest.fixture
def connection(postgres_database: Address) -> Iterator[extensions.connection]:
    with closing(connect(postgres_database)) as connection:
        yield connection


@pytest.mark.parametrize("engine", ENGINES)
def test_no_rows_still_have_types(connection: extensions.connection, engine: Engine) -> None:
    table = stream_query(connection, "SELECT 1 AS a, now() AS b WHERE false", engine=engine).read_all()
    assert (table.num_rows, table.schema.types) == (0, [pa.int32(), UTC])


@pytest.mark.parametrize("engine", ENGINES)
def test_no_columns(connection: extensions.connection, engine: Engine) -> None:
    assert stream_query(connection, "SELECT FROM generate_series(1, 3)", engine=engine).read_all().num_columns == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_named_twice(connection: extensions.connection, engine: Engine) -> None:
    query = "SELECT 1 AS id, 2 AS id, date '2024-01-01' AS id, 4 AS id_2"
    table = stream_query(connection, query, engine=engine).read_all()
    assert table.to_pylist() == [{"id": 1, "id_3": 2, "id_4": date(2024, 1, 1), "id_2": 4}]


@pytest.mark.parametrize("engine", ENGINES)
def test_parameters_comments_and_percent_signs(connection: extensions.connection, engine: Engine) -> None:
    with_values = stream_query(connection, "SELECT %(a)s AS a, '%%' AS p -- why", {"a": "it's \\ 🦆"}, engine=engine)
    assert with_values.read_all().to_pylist() == [{"a": "it's \\ 🦆", "p": "%"}]
    without = stream_query(connection, "SELECT 'a' LIKE '%' AS b; \n", engine=engine)
    assert without.read_all().to_pylist() == [{"b": True}]


WITHIN = "WITH n AS (INSERT INTO t VALUES (1, 'a') RETURNING *) SELECT * FROM n"


@pytest.mark.parametrize(
    "query", ["SHOW datestyle", "INSERT INTO t VALUES (1, 'a') RETURNING *", WITHIN, "EXPLAIN SELECT 1"]
)
def test_queries_that_cannot_be_copied_are_read_all_the_same(connection: extensions.connection, query: str) -> None:
    run(connection, "CREATE TABLE t (i int, s text)")
    table = stream_query(connection, query).read_all()
    assert table.num_rows > 0
    expected = [{"i": 1, "s": "a"}] if "INSERT" in query else []
    assert stream_query(connection, "SELECT * FROM t").read_all().to_pylist() == expected


@pytest.mark.parametrize("query", ["CREATE TABLE t (i int)", ";", "-- SELECT 1", "COPY (SELECT 1) TO STDOUT"])
def test_a_statement_without_a_result_is_an_error(
    connection: extensions.connection, postgres: PostgresServer, query: str
) -> None:
    with pytest.raises(DataError, match="gives no rows"):
        stream_query(connection, query)
    assert session_state(postgres, connection) == ("idle",)


def test_many_blocks_hold_every_row_once(connection: extensions.connection) -> None:
    query = "SELECT i, repeat('x', i % 700) || E'\\n\\\\' AS s FROM generate_series(1, 20000) AS i"
    # On Python 3.10 each block costs a search through all objects of this process, by pyarrow (bpo-42248).
    batches = list(open_stream(connection, query, block_bytes=40_000))
    assert len(batches) > 100
    table = pa.Table.from_batches(batches)
    assert table.column("i").to_pylist() == list(range(1, 20_001))
    assert table.column("s").to_pylist() == ["x" * (i % 700) + "\n\\" for i in range(1, 20_001)]


def test_a_row_larger_than_a_block(connection: extensions.connection) -> None:
    query = "SELECT i, repeat('ab', 3000000) AS s FROM generate_series(1, 3) AS i"
    table = stream_query(connection, query, block_bytes=1_000_000).read_all()
    assert table.column("s").to_pylist() == ["ab" * 3_000_000] * 3


@pytest.mark.parametrize("engine", ENGINES)
def test_a_statement_timeout_keeps_its_code(
    connection: extensions.connection, postgres: PostgresServer, engine: Engine
) -> None:
    run(connection, "SET statement_timeout = '300ms'")
    query = "SELECT i, pg_sleep(CASE WHEN i > 5000 THEN 60 ELSE 0 END)::text FROM generate_series(1, 9000) AS i"
    with pytest.raises(psycopg2.errors.QueryCanceled) as raised:
        stream_query(connection, query, engine=engine).read_all()
    assert raised.value.pgcode == "57014"
    assert session_state(postgres, connection) == ("idle",)


@pytest.mark.parametrize("text", [r"convert_from('\xff', 'UTF8')", r"convert_from('\x81', 'WIN1252')"])
@pytest.mark.parametrize(("engine", "rows"), [("copy", "row 20,000"), ("cursor", "rows 16,385 to 24,576")])
def test_a_text_that_has_no_utf8_is_an_error_of_its_row(
    connection: extensions.connection, engine: Engine, rows: str, text: str
) -> None:
    query = f"SELECT CASE WHEN i = 20000 THEN {text} ELSE 'a' END FROM generate_series(1, 30000) AS i"
    with pytest.raises(DataError, match=f"The server cannot give a text in {rows} of the result as UTF-8") as raised:
        stream_query(connection, query, engine=engine).read_all()
    assert raised.value.row == (20_000 if engine == "copy" else 16_385)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_connection_that_drops_half_way_is_an_error(
    connection: extensions.connection, postgres: PostgresServer, engine: Engine
) -> None:
    reader = stream_query(connection, "SELECT generate_series(1, 1000000) AS i, repeat('x', 1000) AS s", engine=engine)
    reader.read_next_batch()
    with closing(postgres.connect()) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(psycopg2.Error):
        reader.read_all()


def test_a_wrong_query_raises_at_once_and_leaves_no_transaction(
    connection: extensions.connection, postgres: PostgresServer
) -> None:
    with pytest.raises(psycopg2.errors.UndefinedTable):
        stream_query(connection, "SELECT * FROM missing")
    with pytest.raises(psycopg2.errors.SyntaxError):
        stream_query(connection, "SELEKT 1")
    assert session_state(postgres, connection) == ("idle",)


def test_a_snapshot_that_the_server_does_not_know_is_no_reason_to_fail(connection: extensions.connection) -> None:
    with pytest.raises(NotPartitionableError, match=r"the server cannot share a snapshot \(SQLSTATE"):
        take_snapshot(connection, "00000003-7FFFFFFF-1")
    connection.rollback()
    session = Session(connection)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        session.execute("SELECT 1 / 0")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        export_snapshot(session)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_left_half_way_leaves_the_server_idle(
    connection: extensions.connection, postgres: PostgresServer, engine: Engine, read: int
) -> None:
    stream = stream_query(connection, "SELECT generate_series(1, 100000000) AS i, repeat('x', 100) AS s", engine=engine)
    for _ in range(read):
        stream.read_next_batch()
    del stream
    assert session_state(postgres, connection) == ("idle",)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("osiris-copy", "osiris-parse"))]
    assert stream_query(connection, "SELECT 1 AS one").read_all().to_pylist() == [{"one": 1}]


def test_a_query_that_has_said_nothing_yet_can_be_left_too(
    connection: extensions.connection, postgres: PostgresServer
) -> None:
    with open_stream(connection, "SELECT pg_sleep(600)::text") as stream:
        timer = threading.Timer(0.5, connection.cancel)
        timer.start()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            next(stream)
        timer.join()
    assert session_state(postgres, connection) == ("idle",)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_transaction_of_the_caller_stays_open(
    connection: extensions.connection, postgres: PostgresServer, engine: Engine
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine AS SELECT 1 AS i")
    for _ in range(2):
        assert stream_query(connection, "SELECT * FROM mine", engine=engine).read_all().to_pylist() == [{"i": 1}]
    assert session_state(postgres, connection) == ("idle in transaction",)


@pytest.mark.parametrize("engine", ENGINES)
def test_settings_of_the_session_are_as_before(connection: extensions.connection, engine: Engine) -> None:
    run(connection, "SET datestyle = 'German'; SET intervalstyle = 'postgres_verbose'; SET bytea_output = 'escape'")
    query = "SELECT date '2024-02-29' AS d, bytea '\\x00' AS b, '03.02.2024'::date AS literal"
    (row,) = stream_query(connection, query, engine=engine).read_all().to_pylist()
    assert row == {"d": date(2024, 2, 29), "b": b"\0", "literal": date(2024, 2, 3)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT date '2024-02-29'::text, interval '1 day'::text, bytea '\\x00'::text")
        assert cursor.fetchone() == ("29.02.2024", "@ 1 day", "\\000")


def test_a_table_cannot_be_altered_while_it_is_read(
    connection: extensions.connection, postgres_database: Address
) -> None:
    run(connection, "CREATE TABLE t AS SELECT i FROM generate_series(1, 10) AS i")
    reader = stream_query(connection, "SELECT * FROM t")
    with closing(connect(postgres_database)) as other, pytest.raises(psycopg2.errors.LockNotAvailable):
        run(other, "SET lock_timeout = '100ms'; ALTER TABLE t ALTER i TYPE text")
    assert reader.read_all().num_rows == 10


@pytest.mark.parametrize(("read", "written"), [("all", 20_000), ("some", 0)])
def test_what_a_statement_writes_stays_once_its_rows_are_read(
    connection: extensions.connection, postgres: PostgresServer, read: str, written: int
) -> None:
    run(connection, "CREATE TABLE t (i int)")
    with open_stream(connection, "INSERT INTO t SELECT generate_series(1, 20000) RETURNING i") as stream:
        assert next(stream).num_rows == 8192
        rest = list(stream) if read == "all" else []
    assert {batch.num_rows for batch in rest} <= {8192, 20_000 - 2 * 8192}
    assert session_state(postgres, connection) == ("idle",)
    connection.rollback()
    assert stream_query(connection, "SELECT count(*) AS n FROM t").read_all().to_pylist() == [{"n": written}]
