"""mysql.extractor with partition_on: the same rows, over several connections, from one snapshot."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.sql.partition import Bound, split_points
from osiris_provider.errors import DataError, DriverConfigError, UnknownConnectorError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.cases import numbers
from tests.servers import Address, MySQLFamilyServer
from tests.servers.airflow.rest import until
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = MYSQL_AND_MARIADB

ENGINES = ["binary", "cursor"]
FIRST = dt.datetime(1, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture
def server(mysql_database: Address, mysql_family: MySQLFamilyServer) -> Iterator[Any]:
    """An administrator's cursor in the database."""
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(mysql_database.database)
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        yield cursor


@pytest.fixture
def connection(mysql_database: Address) -> dict[str, Any]:
    fields = {name: getattr(mysql_database, name) for name in ("host", "port", "user", "password", "database")}
    return {"family": "mysql", "alias": "test", **fields}


def reader(connection: dict[str, Any], **config: Any) -> pa.RecordBatchReader:
    given = {**config, "resolved_connection": connection}
    result = get_driver("mysql.extractor").run(step_id="read", config=given, inputs={}, ctx=RecordingContext())
    opened: pa.RecordBatchReader = result["data"]
    return opened


def read(connection: dict[str, Any], **config: Any) -> pa.Table:
    try:
        return reader(connection, **config).read_all()
    finally:
        close_all()


def rows(table: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in table.to_pylist())


