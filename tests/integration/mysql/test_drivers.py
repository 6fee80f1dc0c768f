"""mysql.extractor, mysql.writer and their connector, on real MySQL and MariaDB servers."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.errors import DataError

from tests.integration.mysql.cases import numbers
from tests.integration.sql.drivers import DriverTests
from tests.integration.sql.families import Connection, ConnectorTests, SQLFamily
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = MYSQL_AND_MARIADB


class MySQLFamily(SQLFamily):
    family: ClassVar[str] = "mysql"
    numbers: ClassVar[str] = f"SELECT seq AS n FROM {numbers('{rows}')}"
    sleep: ClassVar[str] = "SELECT SLEEP({seconds})"
    forbidden: ClassVar[str] = "SELECT * FROM mysql.user"

    asked: int = 0

    @pytest.fixture
    def address(self, mysql_database: Address, mysql_family: MySQLFamilyServer) -> Address:
        self.server = mysql_family
        return mysql_database

    def execute(self, address: Address, *statements: str) -> list[tuple[Any, ...]]:
        with (
            closing(self.server.connect()) as connection,
            connection.cursor() as cursor,
        ):
            connection.select_db(address.database)
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def sessions(self, address: Address) -> int:
        query = f"SELECT COUNT(*) FROM information_schema.processlist WHERE db = '{address.database}'"
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            (number,) = cursor.fetchone() or (0,)
        return int(number)

    def tables(self, address: Address) -> list[str]:
        return [str(name) for (name,) in self.execute(address, "SHOW TABLES")]

    def other_logins(self) -> int:
        with closing(self.server.connect()) as connection:
            self.asked += 1
            # Sessions are numbered as they come. The server counts those that it refuses, too, but a moment later.
            return int(connection.thread_id()) - self.asked  # type: ignore[no-untyped-call] # of types-PyMySQL


class TestMySQLClients(MySQLFamily, ConnectorTests):
    """What every SQL family's clients promise."""


