"""Every column type of MySQL and MariaDB, with its extremes, through the binary protocol and back."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.mysql.protocol.adapter import stream_query
from pymysql.connections import Connection

from tests.integration.mysql.cases import NUMBERS, OTHERS, Date, Moment, cases_of, literal, own_cases_of
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = MYSQL_AND_MARIADB

PACKET = 0xFFFFFF


@pytest.fixture
def connection(mysql_database: Address) -> Iterator[Connection[Any]]:
    """A connection that lets in any date."""
    address = mysql_database
    opened = pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password.encode(),
        ssl_disabled=True,
        database=address.database,
        charset="utf8mb4",
        autocommit=True,
        sql_mode="ALLOW_INVALID_DATES",
        init_command="SET time_zone = '+00:00'",
    )
    yield opened
    if opened.open:
        opened.close()


@pytest.mark.parametrize(("declared", "kind", "values"), NUMBERS + OTHERS, ids=[case[0] for case in NUMBERS + OTHERS])
def test_every_type_comes_back_as_it_was_written(
    connection: Connection[Any], declared: str, kind: pa.DataType, values: Sequence[Any]
) -> None:
    comes_back_as_written(connection, declared, kind, values)


def test_every_type_that_only_one_server_has(connection: Connection[Any], mysql_family: MySQLFamilyServer) -> None:
    for declared, kind, values in own_cases_of(mysql_family):
        comes_back_as_written(connection, declared, kind, values)


def comes_back_as_written(connection: Connection[Any], declared: str, kind: pa.DataType, values: Sequence[Any]) -> None:
    written = [None, *values, None]
    fill(connection, declared, written)

    table = stream_query(connection, "SELECT v FROM t ORDER BY id").read_all()

    assert table.schema.equals(pa.schema([("v", kind)]))
    assert table["v"].to_pylist() == written
    table.validate(full=True)


def test_an_empty_table_has_the_same_types(connection: Connection[Any], mysql_family: MySQLFamilyServer) -> None:
    cases = cases_of(mysql_family)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t ({', '.join(f'c{i} {case[0]}' for i, case in enumerate(cases))})")

    table = stream_query(connection, "SELECT * FROM t").read_all()

    assert table.schema == pa.schema([(f"c{i}", case[1]) for i, case in enumerate(cases)])
    assert table.num_rows == 0


def test_all_types_at_once(connection: Connection[Any], mysql_family: MySQLFamilyServer) -> None:
    cases = cases_of(mysql_family)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t ({', '.join(f'c{i} {case[0]}' for i, case in enumerate(cases))})")
        rows = [
            [case[2][row % len(case[2])] if (row + i) % 3 else None for i, case in enumerate(cases)]
            for row in range(60)
        ]
        cursor.executemany(
            f"INSERT INTO t VALUES ({', '.join(['%s'] * len(cases))})", [[*map(literal, row)] for row in rows]
        )

    table = stream_query(connection, "SELECT * FROM t", batch_rows=7, batch_bytes=64).read_all()

    assert [list(row.values()) for row in table.to_pylist()] == rows


def test_geometry_is_bytes(connection: Connection[Any]) -> None:
    (point,) = stream_query(connection, "SELECT POINT(1, 2) AS p").read_all()["p"].to_pylist()

    assert point[:5] == b"\0\0\0\0\1"


def test_timestamps_have_the_zone_that_is_said(connection: Connection[Any]) -> None:
    fill(connection, "TIMESTAMP NULL", [Moment(2024, 1, 1)])

    table = stream_query(connection, "SELECT v FROM t", timestamp_zone="UTC").read_all()

    assert table["v"].to_pylist() == [Moment(2024, 1, 1, tzinfo=datetime.timezone.utc)]


@pytest.mark.parametrize("declared", ["DATE", "DATETIME", "DATETIME(6)", "TIMESTAMP NULL"])
def test_a_date_that_is_none_needs_text(connection: Connection[Any], declared: str) -> None:
    fill(connection, declared, ["2024-01-01", None, "0000-00-00"])

    with pytest.raises(ColumnNeedsTextError, match=r"Column v holds 0000-00-00.* in row 3 of the result") as caught:
        stream_query(connection, "SELECT v FROM t ORDER BY id").read_all()

    assert (caught.value.columns, caught.value.row) == (["v"], 3)
    assert not connection.open


def test_year_0_is_a_year(connection: Connection[Any]) -> None:
    fill(connection, "DATE", ["0000-01-01", "0000-12-31"])

    days = stream_query(connection, "SELECT v FROM t ORDER BY id").read_all()["v"]

    # Python's dates begin a year later.
    assert days.cast(pa.int32()).to_pylist() == [-719528, -719163]


def test_a_date_that_is_none_can_be_null(connection: Connection[Any]) -> None:
    fill(connection, "DATE", ["2024-02-29", None, "0000-00-00", "2024-00-00", "2024-02-00", "2024-02-31", "2023-02-29"])

    table = stream_query(connection, "SELECT v FROM t ORDER BY id", lenient=True).read_all()

    assert table["v"].to_pylist() == [Date(2024, 2, 29), None, None, None, None, None, None]


@pytest.mark.parametrize(
    ("declared", "tail"), [("DATE", ""), ("DATETIME", " 00:00:00"), ("DATETIME(2)", " 00:00:00.00")]
)
def test_dates_as_text_look_as_on_the_server(connection: Connection[Any], declared: str, tail: str) -> None:
    days = ["0000-00-00", "2024-00-00", "2024-02-00", "2024-02-31", "9999-12-31", "0001-01-01"]
    fill(connection, declared, [*days, None])

    table = stream_query(connection, "SELECT v FROM t ORDER BY id", text_columns=["v"]).read_all()

    assert table.schema.field("v").type == pa.string()
    assert table["v"].to_pylist() == [day + tail for day in days] + [None]


def test_text_of_a_time_of_day_with_fraction(connection: Connection[Any]) -> None:
    fill(connection, "DATETIME(4)", ["2024-02-31 23:59:58.9876"])

    table = stream_query(connection, "SELECT v FROM t", text_columns=["v"]).read_all()

    assert table["v"].to_pylist() == ["2024-02-31 23:59:58.9876"]


def test_rows_about_as_long_as_a_packet_and_longer(mysql_family: MySQLFamilyServer) -> None:
    """A packet holds 16 MiB at the most; what is longer goes on in the next one, also in one that is empty."""
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_allowed_packet")
        (default,) = cursor.fetchone() or (0,)
        cursor.execute("SET GLOBAL max_allowed_packet = 100000000")
        try:
            with closing(mysql_family.connect()) as roomy:
                check_long_rows(roomy)
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = %s", (default,))


def check_long_rows(connection: Connection[Any]) -> None:
    # A row is a zero byte, a bitmap of one byte, a length of four bytes (nine from 16 MiB on) and the text.
    sizes = [3, *range(PACKET - 8, PACKET + 3), 7, 2 * PACKET - 11, 9, 40_000_000, 1]
    selects = [f"SELECT REPEAT('{chr(97 + i)}', {size}) AS v" for i, size in enumerate(sizes)]

    for query in (" UNION ALL ".join(selects), selects[3]):
        rows = [value for batch in stream_query(connection, query) for value in batch["v"].to_pylist()]
        assert [len(row) for row in rows] == (sizes if query != selects[3] else [sizes[3]])
        assert all(row == row[0] * len(row) for row in rows)
    assert connection.open


def fill(connection: Connection[Any], declared: str, values: Sequence[Any]) -> None:
    """Create table t with a column v of a type and these values."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS t")
        cursor.execute(f"CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v {declared})")
        for value in values:
            cursor.execute("INSERT INTO t (v) VALUES (%s)", (literal(value),))