COLUMNS = [
    ("INT", ["-2147483648", "-7", "0", "3", "2147483647", "NULL", "NULL"]),
    ("BIGINT UNSIGNED", ["0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "NULL"]),
    ("BIGINT", ["-9223372036854775808", "-1", "0", "9223372036854775807", "NULL"]),
    ("TINYINT", ["1", "2"]),
    ("YEAR", ["1901", "1969", "2000", "2155", "0"]),
    ("DATE", ["'0000-00-00'", "'2024-02-31'", "'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "NULL"]),
    ("DATETIME(6)", ["'0000-00-00'", "'1000-01-01'", "'9999-12-31 23:59:59.999999'", "'2024-01-01 00:00:00.000001'"]),
    ("TIMESTAMP NULL", ["'1970-01-01 12:00:01'", "'2024-07-01 12:00:00'", "'2038-01-18 03:14:07'", "NULL"]),
    ("INT", []),
    ("INT", ["NULL"]),
    ("INT", ["5"]),
    ("DATE", ["'0000-00-00'"]),
]


@pytest.mark.parametrize(("declared", "values"), COLUMNS)
def test_the_parts_are_the_whole(connection: dict[str, Any], server: Any, declared: str, values: list[str]) -> None:
    server.execute(f"CREATE TABLE t (`a%s``b` {declared}, n INT)")
    for number, value in enumerate(values * 3):
        server.execute(f"INSERT INTO t VALUES ({value}, {number})")

    for engine in ENGINES:
        common: dict[str, Any] = {"engine": engine, "text_columns": ["a%s`b"]}
        undivided = read(connection, table="t", **common)
        assert undivided.num_rows == 3 * len(values)
        # The years between 0 and 1901 in so many parts: MySQL takes 67 for 2067.
        partitions = 32 if declared == "YEAR" else 5
        parts = read(connection, table="t", partition_on="a%s`b", partitions=partitions, **common)
        assert parts.schema == undivided.schema
        assert rows(parts) == rows(undivided)


def test_the_parts_of_a_query_with_parameters(
    connection: dict[str, Any], server: Any, mysql_family: MySQLFamilyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.execute("CREATE TABLE t (`a%s``b` INT, n INT)")
    server.execute(f"INSERT INTO t SELECT IF(seq % 5, seq, NULL), seq % 2 FROM {numbers(100)}")
    caplog.set_level("INFO")
    admin = {**connection, "user": mysql_family.admin.user, "password": mysql_family.admin.password}
    query: dict[str, Any] = {"query": "SELECT * FROM t WHERE n = %s AND '%%' <> '' -- a comment", "params": [1]}

    undivided, parts = read(admin, **query), read(admin, **query, partition_on="a%s`b")

    assert rows(parts) == rows(undivided)
    assert undivided.num_rows == 50
    assert "4 partitions by a%s`b, from one snapshot" in caplog.text


@pytest.mark.parametrize("partitions", [2, 32])
def test_many_rows(connection: dict[str, Any], server: Any, partitions: int) -> None:
    server.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(50)) "
        f"SELECT seq AS id, REPEAT('x', seq % 50) AS pad FROM {numbers(100_000)}"
    )

    table = read(connection, table="t", columns=["pad", "id"], partition_on="id", partitions=partitions)

    assert sorted(table["id"].to_pylist()) == list(range(1, 100_001))
    assert all(len(row["pad"]) == row["id"] % 50 for row in table.to_pylist()[::97])


@pytest.mark.parametrize(("partitions", "rows_of_64_kb"), [(1, 32), (8, 16)])
def test_the_batches_of_all_parts_share_the_memory(
    connection: dict[str, Any], server: Any, partitions: int, rows_of_64_kb: int
) -> None:
    server.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, pad LONGTEXT) "
        f"SELECT seq AS id, REPEAT('x', 65000) AS pad FROM {numbers(160)}"
    )
    server.execute("CREATE TABLE narrow (id INT PRIMARY KEY)")
    server.execute(f"INSERT INTO narrow SELECT seq FROM {numbers(8000)}")
    config: dict[str, Any] = {"partition_on": "id", "partitions": partitions} if partitions > 1 else {}
    cases: list[tuple[str, int, dict[str, int]]] = [
        ("t", rows_of_64_kb, {}),
        ("narrow", 4000 // partitions, {"batch_rows": 4000}),
        ("narrow", max(1000 // partitions, 256), {"batch_rows": 1000}),
        # Never more than what is asked for.
        ("narrow", 100, {"batch_rows": 100}),
    ]
    for table, limit, given in cases:
        for engine in ("binary", "cursor") if given else ("binary",):
            sizes = [batch.num_rows for batch in reader(connection, table=table, engine=engine, **config, **given)]
            assert max(sizes) == limit, engine
        close_all()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_parts_are_one_snapshot(
    connection: dict[str, Any],
    server: Any,
    mysql_family: MySQLFamilyServer,
    engine: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A writer moves amounts from row to row all the time; their sum never changes."""
    server.execute(
        f"CREATE TABLE t (id INT PRIMARY KEY, amount INT) SELECT seq AS id, 100 AS amount FROM {numbers(2000)}"
    )
    stop = threading.Event()
    moved: list[int] = []

    def write() -> None:
        with closing(mysql_family.connect()) as writer, writer.cursor() as cursor:
            writer.select_db(connection["database"])
            while not stop.is_set():
                low, high = 1 + len(moved) % 1000, 2000 - len(moved) % 1000
                cursor.execute("BEGIN")
                cursor.execute("UPDATE t SET amount = amount - 1 WHERE id = %s", (low,))
                cursor.execute("UPDATE t SET amount = amount + 1 WHERE id = %s", (high,))
                cursor.execute("COMMIT")
                moved.append(low)

    thread = threading.Thread(target=write)
    thread.start()
    caplog.set_level("INFO")
    try:
        sums = [
            sum(read(connection, table="t", partition_on="id", engine=engine)["amount"].to_pylist()) for _ in range(15)
        ]
    finally:
        stop.set()
        thread.join()

    assert sums == [200_000] * 15
    assert len(moved) > 15
    assert "from one snapshot" in caplog.text
    assert "one connection" not in caplog.text


def test_what_may_not_be_locked_is_said(
    connection: dict[str, Any], server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a query it is not known which tables to lock; to lock all of them takes a right that the user has not."""
    server.execute(f"CREATE TABLE t (id INT) SELECT seq AS id FROM {numbers(100)}")

    table = read(connection, query="SELECT id FROM t", partition_on="id")

    assert table.num_rows == 100
    assert "over one connection, not in partitions by id: the database cannot be locked for a moment" in caplog.text


def test_all_tables_are_locked_for_a_query_if_that_is_allowed(
    connection: dict[str, Any], mysql_family: MySQLFamilyServer, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.execute(f"CREATE TABLE t (id INT) SELECT seq AS id FROM {numbers(100)}")
    caplog.set_level("INFO")
    admin = {**connection, "user": mysql_family.admin.user, "password": mysql_family.admin.password}

    table = read(admin, query="SELECT a.id FROM t AS a JOIN t AS b USING (id)", partition_on="id")

    assert table.num_rows == 100
    assert "4 partitions by id, from one snapshot" in caplog.text
    server.execute("INSERT INTO t VALUES (0)")


def test_tables_without_snapshots_are_said(
    connection: dict[str, Any], server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.execute(f"CREATE TABLE t (id INT) ENGINE=MyISAM SELECT seq AS id FROM {numbers(100)}")

    assert read(connection, table="t", partition_on="id").num_rows == 100
    assert "over one connection, not in partitions by id: the table's engine, MyISAM, has no snapshots" in caplog.text


def test_a_query_that_may_give_other_rows_each_time_is_not_split(
    connection: dict[str, Any], server: Any, mysql_family: MySQLFamilyServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.execute(f"CREATE TABLE t (id INT) SELECT seq AS id FROM {numbers(100)}")
    admin = {**connection, "user": mysql_family.admin.user, "password": mysql_family.admin.password}

    assert read(admin, query="SELECT id FROM t ORDER BY RAND() LIMIT 10", partition_on="id").num_rows == 10
    assert "a query with RAND may give other rows each time it runs" in caplog.text


def test_nothing_stays_locked_or_open(connection: dict[str, Any], server: Any) -> None:
    server.execute(f"CREATE TABLE t (id INT) SELECT seq AS id FROM {numbers(200_000)}")
    opened = reader(connection, table="t", partition_on="id", batch_rows=1000)
    opened.read_next_batch()
    server.execute("INSERT INTO t VALUES (1)")
    del opened
    close_all()

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("osiris-read")]
    server.execute("DROP TABLE t")
    until(lambda: sessions(server) == 1, "end of the other sessions", 10)


def sessions(server: Any) -> int:
    server.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()")
    return int(server.fetchone()[0])


def test_one_failing_part_ends_them_all(connection: dict[str, Any], server: Any) -> None:
    server.execute(f"CREATE TABLE t (id INT) SELECT seq AS id FROM {numbers(100_000)}")
    query = f"SELECT id, (SELECT seq FROM {numbers(2)} WHERE t.id = 99000 OR seq = 1) AS m FROM t"

    with pytest.raises((DataError, UnknownConnectorError), match="Step read") as raised:
        # Without close_all, which would close the client that is reused.
        reader(connection, query=query, partition_on="id").read_all()

    # The error is held, and with it all that its frames refer to.
    until(lambda: sessions(server) == 1, "end of the other sessions", 10)
    assert raised.value.__traceback__ is not None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("osiris-read")]


@pytest.mark.parametrize("declared", ["VARCHAR(9)", "DOUBLE", "BIT(3)", "TIME"])
def test_other_columns_are_refused(connection: dict[str, Any], server: Any, declared: str) -> None:
    server.execute(f"CREATE TABLE t (c {declared})")

    with pytest.raises(DriverConfigError, match="Step read: config field partition_on: column c has to be"):
        read(connection, table="t", partition_on="c")


def test_partitions_of_nothing_are_refused(connection: dict[str, Any]) -> None:
    with pytest.raises(DriverConfigError, match="partitions belong to partition_on"):
        read(connection, table="t", partitions=3)


@pytest.mark.parametrize(
    ("low", "high", "parts", "points"),
    [
        (0, 100, 4, [25, 50, 75]),
        (-10, 10, 2, [0]),
        (0, 2**64 - 1, 2, [2**63 - 1]),
        (5, 5, 4, []),
        (5, 6, 4, []),
        (5, 7, 4, [6]),
        (dt.date(2024, 1, 1), dt.date(2024, 1, 31), 3, [dt.date(2024, 1, 11), dt.date(2024, 1, 21)]),
        (FIRST, FIRST.replace(microsecond=2), 2, [FIRST.replace(microsecond=1)]),
    ],
)
def test_split_points(low: Bound, high: Bound, parts: int, points: list[Bound]) -> None:
    assert split_points(low, high, parts) == points
