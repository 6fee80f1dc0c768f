"""Tables that loads are killed on: how to make them, and how to tell what is in them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.mysql.cases import numbers
from tests.kills.worker import Worker
from tests.servers import MariaDBServer, MySQLFamilyServer, MySQLServer, PostgresServer, entry
from tests.servers.process import Server

State = tuple[int, int, int]
"""Rows, the sum of their ids, and the sum of the first 32 bits of the SHA-256 of each row."""
MODES = ("append", "replace", "upsert")


def make_source(path: Path, rows: int) -> Path:
    """Write the file of rows to load: ids from 0, each with a text."""
    ids = pa.array(range(rows), pa.int64())
    pq.write_table(pa.table({"id": ids, "s": [text_of(number) for number in range(rows)]}), path, row_group_size=10_000)
    return path


def text_of(number: int) -> str:
    return f"row {number}"


def state_of(rows: Iterable[tuple[int, str]]) -> State:
    """Return the state of a table of these rows, worked out without a database."""
    count = ids = checksum = 0
    for number, text in rows:
        count += 1
        ids += number
        checksum += int.from_bytes(hashlib.sha256(f"{number}|{text}".encode()).digest()[:4], "big")
    return count, ids, checksum


def states_of(mode: str, rows: int) -> tuple[State, State]:
    """Return the states of the target before and after a load."""
    before = [(number * 2, "old") for number in range(1, rows // 2 + 1)]
    source = ((number, text_of(number)) for number in range(rows))
    kept = {"append": before, "replace": [], "upsert": [row for row in before if row[0] >= rows]}[mode]
    return state_of(before), state_of([*kept, *source])


class Target(ABC):
    """A table ``target`` that half as many rows are in before the load; an upsert changes most of them.

    :cvar name: of the target.
    :cvar family: of the writer.
    :cvar hashed: the expression for the first 32 bits of the SHA-256 of a row, as a number.
    :param source: the file to load.
    :param rows: that it has.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    hashed: ClassVar[str]
    text: ClassVar[str] = "VARCHAR(40)"

    def __init__(self, source: Path, rows: int) -> None:
        self.source, self.rows = source, rows

    @abstractmethod
    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last."""

    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """The resolved connection."""

    @abstractmethod
    def numbers(self, last: int) -> str:
        """Return a table expression of one column, ``n``, from 1."""

    def prepare(self, mode: str) -> None:
        """Make ``target`` with the rows before the load, and forget all loads."""
        keyed = "" if mode == "append" else "PRIMARY KEY"
        self.query(
            "DROP TABLE IF EXISTS target",
            "DROP TABLE IF EXISTS _osiris_loads",
            f"CREATE TABLE target (id BIGINT {keyed}, s {self.text})",
            f"INSERT INTO target SELECT n * 2, 'old' FROM {self.numbers(self.rows // 2)}",
        )

    def state(self) -> State:
        (row,) = self.query(f"SELECT COUNT(*), COALESCE(SUM(id), 0), COALESCE(SUM({self.hashed}), 0) FROM target")
        return int(row[0]), int(row[1]), int(row[2])

    def count(self) -> int:
        return int(self.query("SELECT COUNT(*) FROM target")[0][0])

    def start(self, mode: str, die_at: int | None = None) -> Worker:
        config = {"table": "target", "write_mode": mode, "primary_key": ["id"] if mode == "upsert" else []}
        return Worker(self.connection(), config, str(self.source), die_at)

    def finish(self, mode: str, seconds: float = 900) -> Worker:
        """Run a whole load."""
        worker = self.start(mode)
        worker.process.join(seconds)
        if worker.process.exitcode != 0:
            worker.process.kill()
            message = f"the load ended with {worker.process.exitcode}"
            raise AssertionError(message)
        return worker


class ServerTarget(Target):
    """A target on a server that can be killed too."""

    server: Server

    def connection(self) -> dict[str, Any]:
        return {"family": self.family, "alias": "test", **entry(self.server.app)}


class MySQLTarget(ServerTarget):
    """A table of a MySQL server, where rows arrive by INSERT."""

    name = "mysql"
    family = "mysql"
    hashed = "CONV(LEFT(SHA2(CONCAT(id, '|', s), 256), 8), 16, 10)"
    server_class: ClassVar[type[MySQLFamilyServer]] = MySQLServer

    def __init__(self, source: Path, rows: int) -> None:
        super().__init__(source, rows)
        # A commit must survive the server's death; the tests' usual settings do without.
        self.server = self.server_class(["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=ON"])

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        connect: Any = self.server
        with closing(connect.connect()) as connection, connection.cursor() as cursor:
            connection.select_db("app")
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def numbers(self, last: int) -> str:
        return f"(SELECT seq AS n FROM {numbers(last)}) numbered"


class MariaDBTarget(MySQLTarget):
    """A table of a MariaDB server, where rows arrive by LOAD DATA."""

    name = "mariadb"
    server_class = MariaDBServer


class PostgresTarget(ServerTarget):
    """A table of a PostgreSQL server."""

    name = "postgres"
    family = "postgres"
    hashed = "('x' || left(encode(sha256((id || '|' || s)::bytea), 'hex'), 8))::bit(32)::bigint"

    def __init__(self, source: Path, rows: int) -> None:
        super().__init__(source, rows)
        self.server = PostgresServer({"synchronous_commit": "on"})

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        known = self.connection()
        login = {name: known[name] for name in ("host", "port", "user", "password")}
        with closing(psycopg2.connect(**login, dbname=known["database"])) as client, client.cursor() as cursor:
            client.autocommit = True
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def numbers(self, last: int) -> str:
        return f"generate_series(1, {last}) n"


class DuckDBTarget(Target):
    """A table in a file; the worker is the server."""

    name = "duckdb"
    family = "duckdb"
    hashed = "('0x' || sha256(id || '|' || s)[1:8])::BIGINT"
    text = "VARCHAR"

    def connection(self) -> dict[str, Any]:
        return {"family": "duckdb", "alias": "test", "path": str(self.source.with_suffix(".duckdb"))}

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(self.connection()["path"])) as database:
            for statement in statements:
                database.execute(statement)
            return list(database.fetchall())

    def numbers(self, last: int) -> str:
        return f"range(1, {last + 1}) r(n)"


_ALL: tuple[type[Target], ...] = (MySQLTarget, MariaDBTarget, PostgresTarget, DuckDBTarget)
TARGETS: dict[str, type[Target]] = {one.name: one for one in _ALL}
