"""Every column type of MySQL and MariaDB with its extremes: what is written, and the Arrow type that it is read as."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.servers import MariaDBServer, MySQLFamilyServer

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
Case = tuple[str, pa.DataType, Sequence[Any]]


def signed(bits: int) -> list[int]:
    return [-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1]


def literal(value: Any) -> Any:
    """Return what PyMySQL writes without a mistake; before 1.2 negative times are none of it."""
    if isinstance(value, list):
        return struct.pack(f"<{len(value)}f", *value)
    if not isinstance(value, datetime.timedelta):
        return value
    hours, rest = divmod(abs(value), datetime.timedelta(hours=1))
    return f"{'-' if value < 0 * DAY else ''}{hours}:{str(rest).partition(':')[2]}"


def unsigned(bits: int) -> list[int]:
    return [0, 1, 2 ** (bits - 1), 2**bits - 1]


NUMBERS: list[Case] = [
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
OTHERS: list[Case] = [
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
    ("GEOMETRY", pa.binary(), [b"\0\0\0\0\1\1" + bytes(19)]),
]
ONLY_MARIADB: list[Case] = [
    ("UUID", pa.string(), ["123e4567-e89b-12d3-a456-426655440000"]),
    ("INET6", pa.string(), ["::1", "2001:db8::ff00:42:8329"]),
    ("INET4", pa.string(), ["255.255.255.255"]),
]
MYSQL_9: list[Case] = [
    ("VECTOR(3)", pa.list_(pa.float32()), [[1.0, -0.5, 3.4028234663852886e38], [0.0, 2.0**-149, 16777217.0 - 1]]),
    ("VECTOR", pa.list_(pa.float32()), [[7.0], [float(n) for n in range(2048)]]),
]


def cases_of(server: MySQLFamilyServer) -> list[Case]:
    """Return the types that a server has."""
    return NUMBERS + OTHERS + own_cases_of(server)


def own_cases_of(server: MySQLFamilyServer) -> list[Case]:
    """Return the types that only this kind of server has."""
    if isinstance(server, MariaDBServer):
        return ONLY_MARIADB
    return MYSQL_9 if server.version() >= (9,) else []


def numbers(rows: object, name: str = "numbers") -> str:
    """Return a table to select from on both servers: its column ``seq`` counts from 1 to ``rows``."""
    return f"JSON_TABLE(CONCAT('[0', REPEAT(',0', {rows} - 1), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS {name}"
