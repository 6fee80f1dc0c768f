"""Every type of MySQL and MariaDB, from table to table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.field.sql.test_round_trips import SETTINGS
from tests.field.sql.type_trips import (
    TypeTrips,
    clocks,
    columns_of,
    days,
    decimals,
    documents,
    floats,
    integer_text,
    moments,
    numbers,
    texts,
    words,
)
from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.servers import Address, MariaDBServer, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
TIMES = texts("-838:59:59", "838:59:59", "00:00:00", "-00:00:01", "23:59:59")
FLOATS = ["0", "-1.5", "16777216", "3.4028234663852886e38", "-3.4028234663852886e38", "1.401298464324817e-45", "0.1"]
ODD_TEXTS = ["", " ", " a ", "quote ' double \" \\ back", "line\nfeed\r\ttab", "NULL", "\\N", "😀" * 300]
JSONS = ['{"a": [1, null, "ž"]}', "[]", "1.5", "null", "18446744073709551615", "-9223372036854775808", "1e300", "0.1"]
EXTREMES: dict[str, list[str]] = {
    **{name: integer_text(bits) for name, bits in BITS.items()},
    **{f"{name} UNSIGNED": integer_text(bits, signed=False) for name, bits in BITS.items()},
    "BOOLEAN": texts("0", "1", "-128"),
    "INT(8) ZEROFILL": texts("7", "4294967295"),
    "FLOAT": FLOATS,
    "FLOAT(7,3)": ["1.5", "1234.567"],
    "DOUBLE": [*FLOATS, "1.7976931348623157e308", "5e-324", "-0e0", "-1.7976931348623157e308"],
    "DOUBLE(10,2)": ["1.25", "-12345678.99"],
    "DECIMAL(12,2)": texts("-9999999999.99", "9999999999.99", "0"),
    "DECIMAL(5,5)": texts("-0.99999", "0.00001"),
    "DECIMAL(10,3) UNSIGNED": texts("9999999.999", "0"),
    "DECIMAL(10,3) ZEROFILL": texts("12.5"),
    "DECIMAL(65,30)": texts(*(f"{sign}{'9' * 35}.{'9' * 30}" for sign in ("", "-")), f"0.{'0' * 29}1"),
    "DECIMAL(65,0)": texts("9" * 65, "-1"),
    "YEAR": ["1901", "2155", "0"],
    "BIT(1)": ["b'0'", "b'1'"],
    "BIT(9)": ["b'111111111'", "b'0'"],
    "BIT(64)": ["18446744073709551615", "0", "9223372036854775808"],
    "DATE": texts("0001-01-01", "9999-12-31", "0000-01-01", "0000-12-31"),
    "DATE ": texts("2024-02-29", "0000-00-00", "2024-00-00", "2024-02-31"),
    "DATETIME": texts("0001-01-01 00:00:00", "9999-12-31 23:59:59", "0000-01-01 00:00:01"),
    "DATETIME ": texts("2024-02-29 00:00:00", "0000-00-00 00:00:00", "2024-02-31 12:00:00"),
    "DATETIME(3)": texts("1000-01-01 00:00:00.999"),
    "DATETIME(6)": texts("0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999"),
    "TIMESTAMP NULL": texts("1970-01-01 00:00:01", "2038-01-19 03:14:07"),
    "TIMESTAMP NULL ": texts("0000-00-00 00:00:00", "2038-01-19 03:14:07"),
    "TIMESTAMP(6) NULL": texts("2038-01-19 03:14:07.999999"),
    "TIME": TIMES,
    "TIME(6)": [*TIMES, *texts("-00:00:00.000001", "838:59:58.999999")],
    "CHAR(20)": texts("", "a", "žluť 😀", " a"),
    "VARCHAR(300)": [*texts(*ODD_TEXTS), "'nul\0nul'"],
    "VARCHAR(20) CHARACTER SET latin1": texts("", "café"),
    "VARCHAR(20) CHARACTER SET utf16": texts("😀"),
    "TINYTEXT": texts("", "ž"),
    "TEXT": texts("", "ž" * 30_000),
    "MEDIUMTEXT": texts("", "ž"),
    "LONGTEXT": texts("", "x" * 70_000),
    "JSON": texts(*JSONS),
    "ENUM('', 'a', 'ž', 'it''s', 'A,B', '1')": texts("a", "ž", "", "it's", "A,B", "1"),
    "SET('a', 'b', 'ž')": texts("", "a", "a,b,ž"),
    "BINARY(4)": ["x'00010203'", "x'61620000'"],
    "VARBINARY(20)": ["x''", "x'fffe00'", "x'22275c'"],
    **{name: ["x''", "x'00ff0a0d095c27'"] for name in ("TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB")},
    "GEOMETRY": ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1.5)', 4326)"],
    "POINT": ["ST_GeomFromText('POINT(0.1 -1e300)')"],
    "LINESTRING": ["ST_GeomFromText('LINESTRING(0 0,1 1.5)')"],
    "POLYGON": ["ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')"],
    "MULTIPOINT": ["ST_GeomFromText('MULTIPOINT((0 0),(1 1))')"],
    "MULTILINESTRING": ["ST_GeomFromText('MULTILINESTRING((0 0,1 1))')"],
    "MULTIPOLYGON": ["ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')"],
    "GEOMETRYCOLLECTION": ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"],
}
ONLY_MARIADB = {
    "UUID": texts("123e4567-e89b-12d3-a456-426655440000"),
    "INET6": texts("::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"),
    "INET4": texts("255.255.255.255", "10.0.0.1"),
    "VARCHAR(20) COMPRESSED": texts("a", ""),
}
REFUSED = {("YEAR", "0"), ("DATE", "'2024-02-31'"), ("DATETIME", "'2024-02-31 12:00:00'")}
"""Days that no calendar has, and the year that is none: the servers take them in other modes only."""
REFUSED_BY_MYSQL = {
    ("DATE", "'0000-00-00'"),
    ("DATE", "'2024-00-00'"),
    ("DATETIME", "'0000-00-00 00:00:00'"),
    ("TIMESTAMP NULL", "'0000-00-00 00:00:00'"),
}
"""MySQL's usual mode has no zeros in dates, MariaDB's has."""
GENERATED: dict[str, st.SearchStrategy[str]] = {
    **{name: numbers(bits) for name, bits in BITS.items()},
    **{f"{name} UNSIGNED": numbers(bits, signed=False) for name, bits in BITS.items()},
    "FLOAT": floats(32),
    "DOUBLE": floats(64),
    "DECIMAL(12,2)": decimals(12, 2),
    "DECIMAL(65,30)": decimals(65, 30),
    "YEAR": st.integers(1901, 2155).map(str),
    "DATE": days,
    "DATETIME(6)": moments,
    "TIME(6)": st.tuples(st.integers(-837, 837), clocks).map(lambda parts: f"{parts[0]}{parts[1][2:]}"),
    "VARCHAR(60)": words,
    "LONGTEXT": words,
    "JSON": documents,
    "ENUM('', 'a', 'ž')": st.sampled_from(["", "a", "ž"]),
    "SET('a', 'b', 'ž')": st.sets(st.sampled_from("abž")).map(lambda members: ",".join(sorted(members))),
    "VARBINARY(60)": words.filter(str.isascii),
}
SHAPES = ("GEOM", "POINT", "LINES", "POLY", "MULTI")


@MYSQL_AND_MARIADB
class TestMySQL(MySQLFamily, TypeTrips):
    session: ClassVar[Sequence[str]] = (
        "SET sql_mode = 'ALLOW_INVALID_DATES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00'",
    )

    @pytest.fixture(autouse=True)
    def _load_data_is_on(self, address: Address) -> Iterator[None]:
        self.execute(address, "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")

    def shown(self, column: str, declared: str) -> str:
        if declared.startswith(("FLOAT", "DOUBLE", "BIT")):
            # A FLOAT shows six of its digits.
            return f"CONCAT({column} + {'0' if declared.startswith('BIT') else '0e0'}, '')"
        if declared.startswith("ENUM"):
            return f"CONCAT({column} + 0, HEX({column}))"
        if declared.startswith(SHAPES) or "BLOB" in declared or "BINARY" in declared:
            return f"HEX({column})"
        return f"HEX(CAST({column} AS CHAR CHARACTER SET utf8mb4))"

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_extremes(
        self, connection: Connection, address: Address, tmp_path: Path, engine: str, mysql_family: MySQLFamilyServer
    ) -> None:
        is_mariadb = isinstance(mysql_family, MariaDBServer)
        columns = {**EXTREMES, **ONLY_MARIADB} if is_mariadb else EXTREMES
        refused = REFUSED if is_mariadb else REFUSED | REFUSED_BY_MYSQL
        assert self.trip(connection, address, tmp_path, columns, writes={"engine": engine}) == refused

    @examples(6, SETTINGS)
    @given(columns_of(GENERATED), st.sampled_from(["load_data", "insert"]))
    def test_generated(
        self, connection: Connection, address: Address, tmp_path: Path, columns: dict[str, list[str]], engine: str
    ) -> None:
        assert self.trip(connection, address, tmp_path, columns, writes={"engine": engine}) == set()