class TestMySQLDrivers(MySQLFamily, DriverTests):
    def test_conn_007_password_must_be_given(self, connection: Connection) -> None:
        del connection["password"]
        with pytest.raises(ValueError, match="'password' is required"):
            self.extract(connection, "SELECT 1 AS one")

    def test_a_unix_socket_instead_of_a_host(self, connection: Connection, address: Address) -> None:
        del connection["host"], connection["port"]
        connection["unix_socket"] = str(self.server.directory / "socket")
        self.execute(address, "CREATE TABLE target (n INT PRIMARY KEY)")
        assert self.write(connection, pa.table({"n": [1, 2, 3]}))["rows_written"] == 3
        read = self.reader(connection, table="target", partition_on="n", partitions=2).read_all()
        assert sorted(read["n"].to_pylist()) == [1, 2, 3]

    def test_types(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (i8 TINYINT, u64 BIGINT UNSIGNED, d DECIMAL(10, 2), big DECIMAL(65, 30), f FLOAT, "
            "day DATE, moment DATETIME(6), t TIME(3), y YEAR, bits BIT(9), j JSON, s VARCHAR(20), b VARBINARY(9), "
            "e ENUM('a', 'b'))",
            "INSERT INTO target VALUES (-128, 18446744073709551615, -1.50, 1e-30, 1.5, '2024-02-29', "
            "'2024-02-29 23:59:59.999999', '-837:59:59.5', 2024, b'100000001', '{\"a\": 1}', 'é€😀', X'00FF', 'b')",
            "INSERT INTO target VALUES ()",
        )
        read = self.reader(connection, table="target").read_all()
        assert {field.name: str(field.type) for field in read.schema} == {
            "i8": "int8",
            "u64": "uint64",
            "d": "decimal128(10, 2)",
            "big": "decimal256(65, 30)",
            "f": "float",
            "day": "date32[day]",
            "moment": "timestamp[us]",
            "t": "duration[us]",
            "y": "int16",
            "bits": "uint64",
            "j": "string",
            "s": "string",
            "b": "binary",
            "e": "string",
        }
        first, nulls = read.to_pylist()
        assert first == {
            "i8": -128,
            "u64": 2**64 - 1,
            "d": Decimal("-1.50"),
            "big": Decimal("1e-30"),
            "f": 1.5,
            "day": dt.date(2024, 2, 29),
            "moment": dt.datetime(2024, 2, 29, 23, 59, 59, 999999),  # noqa: DTZ001 - DATETIME has no zone
            "t": -dt.timedelta(hours=837, minutes=59, seconds=59.5),
            "y": 2024,
            "bits": 257,
            "j": '{"a": 1}',
            "s": "é€😀",
            "b": b"\x00\xff",
            "e": "b",
        }
        assert set(nulls.values()) == {None}

    def test_zero_dates(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "SET sql_mode = ''",
            "CREATE TABLE target (d DATE)",
            "INSERT INTO target VALUES ('0000-00-00'), ('2024-01-02')",
        )
        with pytest.raises(DataError, match="Column d holds 0000-00-00 in row 1"):
            self.reader(connection, table="target", special_values="error").read_all()
        nulls = self.reader(connection, table="target", special_values="null").read_all()
        assert nulls["d"].to_pylist() == [None, dt.date(2024, 1, 2)]
        texts = self.reader(connection, table="target", text_columns=["d"]).read_all()
        assert texts["d"].to_pylist() == ["0000-00-00", "2024-01-02"]

    def test_every_arrow_type_can_be_written(self, connection: Connection) -> None:
        moment = dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.timezone.utc)
        data = pa.table(
            {
                "b": [True, None],
                "u": pa.array([2**64 - 1, None], pa.uint64()),
                "d": pa.array([Decimal("1.20"), None], pa.decimal128(10, 2)),
                "day": [dt.date(2024, 2, 29), None],
                "ns": pa.array([1_700_000_000_123_456_000, None], pa.timestamp("ns")),
                "zoned": pa.array([moment, None], pa.timestamp("us", "Europe/Prague")),
                "clock": [dt.time(1, 2, 3), None],
                "span": [-dt.timedelta(seconds=1), None],
                "raw": [b"\x00\xff'\\", None],
                "text": ["'\\\"%s\n", None],
                "kind": pa.array(["a", None]).dictionary_encode(),
                "items": [[1, None], None],
                "nothing": pa.nulls(2),
            }
        )
        self.write(connection, data, create_if_missing=True)
        first, nulls = self.reader(connection, table="target").read_all().to_pylist()
        assert first["zoned"] == moment.replace(tzinfo=None)
        assert (first["u"], first["d"], first["raw"], first["text"]) == (
            2**64 - 1,
            Decimal("1.20"),
            b"\x00\xff'\\",
            "'\\\"%s\n",
        )
        assert (first["span"], first["items"], first["b"]) == (-dt.timedelta(seconds=1), "[1, null]", 1)
        assert set(nulls.values()) == {None}

    def test_nan_has_no_place_in_mysql(self, connection: Connection) -> None:
        with pytest.raises(DataError, match="column x, row 2 of the input"):
            self.write(connection, pa.table({"x": [1.0, float("nan")]}), create_if_missing=True)

    def test_values_are_never_cut(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT AUTO_INCREMENT PRIMARY KEY, s CHAR(3))")
        self.execute(address, "SET GLOBAL sql_mode = ''")
        try:
            with pytest.raises(DataError, match="s"):
                self.write(connection, pa.table({"s": ["long"]}))
            self.write(connection, pa.table({"id": [0], "s": ["abc"]}))
        finally:
            self.execute(address, "SET GLOBAL sql_mode = DEFAULT")
        assert self.extract(connection, "SELECT * FROM target").to_pydict() == {"id": [0], "s": ["abc"]}

    def test_replace_keeps_what_hangs_on_the_table(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE parent (id INT PRIMARY KEY)",
            "INSERT INTO parent VALUES (1), (2)",
            "CREATE TABLE target (n INT, FOREIGN KEY (n) REFERENCES parent (id))",
        )
        self.write(connection, pa.table({"n": [1]}), write_mode="replace")
        with pytest.raises(DataError):
            self.write(connection, pa.table({"n": [3]}), write_mode="replace")
        assert self.extract(connection, "SELECT n FROM target").to_pydict() == {"n": [1]}

    def test_replace_keeps_keys_and_defaults(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (n INT PRIMARY KEY, d INT DEFAULT 7)")
        self.write(connection, pa.table({"n": [1]}), write_mode="replace")
        with pytest.raises(DataError):
            self.write(connection, pa.table({"n": [1]}))
        assert self.extract(connection, "SELECT * FROM target").to_pydict() == {"n": [1], "d": [7]}
        assert self.tables(address) == ["target"]
