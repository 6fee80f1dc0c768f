"""postgres.extractor: odd values, parts, and what breaks, on a real PostgreSQL server."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from typing import Any, ClassVar

import pytest
from osiris_provider.errors import DriverConfigError, OsirisError

from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.broken_extracts import BrokenExtractTests
from tests.integration.sql.extracts import ROWS, PartitionTests, StagedFamily, TextRuleTests
from tests.integration.sql.families import Connection
from tests.servers import Address, PostgresServer
from tests.servers.process import Server


class PostgresExtracts(PostgresFamily, StagedFamily):
    engines: ClassVar[tuple[str, ...]] = ("auto", "cursor")
    odd: ClassVar[str] = (
        "SELECT n, CASE WHEN n = {rows} THEN 'infinity' ELSE '2024-02-29' END::date AS d "
        "FROM generate_series(1, {rows}) n"
    )
    odd_text: ClassVar[str] = "infinity"

    def much(self, rows: int) -> list[str]:
        return [f"CREATE TABLE much AS SELECT n, repeat('x', 500) AS s FROM generate_series(1, {rows}) n"]

    def waiting(self, address: Address) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return int(self.execute(address, query)[0][0])


class TestPostgresTextRule(PostgresExtracts, TextRuleTests):
    pass


class TestPostgresEngines(PostgresExtracts):
    @pytest.mark.parametrize(
        ("engine", "query", "said"),
        [
            ("auto", "SELECT 1 AS n", "COPY, because it is the fastest way"),
            ("auto", "SHOW datestyle", "a cursor, because this statement cannot be copied"),
            ("copy", "SELECT 1 AS n", "COPY, because config field engine says so"),
            ("cursor", "SELECT 1 AS n", "a cursor, because config field engine says so"),
        ],
    )
    def test_the_log_says_which_engine_and_why(
        self, connection: Connection, caplog: pytest.LogCaptureFixture, engine: str, query: str, said: str
    ) -> None:
        with caplog.at_level(logging.INFO):
            self.extract(connection, query, engine=engine)
        assert f"Step extract: reading PostgreSQL through {said}" in caplog.messages

    def test_what_cannot_be_copied_is_not(self, connection: Connection) -> None:
        with pytest.raises(DriverConfigError, match="Step extract: config field engine: this statement cannot be"):
            self.extract(connection, "SHOW datestyle", engine="copy")


class TestPostgresParts(PostgresExtracts, PartitionTests):
    def parted(self, rows: int) -> list[str]:
        return [
            f"""
            CREATE TABLE parted AS SELECT
                n,
                CASE n WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 WHEN 3 THEN NULL
                    ELSE n * 1000003 END AS i,
                CASE n WHEN 1 THEN date '4713-01-01 BC' WHEN 2 THEN '5874897-12-31' WHEN 3 THEN NULL
                    ELSE date '2024-01-01' + n % 700 END AS d,
                CASE n WHEN 1 THEN timestamptz '4713-02-01 BC' WHEN 2 THEN '294246-12-31' WHEN 3 THEN NULL
                    ELSE timestamptz '2024-01-01' + n * interval '1.000001 hours' END AS ts,
                'row ' || n AS s
            FROM generate_series(1, {rows}) n
            """
        ]

    def moves(self, table: str) -> list[str]:
        return [f"UPDATE {table} SET i = (SELECT max(i) FROM {table}) - i + 1"]

    def test_a_narrow_range_has_fewer_parts(
        self, connection: Connection, table: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        query = f"SELECT n % 3 AS n FROM {table}"
        with caplog.at_level(logging.INFO):
            read = self.extract(connection, query, partition_on="n", partitions=32)
        assert read.num_rows == 2000
        assert "reading 2 partitions by n" in caplog.text

    @pytest.mark.parametrize("query", ["SELECT 7 AS n LIMIT 1", "SELECT n FROM parted WHERE n < 1 LIMIT 1"])
    def test_a_range_of_one_value_or_none_has_no_parts(
        self, connection: Connection, table: str, caplog: pytest.LogCaptureFixture, query: str
    ) -> None:
        del table
        with caplog.at_level(logging.INFO):
            self.extract(connection, query, partition_on="n")
        assert [message for message in caplog.messages if "reading" in message] == [
            "Step extract: reading PostgreSQL through COPY, because it is the fastest way"
        ]

    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("SELECT * FROM parted LIMIT 100", "LIMIT"),
            ("SELECT * FROM parted TABLESAMPLE SYSTEM (50)", "sample"),
            ("SELECT row_number() OVER () AS n, s FROM parted", "window function"),
        ],
    )
    def test_queries_that_may_give_other_rows_are_read_over_one_connection(
        self, connection: Connection, table: str, caplog: pytest.LogCaptureFixture, query: str, reason: str
    ) -> None:
        del table
        read = self.extract(connection, query, partition_on="n")
        numbers = read["n"].to_pylist()
        assert len(set(numbers)) == len(numbers)
        (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert "over one connection" in said
        assert reason in said

    def test_a_server_that_lends_no_snapshot_is_read_over_one_connection(
        self, connection: Connection, table: str, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        with closing(self.server.connect(address.database)) as admin, admin.cursor() as cursor:
            cursor.execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot() FROM PUBLIC")
        read = self.reader(connection, table=table, partition_on="n").read_all()
        assert read["n"].to_pylist() == list(range(1, ROWS + 1))
        assert "over one connection in spite of partition_on: the server cannot share a snapshot" in caplog.text
        assert self.sessions_end(address, 1)

    def test_a_statement_that_is_no_query(self, connection: Connection) -> None:
        with pytest.raises(OsirisError, match="Step extract"):
            self.extract(connection, "SHOW datestyle", partition_on="n")


class TestPostgresBrokenExtracts(PostgresExtracts, BrokenExtractTests):
    server_class: ClassVar[type[Server]] = PostgresServer
    slow: ClassVar[str] = "SELECT n, pg_sleep(n / 9000 * 60)::text FROM generate_series(1, 9000) n"
    endless: ClassVar[str] = "SELECT generate_series(1, 2000000000) AS n, repeat('x', 500) AS s"

    def kill_sessions(self, address: Address) -> None:
        self.execute(
            address,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    def impatient(self, connection: Connection, address: Address, seconds: float) -> Connection:
        del address
        return {**connection, "options": f"-c statement_timeout={round(seconds * 1000)}"}

    def test_a_table_that_is_emptied_and_filled_before_it_is_read(
        self, connection: Connection, address: Address
    ) -> None:
        """A snapshot from before the lock would show no row at all."""
        self.execute(address, *self.much(10))
        for config in ({"table": "much"}, {"query": "SELECT * FROM much"}, {"table": "much", "partition_on": "n"}):
            with closing(self._connect(address)) as other, other.cursor() as cursor:
                cursor.execute("TRUNCATE much; INSERT INTO much SELECT n, 'new' FROM generate_series(1, 5) n")
                actual: list[Any] = []
                thread = threading.Thread(target=self.collect, args=(connection, config, actual))
                thread.start()
                assert self.waits(address)
                other.commit()
                thread.join(30)
            assert actual == [[1, 2, 3, 4, 5]]

    def collect(self, connection: Connection, config: dict[str, Any], actual: list[Any]) -> None:
        actual.append(sorted(self.reader(connection, **config).read_all()["n"].to_pylist()))
