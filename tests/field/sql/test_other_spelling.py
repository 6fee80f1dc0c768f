"""An upsert does not overwrite the row of a key that the table has in another spelling and takes for equal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MARIADB

FOLDING = {
    "citext": "CREATE TABLE target (k citext PRIMARY KEY, v INT)",
    "domain": """
        CREATE DOMAIN login AS citext CHECK (VALUE <> '');
        CREATE DOMAIN email AS login;
        CREATE TABLE target (k email PRIMARY KEY, v INT)
        """,
    "index": """
        CREATE COLLATION "No Case" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE target (k TEXT PRIMARY KEY, v INT);
        CREATE UNIQUE INDEX ON target (k COLLATE "No Case")
        """,
}
"""Tables of PostgreSQL whose keys take two spellings for equal."""


@MYSQL_AND_MARIADB
class TestMySQL(MySQLFamily):
    @pytest.mark.parametrize(("kind", "spelt"), [("VARCHAR(9)", "É1"), ("CHAR(9)", "E1"), ("VARCHAR(9)", "e1 ")])
    def test_an_upsert_does_not_overwrite_a_key_of_another_spelling(
        self, connection: Connection, address: Address, kind: str, spelt: str
    ) -> None:
        self.execute(
            address,
            f"CREATE TABLE target (k {kind} COLLATE utf8mb4_general_ci, n INT, v INT, PRIMARY KEY (k, n))",
            "INSERT INTO target VALUES ('e1', 1, 1), ('z', 1, 1)",
        )
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": ["k", "n"]}
        data = pa.table({"k": ["z", spelt], "n": [1, 1], "v": [2, 2]})
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, data, **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 1), ("z", 1)]
        self.write(connection, data, **upsert, lossy="round")
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]
        self.write(connection, pa.table({"k": ["e1", spelt], "n": [1, 2], "v": [3, 3]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY n, k") == [("e1", 3), ("z", 2), (spelt, 3)]


@ONLY_MARIADB
class TestMariaDB(MySQLFamily):
    @pytest.mark.parametrize(
        ("kind", "spelt"), [("TINYTEXT", "É1"), ("TEXT", "E1"), ("MEDIUMTEXT", "e1 "), ("LONGTEXT", "E1")]
    )
    def test_keys_of_long_texts(self, connection: Connection, address: Address, kind: str, spelt: str) -> None:
        self.execute(
            address,
            f"CREATE TABLE target (k {kind} COLLATE utf8mb4_general_ci NOT NULL, v INT, UNIQUE (k))",
            "INSERT INTO target VALUES ('e1', 1)",
        )
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": "k"}
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, pa.table({"k": ["z", spelt], "v": [2, 2]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target") == [("e1", 1)]
        self.write(connection, pa.table({"k": ["z", "e1"], "v": [2, 2]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]


class TestPostgres(PostgresFamily):
    @pytest.mark.parametrize(
        ("collation", "spelt"),
        [
            ("(provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "E1"),
            ("(provider = icu, locale = 'und-u-ks-level1', deterministic = false)", "é1"),
        ],
    )
    def test_an_upsert_does_not_overwrite_a_key_of_another_spelling(
        self, connection: Connection, address: Address, collation: str, spelt: str
    ) -> None:
        self.execute(
            address,
            f"CREATE COLLATION folding {collation}",
            "CREATE TABLE target (k TEXT COLLATE folding PRIMARY KEY, v INT)",
            "INSERT INTO target VALUES ('e1', 1)",
        )
        data = pa.table({"k": ["z", spelt], "v": [2, 2]})
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": "k"}
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, data, **upsert)
        assert self.execute(address, "SELECT k, v FROM target") == [("e1", 1)]
        self.write(connection, data, **upsert, lossy="round")
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]
        self.write(connection, pa.table({"k": ["e1"], "v": [3]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 3), ("z", 2)]

    @pytest.mark.parametrize("definition", FOLDING.values(), ids=FOLDING)
    def test_what_takes_two_spellings_for_equal(
        self, connection: Connection, address: Address, definition: str
    ) -> None:
        with closing(self.server.connect(address.database)) as admin, admin.cursor() as cursor:
            cursor.execute("CREATE EXTENSION citext")
            admin.commit()
        self.execute(address, definition, "INSERT INTO target VALUES ('e1', 1)")
        data = pa.table({"k": ["z", "E1"], "v": [2, 2]})
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": "k"}
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, data, **upsert)
        assert self.execute(address, "SELECT k, v FROM target") == [("e1", 1)]
        self.write(connection, data, **upsert, lossy="round")
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]


def test_an_upsert_of_duckdb_does_not_overwrite_a_key_of_another_spelling(tmp_path: Path) -> None:
    path = str(tmp_path / "x.duckdb")

    def run(statement: str) -> list[tuple[Any, ...]]:
        close_all()
        with closing(duckdb.connect(path)) as database:
            return database.execute(statement).fetchall()

    def write(keys: list[str], **config: Any) -> None:
        connection = {"family": "duckdb", "alias": "test", "path": path}
        step = {"resolved_connection": connection, "table": "target", "write_mode": "upsert", "primary_key": ["n", "k"]}
        data = pa.table({"k": keys, "n": range(len(keys)), "v": [2] * len(keys)})
        DuckDBWriter().run(
            step_id="load", config={**step, **config}, inputs={"e": {"data": data}}, ctx=RecordingContext()
        )

    run("CREATE TABLE target (k VARCHAR COLLATE NOCASE, n INT, v INT, PRIMARY KEY (n, k))")
    run("INSERT INTO target VALUES ('z', 0, 1), ('a', 1, 1)")
    with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
        write(["z", "A"])
    assert run("SELECT k, v FROM target ORDER BY n") == [("z", 1), ("a", 1)]
    write(["z", "a"])
    write(["Z", "A"], lossy="round")
    assert run("SELECT k, v FROM target ORDER BY n") == [("z", 2), ("a", 2)]
