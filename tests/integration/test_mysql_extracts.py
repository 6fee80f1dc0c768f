"""mysql.extractor: odd values, and what breaks, on a real MariaDB server."""

from __future__ import annotations

from typing import ClassVar

from tests.integration.sql_broken_extracts import BrokenExtractTests
from tests.integration.sql_extracts import StagedFamily, TextRuleTests
from tests.integration.sql_families import Connection
from tests.integration.test_mysql_drivers import MySQLFamily
from tests.servers import Address, MariaDBServer
from tests.servers.process import Server


class MySQLExtracts(MySQLFamily, StagedFamily):
    engines: ClassVar[tuple[str, ...]] = ("auto", "cursor")
    odd: ClassVar[str] = (
        "SELECT seq AS n, CAST(IF(seq = {rows}, '0000-00-00', '2024-02-29') AS date) AS d FROM seq_1_to_{rows}"
    )
    odd_text: ClassVar[str] = "0000-00-00"

    def much(self, rows: int) -> list[str]:
        return [f"CREATE TABLE much (PRIMARY KEY (n)) AS SELECT seq AS n, REPEAT('x', 500) AS s FROM seq_1_to_{rows}"]

    def waiting(self, address: Address) -> int:
        query = (
            "SELECT COUNT(*) FROM information_schema.processlist "
            f"WHERE db = '{address.database}' AND state LIKE 'Waiting for table metadata lock%'"
        )
        return int(self.execute(address, query)[0][0])


class TestMySQLTextRule(MySQLExtracts, TextRuleTests):
    pass


class TestMySQLBrokenExtracts(MySQLExtracts, BrokenExtractTests):
    server_class: ClassVar[type[Server]] = MariaDBServer
    endless: ClassVar[str] = "SELECT seq AS n, REPEAT('x', 500) AS s FROM seq_1_to_2000000000"
    slow: ClassVar[str] = endless

    def kill_sessions(self, address: Address) -> None:
        query = (
            "SELECT CONCAT('KILL CONNECTION ', id) FROM information_schema.processlist "
            f"WHERE db = '{address.database}' AND id <> CONNECTION_ID()"
        )
        self.execute(address, *(statement for (statement,) in self.execute(address, query)))

    def impatient(self, connection: Connection, address: Address, seconds: float) -> Connection:
        # An account of its own, for which the server has the limit.
        user = f"impatient_{address.database[-12:]}"
        self.execute(
            address,
            f"CREATE USER {user}@'%' IDENTIFIED BY 'in-a-hurry' WITH MAX_STATEMENT_TIME {seconds}",
            f"GRANT ALL ON `{address.database}`.* TO {user}@'%'",
        )
        return {**connection, "user": user, "password": "in-a-hurry"}
