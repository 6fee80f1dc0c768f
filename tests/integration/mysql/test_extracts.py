"""mysql.extractor: odd values, and what breaks, on real MySQL and MariaDB servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pytest
from osiris_provider.runtime.staging import Staging

from tests.integration.mysql.cases import numbers
from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.broken_extracts import BrokenExtractTests
from tests.integration.sql.extracts import StagedFamily, TextRuleTests
from tests.integration.sql.families import Connection
from tests.servers import Address, MariaDBServer, MySQLFamilyServer, MySQLServer
from tests.servers.kinds import MYSQL_AND_MARIADB
from tests.servers.process import Server

pytestmark = MYSQL_AND_MARIADB


class MySQLExtracts(MySQLFamily, StagedFamily):
    engines: ClassVar[tuple[str, ...]] = ("auto", "cursor")
    odd: ClassVar[str] = f"SELECT seq AS n, IF(seq = {{rows}}, odd, fine) AS d FROM {numbers('{rows}')} JOIN days"
    odd_text: ClassVar[str] = "0000-00-00"

    @pytest.fixture(autouse=True)
    def _days(self, address: Address) -> None:
        self.execute(
            address,
            "SET sql_mode = ''",
            "CREATE TABLE days (odd DATE, fine DATE)",
            "INSERT INTO days VALUES ('0000-00-00', '2024-02-29')",
        )

    def much(self, rows: int) -> list[str]:
        return [f"CREATE TABLE much (PRIMARY KEY (n)) AS SELECT seq AS n, REPEAT('x', 500) AS s FROM {numbers(rows)}"]

    def waiting(self, address: Address) -> int:
        query = (
            "SELECT COUNT(*) FROM information_schema.processlist "
            f"WHERE db = '{address.database}' AND state LIKE 'Waiting for table metadata lock%'"
        )
        return int(self.execute(address, query)[0][0])


class TestMySQLTextRule(MySQLExtracts, TextRuleTests):
    pass


class TestMySQLBrokenExtracts(MySQLExtracts, BrokenExtractTests):
    endless: ClassVar[str] = (
        f"SELECT a.seq AS n, REPEAT('x', 500) AS s FROM {numbers(50_000, 'a')} JOIN {numbers(50_000, 'b')}"
    )
    slow: ClassVar[str] = endless

    @pytest.fixture
    def spare_server(self, mysql_family: MySQLFamilyServer) -> Iterator[Server]:
        with type(mysql_family)() as server:
            yield server

    @pytest.fixture
    def _patient(self, mysql_family: MySQLFamilyServer) -> Iterator[None]:
        yield
        if isinstance(mysql_family, MySQLServer):
            self._limit(0)

    def _limit(self, seconds: float) -> None:
        with closing(self.server.connect()) as admin, admin.cursor() as cursor:
            cursor.execute("SET GLOBAL max_execution_time = %s", (int(seconds * 1000),))

    def kill_sessions(self, address: Address) -> None:
        query = (
            "SELECT CONCAT('KILL CONNECTION ', id) FROM information_schema.processlist "
            f"WHERE db = '{address.database}' AND id <> CONNECTION_ID()"
        )
        self.execute(address, *(statement for (statement,) in self.execute(address, query)))

    @pytest.mark.usefixtures("_patient")
    def test_a_statement_that_takes_too_long(self, staging: Staging, connection: Connection, address: Address) -> None:
        super().test_a_statement_that_takes_too_long(staging, connection, address)

    def impatient(self, connection: Connection, address: Address, seconds: float) -> Connection:
        if not isinstance(self.server, MariaDBServer):
            self._limit(seconds)
            return connection
        # An account of its own, for which the server has the limit.
        user = f"impatient_{address.database[-12:]}"
        self.execute(
            address,
            f"CREATE USER {user}@'%' IDENTIFIED BY 'in-a-hurry' WITH MAX_STATEMENT_TIME {seconds}",
            f"GRANT ALL ON `{address.database}`.* TO {user}@'%'",
        )
        return {**connection, "user": user, "password": "in-a-hurry"}
