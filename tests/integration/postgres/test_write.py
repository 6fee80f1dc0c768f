"""postgres.writer: modes, ledger and errors, on a real PostgreSQL server."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.errors import DataError, UnknownConnectorError

from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.integration.sql.writers import SchemaTests, WriterTests
from tests.servers import Address


class TestPostgresWriter(PostgresFamily, SchemaTests, WriterTests):
    def run(self, connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
        endpoint = Address(**{name: connection[name] for name in ("host", "port", "user", "password", "database")})
        return self.execute(endpoint, *statements)

    def test_server_names_the_row_behind_texts_of_several_lines(self, connection: Connection) -> None:
        self.run(connection, "CREATE TABLE target (s TEXT, d DATE)")
        data = pa.table({"s": ["a\nb", "\n\n", "c", "d"], "d": ["2024-01-01", None, "s3cr3t", "2024-01-01"]})
        for rows in (1, 2, 100):
            with pytest.raises(DataError, match="column d, row 3 of the input") as raised:
                self.write(connection, data, batch_rows=rows)
            assert "s3cr3t" not in str(raised.value)

    def test_check_constraint_is_named(self, connection: Connection) -> None:
        self.run(connection, "CREATE TABLE target (id INT PRIMARY KEY, n INT CONSTRAINT positive CHECK (n > 0))")
        for mode in ("append", "upsert"):
            with pytest.raises(DataError, match="constraint positive"):
                self.write(connection, pa.table({"id": [1, 2], "n": [1, -77]}), write_mode=mode, primary_key="id")
        assert self.content(connection) == []

    def test_a_table_with_policies_takes_no_copy_and_says_what_it_takes(self, connection: Connection) -> None:
        self.run(
            connection,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            *("ALTER TABLE target ENABLE ROW LEVEL SECURITY", "ALTER TABLE target FORCE ROW LEVEL SECURITY"),
            "CREATE POLICY small ON target USING (id < 5)",
        )
        with pytest.raises(UnknownConnectorError, match="use write_mode upsert, or a role with BYPASSRLS"):
            self.write(connection, pa.table({"id": [1, 2]}))
        assert self.write(connection, pa.table({"id": [1, 2]}), write_mode="upsert", primary_key="id") is not None
        assert self.content(connection) == [(1,), (2,)]
