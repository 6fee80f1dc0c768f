"""Streaming a query's result from a real server: what happens to the connection, whatever happens to the result."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.mysql.protocol.adapter import NotPreparableError, QueryResult, stream_query
from pymysql.connections import Connection
from pymysql.constants import ER

from tests.integration.mysql.cases import numbers
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = MYSQL_AND_MARIADB

AT_ONCE_AND_LATER = [
    "SELECT n FROM (SELECT 1 AS n) t WHERE n = (SELECT 1 UNION ALL SELECT 2)",
    "SELECT (SELECT 1 UNION ALL SELECT 2) AS n",
]
"""Statements that are prepared and then fail: before the result begins, and in it."""
MANY = f"SELECT seq, REPEAT('x', 200) AS pad FROM {numbers(300_000)}"


def connect(address: Address, **options: Any) -> Connection[Any]:
    return pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password.encode(),
        ssl_disabled=True,
        database=address.database,
        **options,
    )


@pytest.fixture
def connection(mysql_database: Address) -> Iterator[Connection[Any]]:
    opened = connect(mysql_database, charset="utf8mb4")
    yield opened
    if opened.open:
        opened.close()


def one(connection: Connection[Any], query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return (cursor.fetchone() or (None,))[-1]


def left_prepared(connection: Connection[Any]) -> int:
    """Return how many statements of this session are still prepared."""
    counts = [int(one(connection, f"SHOW SESSION STATUS LIKE 'Com_stmt_{what}'")) for what in ("prepare", "close")]
    return counts[0] - counts[1]


def test_a_connection_can_be_used_again_after_each_result(connection: Connection[Any]) -> None:
    for number in range(3):
        assert stream_query(connection, "SELECT %s AS n", (number,)).read_all()["n"].to_pylist() == [number]
        assert one(connection, "SELECT 'again'") == "again"

    assert left_prepared(connection) == 0


def test_batches_are_bounded_in_rows_and_bytes(connection: Connection[Any]) -> None:
    batches = list(QueryResult(connection, MANY, batch_rows=1000))

    assert {len(batch) for batch in batches} == {1000}
    assert sum(map(len, batches)) == 300_000
    small = list(QueryResult(connection, MANY, batch_bytes=100_000))
    assert max(batch.nbytes for batch in small) < 110_000
    assert pa.Table.from_batches(small)["seq"].to_pylist() == list(range(1, 300_001))


@pytest.mark.parametrize("read", [0, 1])
def test_a_result_that_is_left_unread_closes_its_connection(connection: Connection[Any], read: int) -> None:
    with QueryResult(connection, MANY) as result:
        for _ in range(read):
            next(result)

    assert not connection.open


def test_a_reader_that_is_forgotten_closes_its_connection(connection: Connection[Any]) -> None:
    reader = stream_query(connection, MANY)
    reader.read_next_batch()
    del reader
    gc.collect()

    assert not connection.open


def test_a_result_that_was_read_leaves_its_connection_open(connection: Connection[Any]) -> None:
    with QueryResult(connection, "SELECT 1 AS a") as result:
        assert [batch.to_pydict() for batch in result] == [{"a": [1]}]
        assert list(result) == []

    del result
    gc.collect()
    assert one(connection, "SELECT 2") == 2


def test_an_error_after_some_rows_is_the_servers_and_leaves_the_connection_open(connection: Connection[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t AS SELECT seq AS n FROM {numbers(50_000)}")
        cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES'")
    # The last row makes the subquery return two.
    query = f"SELECT n, (SELECT seq FROM {numbers(2)} WHERE t.n = 50000 OR seq = 1) AS m FROM t"

    read: list[int] = []
    with pytest.raises(pymysql.OperationalError) as caught:
        read.extend(map(len, QueryResult(connection, query, batch_rows=1000)))

    assert caught.value.args[0] == ER.SUBQUERY_NO_1_ROW
    assert sum(read) >= 40_000
    assert left_prepared(connection) == 0


def test_an_error_before_the_first_row(connection: Connection[Any]) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        stream_query(connection, f"SELECT (SELECT seq FROM {numbers(2)})").read_all()

    assert caught.value.args[0] == ER.SUBQUERY_NO_1_ROW
    assert left_prepared(connection) == 0


def test_a_server_that_ends_the_connection_is_an_error(
    mysql_family: MySQLFamilyServer, connection: Connection[Any]
) -> None:
    session = one(connection, "SELECT CONNECTION_ID()")
    result = QueryResult(connection, f"SELECT seq, REPEAT('x', 2000) AS pad FROM {numbers(300_000)}")
    read = [len(next(result))]
    with closing(mysql_family.connect()) as admin, admin.cursor() as cursor:
        cursor.execute(f"KILL {session}")

    with pytest.raises((EOFError, ConnectionError, pymysql.OperationalError)):
        read.extend(map(len, result))

    assert sum(read) < 300_000


def test_a_silent_server_is_an_error_after_the_read_timeout(mysql_database: Address) -> None:
    connection = connect(mysql_database, read_timeout=0.5)
    result = QueryResult(connection, f"SELECT seq, SLEEP(IF(seq = 20000, 600, 0)) AS s FROM {numbers(30_000)}")

    with pytest.raises(TimeoutError):
        list(result)

    assert not connection.open


@pytest.mark.parametrize(
    "query", ["SET @a = 1", "DELETE FROM t", "SELECT 1 WHERE ?", "CALL p()", "CREATE TABLE u (a INT)", "DO 1"]
)
def test_what_cannot_be_prepared_is_not_executed(connection: Connection[Any], query: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t AS SELECT 1 AS a")
        cursor.execute("CREATE PROCEDURE p() BEGIN DELETE FROM t; SELECT 1; END")

    with pytest.raises(NotPreparableError):
        stream_query(connection, query)

    assert one(connection, "SELECT COUNT(*) FROM t") == 1
    assert left_prepared(connection) == 0


@pytest.mark.parametrize("fails", AT_ONCE_AND_LATER, ids=["at once", "later"])
def test_a_statement_whose_execution_fails_is_forgotten(
    mysql_family: MySQLFamilyServer, connection: Connection[Any], fails: str
) -> None:
    with closing(mysql_family.connect()) as admin:
        before = held(admin)
        for _ in range(3):
            with pytest.raises(pymysql.Error) as raised:
                stream_query(connection, fails).read_all()
            assert raised.value.args[0] == ER.SUBQUERY_NO_1_ROW

        assert one(connection, "SELECT 'again'") == "again"
        assert held(admin) == before


def held(connection: Connection[Any]) -> int:
    """Return how many statements the server holds prepared, of all sessions."""
    return int(one(connection, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"))


def test_a_server_that_prepares_nothing(mysql_family: MySQLFamilyServer, connection: Connection[Any]) -> None:
    with closing(mysql_family.connect()) as admin, admin.cursor() as cursor:
        cursor.execute("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            with pytest.raises(NotPreparableError):
                stream_query(connection, "SELECT 1")
        finally:
            cursor.execute("SET GLOBAL max_prepared_stmt_count = DEFAULT")

    assert one(connection, "SELECT 1") == 1


@pytest.mark.parametrize(("query", "code"), [("SELEC", 1064), ("SELECT * FROM nope", 1146), ("SELECT nope", 1054)])
def test_a_query_that_the_server_refuses(connection: Connection[Any], query: str, code: int) -> None:
    with pytest.raises(pymysql.Error) as caught:
        stream_query(connection, query)

    assert caught.value.args[0] == code
    assert one(connection, "SELECT 1") == 1


def test_names(connection: Connection[Any]) -> None:
    query = "SELECT 1 AS id, 2 AS id, 3 AS id_2, 4 AS id, '' , 5 AS `ž x`"

    assert stream_query(connection, query).schema.names == ["id", "id_3", "id_2", "id_4", "column_5", "ž x"]


def test_many_columns(connection: Connection[Any]) -> None:
    query = f"SELECT {', '.join(f'NULLIF({n}, {n // 2 * 2}) AS c{n}' for n in range(1000))}"

    (row,) = stream_query(connection, query).read_all().to_pylist()

    assert list(row.values()) == [n if n % 2 else None for n in range(1000)]


def test_no_rows(connection: Connection[Any]) -> None:
    table = stream_query(connection, "SELECT 1 AS a, 'x' AS b FROM DUAL WHERE FALSE").read_all()

    assert (table.num_rows, table.schema.names) == (0, ["a", "b"])


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "cp1250", "gbk"])
def test_text_of_a_connection_with_another_charset(mysql_database: Address, charset: str) -> None:
    with closing(connect(mysql_database, charset=charset)) as connection:
        table = stream_query(connection, "SELECT CONVERT(X'C3BC' USING utf8mb4) AS v UNION ALL SELECT NULL").read_all()

    assert table["v"].to_pylist() == ["ü", None]


def test_parameters_and_percent_signs(connection: Connection[Any]) -> None:
    assert stream_query(connection, "SELECT '100%' AS v").read_all()["v"].to_pylist() == ["100%"]
    query = "SELECT %(text)s AS v, '100%%' AS w"
    assert stream_query(connection, query, {"text": "it's ž"}).read_all().to_pylist() == [{"v": "it's ž", "w": "100%"}]
