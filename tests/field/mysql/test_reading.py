"""mysql.extractor on real servers: no character, no row and no result is lost without a word."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.errors import DriverConfigError, OsirisError
from pymysql.connections import Connection as Client

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB

ENGINES = ("binary", "cursor")
CHARSETS = ("latin1", "utf8", "utf8mb3", "gbk")
TEXT = "ž € 😀"
SESSION = "SELECT @@character_set_results, @@collation_connection, @@time_zone, @@net_write_timeout"


@MYSQL_AND_MARIADB
class TestMySQLReading(MySQLFamily):
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("charset", CHARSETS)
    def test_every_character_is_read_whatever_the_charset_of_the_connection(
        self, connection: Connection, address: Address, charset: str, engine: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET utf8mb4)",
            f"INSERT INTO target VALUES (1, '{TEXT}'), (2, '?')",
        )
        query = "SELECT s, %s AS given, '😀' AS written FROM target WHERE s = %s"
        connection = {**connection, "charset": charset}

        read = self.extract(connection, query, params=[TEXT, TEXT], engine=engine)

        assert read.to_pylist() == [{"s": TEXT, "given": TEXT, "written": "😀"}]

    def test_parts_are_read_with_every_character(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET utf8mb4)",
            f"INSERT INTO target VALUES (1, '{TEXT}'), (1000, '{TEXT}')",
        )
        connection = {**connection, "charset": "latin1"}

        read = self.reader(connection, table="target", partition_on="id", partitions=2).read_all()

        assert sorted(read.to_pylist(), key=lambda row: row["id"]) == [{"id": 1, "s": TEXT}, {"id": 1000, "s": TEXT}]

    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_session_is_as_it_was_after_reading(self, connection: Connection, engine: str) -> None:
        connection = {**connection, "charset": "latin1"}
        client: Client[Any] = get_connector("mysql").client(connection)
        with client.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+05:00', SESSION net_write_timeout = 77")
            cursor.execute(SESSION)
            before = cursor.fetchall()

        self.extract(connection, "SELECT 1 AS one", engine=engine)

        assert get_connector("mysql").client(connection) is client
        assert client.encoding == "cp1252"
        with client.cursor() as cursor:
            cursor.execute(SESSION)
            assert cursor.fetchall() == before

    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_slow_reader_is_waited_for(self, connection: Connection, engine: str) -> None:
        # The default is a minute, after which the server cuts the line.
        read = self.extract(connection, "SELECT @@SESSION.net_write_timeout AS seconds", engine=engine)

        assert read["seconds"].to_pylist() == [86_400]

    @pytest.mark.parametrize("engine", ["auto", "cursor"])
    @pytest.mark.parametrize("rows", [1, 5000])
    def test_a_procedure_with_several_results_is_an_error(
        self, connection: Connection, address: Address, engine: str, rows: int
    ) -> None:
        many = self.numbers.format(rows=rows)
        self.execute(address, f"CREATE PROCEDURE p() BEGIN {many}; SELECT 'second' AS s; END")

        with pytest.raises(DriverConfigError, match=r"Step extract: .*more than one result"):
            self.extract(connection, "CALL p()", engine=engine)

    def test_a_procedure_with_one_result_is_read(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE PROCEDURE p() BEGIN SET @a = 1; SELECT 1 AS one; SET @a = 2; END")

        assert self.extract(connection, "CALL p()").to_pylist() == [{"one": 1}]
        assert self.extract(connection, "SELECT @a AS a").to_pylist() == [{"a": 2}]

    def test_a_procedure_that_fails_behind_its_result_is_an_error(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(
            address,
            "CREATE PROCEDURE p() BEGIN SELECT 1 AS one; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'late'; END",
        )

        with pytest.raises(OsirisError, match="late"):
            self.extract(connection, "CALL p()")

    @pytest.mark.parametrize("engine", ENGINES)
    def test_select_is_all_that_reading_needs(self, connection: Connection, address: Address, engine: str) -> None:
        reader = f"reader_{address.database[-12:]}"
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            "INSERT INTO target VALUES (1)",
            f"CREATE USER {reader}@'%' IDENTIFIED BY 'only reads'",
            f"GRANT SELECT ON `{address.database}`.target TO {reader}@'%'",
        )
        connection = {**connection, "user": reader, "password": "only reads"}

        assert get_connector("mysql").doctor(connection, 10)[0]
        assert self.reader(connection, table="target", engine=engine).read_all().to_pylist() == [{"id": 1}]
        assert self.reader(connection, table="target", partition_on="id").read_all().to_pylist() == [{"id": 1}]
