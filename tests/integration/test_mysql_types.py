"""Every column type of MariaDB, with its extremes, through the binary protocol and back."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.mysql.binary import stream_query
from pymysql.connections import Connection

from tests.servers import Address, MariaDBServer

PACKET = 0xFFFFFF
TEXTS = [
    "",
    " ",
    "a",
    "quote ' double \" back\\slash",
    "line\nfeed\r\ttab",
    "nul\0nul",
    "NULL",
    "žluťoučký 😀 𝄞",
    "x" * 251,
]
TEXTS += ["y" * 255, "ž" * 32_768]
DAY = datetime.timedelta(days=1)
TIME_MAX = datetime.timedelta(hours=838, minutes=59, seconds=59)
Date, Moment = datetime.date, datetime.datetime


@pytest.fixture
def connection(mysql_database: Address) -> Iterator[Connection[Any]]:
    """A connection that lets in any date."""
    address = mysql_database
    opened = pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password.encode(),
        database=address.database,
        charset="utf8mb4",
        autocommit=True,
        sql_mode="ALLOW_INVALID_DATES",
        init_command="SET time_zone = '+00:00'",
    )
    yield opened
    if opened.open:
        opened.close()


def signed(bits: int) -> list[int]:
    return [-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1]


def literal(value: Any) -> Any:
    """Return what PyMySQL writes without a mistake; before 1.2 negative times are none of it."""
    if not isinstance(value, datetime.timedelta):
        return value
    hours, rest = divmod(abs(value), datetime.timedelta(hours=1))
    return f"{'-' if value < 0 * DAY else ''}{hours}:{str(rest).partition(':')[2]}"


def unsigned(bits: int) -> list[int]:
    return [0, 1, 2 ** (bits - 1), 2**bits - 1]


NUMBERS: list[tuple[str, pa.DataType, Sequence[Any]]] = [
    ("TINYINT", pa.int8(), signed(8)),
    ("TINYINT(1)", pa.int8(), signed(8)),
    ("BOOLEAN", pa.int8(), [0, 1, 2]),
    ("TINYINT UNSIGNED", pa.uint8(), unsigned(8)),
    ("SMALLINT", pa.int16(), signed(16)),
    ("SMALLINT UNSIGNED", pa.uint16(), unsigned(16)),
    ("MEDIUMINT", pa.int32(), signed(24)),
    ("MEDIUMINT UNSIGNED", pa.uint32(), unsigned(24)),
    ("INT", pa.int32(), signed(32)),
    ("INT UNSIGNED", pa.uint32(), unsigned(32)),
    ("INT(8) ZEROFILL", pa.uint32(), unsigned(32)),
    ("BIGINT", pa.int64(), signed(64)),
    ("BIGINT UNSIGNED", pa.uint64(), unsigned(64)),
    ("FLOAT", pa.float32(), [0.0, -0.5, 16777215.0, 16777216.0, 2.0**-149, 3.4028234663852886e38]),
    ("DOUBLE", pa.float64(), [0.0, 0.1, -1 / 3, 1.7976931348623157e308, 5e-324, 2.0**53 + 2]),
    ("DECIMAL(12,2)", pa.decimal128(12, 2), [Decimal(n) for n in ("0.00", "-9999999999.99", "9999999999.99", "0.01")]),
    ("DECIMAL(1,0)", pa.decimal128(1, 0), [Decimal(-9), Decimal(9)]),
    ("DECIMAL(5,5)", pa.decimal128(5, 5), [Decimal("-0.99999"), Decimal("0.00001")]),
    ("DECIMAL(10,3) UNSIGNED", pa.decimal128(10, 3), [Decimal("9999999.999"), Decimal("0.001")]),
    ("DECIMAL(10,3) ZEROFILL", pa.decimal128(10, 3), [Decimal("12.500"), Decimal("0.000")]),
    ("DECIMAL(38,10)", pa.decimal128(38, 10), [Decimal("9" * 28 + "." + "9" * 10), Decimal("-1E-10")]),
    ("DECIMAL(39,0)", pa.decimal256(39, 0), [Decimal("9" * 39), Decimal("-" + "9" * 39)]),
    ("DECIMAL(65,30)", pa.decimal256(65, 30), [Decimal(f"{sign}{'9' * 35}.{'9' * 30}") for sign in ("", "-")]),
    ("DECIMAL(65,0)", pa.decimal256(65, 0), [Decimal("9" * 65), Decimal(-1)]),
    ("YEAR", pa.int16(), [0, 1901, 2155]),
]
OTHERS: list[tuple[str, pa.DataType, Sequence[Any]]] = [
    ("BIT(1)", pa.uint64(), unsigned(1)),
    ("BIT(9)", pa.uint64(), unsigned(9)),
    ("BIT(64)", pa.uint64(), unsigned(64)),
    ("DATE", pa.date32(), [Date(1, 1, 1), Date(1582, 10, 10), Date(1970, 1, 1), Date(2024, 2, 29), Date(9999, 12, 31)]),
    (
        "DATETIME",
        pa.timestamp("us"),
        [Moment(1, 1, 1), Moment(1969, 12, 31, 23, 59, 59), Moment(9999, 12, 31, 23, 59, 59)],
    ),
    ("DATETIME(3)", pa.timestamp("us"), [Moment(2024, 2, 29, 12, 0, 0, 1000), Moment(1000, 1, 1, 0, 0, 0, 999000)]),
    ("DATETIME(6)", pa.timestamp("us"), [Moment(1, 1, 1, 0, 0, 0, 1), Moment(9999, 12, 31, 23, 59, 59, 999999)]),
    ("TIMESTAMP NULL", pa.timestamp("us"), [Moment(1970, 1, 1, 0, 0, 1), Moment(2038, 1, 19, 3, 14, 7)]),
    ("TIMESTAMP(6) NULL", pa.timestamp("us"), [Moment(2038, 1, 19, 3, 14, 7, 999999)]),
    ("TIME", pa.duration("us"), [-TIME_MAX, -datetime.timedelta(seconds=1), 0 * DAY, DAY, TIME_MAX]),
    (
        "TIME(6)",
        pa.duration("us"),
        [-TIME_MAX, datetime.timedelta(microseconds=-1), datetime.timedelta(microseconds=1)],
    ),
    ("CHAR(20)", pa.string(), ["", "a", "žluť 😀"]),
    ("VARCHAR(300)", pa.string(), TEXTS[:-1]),
    ("VARCHAR(20) CHARACTER SET latin1", pa.string(), ["", "café"]),
    ("VARCHAR(20) CHARACTER SET ucs2", pa.string(), ["", "žluť"]),
    ("TINYTEXT", pa.string(), ["", "ž"]),
    ("LONGTEXT", pa.string(), TEXTS),
    ("JSON", pa.string(), ['{"a": [1, null, "ž"]}', "[]"]),
    ("ENUM('', 'a', 'ž')", pa.string(), ["", "a", "ž"]),
    ("SET('a', 'b', 'ž')", pa.string(), ["", "a", "a,b,ž"]),
    ("BINARY(4)", pa.binary(), [b"\0\1\2\3", b"ab\0\0"]),
    ("VARBINARY(20)", pa.binary(), [b"", b"\xff\xfe\0", b"'\"\\"]),
    ("VARCHAR(20) CHARACTER SET binary", pa.binary(), [b"", b"\xff"]),
    ("LONGBLOB", pa.binary(), [b"", bytes(range(256)) * 300]),
    ("UUID", pa.string(), ["123e4567-e89b-12d3-a456-426655440000"]),
    ("INET6", pa.string(), ["::1", "2001:db8::ff00:42:8329"]),
    ("INET4", pa.string(), ["255.255.255.255"]),
]


@pytest.mark.parametrize(("declared", "kind", "values"), NUMBERS + OTHERS, ids=[case[0] for case in NUMBERS + OTHERS])
def test_every_type_comes_back_as_it_was_written(
    connection: Connection[Any], declared: str, kind: pa.DataType, values: Sequence[Any]
) -> None:
    written = [None, *values, None]
    fill(connection, declared, written)

    table = stream_query(connection, "SELECT v FROM t ORDER BY id").read_all()

    assert table.schema == pa.schema([("v", kind)])
    assert table["v"].to_pylist() == written
    table.validate(full=True)


def test_an_empty_table_has_the_same_types(connection: Connection[Any]) -> None:
    cases = NUMBERS + OTHERS
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE t ({', '.join(f'c{i} {case[0]}' for i, case in enumerate(cases))})")

    table = stream_query(connection, "SELECT * FROM t").read_all()

    assert table.schema == pa.schema([(f"c{i}", case[1]) for i, case in enumerate(cases)])
    assert table.num_rows == 0


def test_all_types_at_once(connection: Connection[Any]) -> None:
    cases = NUMBERS + OTHERS
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

    assert (caught.value.columns, caught.value.facts["row"]) == (["v"], 3)
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


def test_rows_about_as_long_as_a_packet_and_longer(mariadb: MariaDBServer) -> None:
    """A packet holds 16 MiB at the most; what is longer goes on in the next one, also in one that is empty."""
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_allowed_packet")
        (usual,) = cursor.fetchone() or (0,)
        cursor.execute("SET GLOBAL max_allowed_packet = 100000000")
        try:
            with closing(mariadb.connect()) as roomy:
                check_long_rows(roomy)
        finally:
            cursor.execute("SET GLOBAL max_allowed_packet = %s", (usual,))


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
        cursor.execute(f"CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v {declared})")
        for value in values:
            cursor.execute("INSERT INTO t (v) VALUES (%s)", (literal(value),))
