"""Loads whose worker or server is killed at any point, and their retries: the target equals the source, exactly.

``scripts/test-faults`` runs more of them on more rows.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.integration.load_worker import load
from tests.servers import MariaDBServer, PostgresServer

POINTS = int(os.environ.get("FAULT_POINTS", "2"))
ROWS = int(os.environ.get("FAULT_ROWS", "100000"))
MODES = ("append", "replace", "upsert")
SECONDS = 600.0
WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["tests.integration.load_worker"])

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120 + POINTS * ROWS // 10_000)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of rows of which the first half is in the table before the load, with other texts."""
    path = tmp_path_factory.mktemp("faults") / "source.parquet"
    table = pa.table({"id": pa.array(range(ROWS), pa.int64()), "s": [f"row {number}" for number in range(ROWS)]})
    pq.write_table(table, path, row_group_size=10_000)
    return path


def points_of(mode: str) -> list[int]:
    """Return the points at which a load is killed, in thousandths of the time that it takes."""
    return random.Random(mode).choices(range(1000), k=POINTS)  # noqa: S311 - no secret depends on it


class FaultTests:
    """What is done to all families."""

    rows_before = ROWS // 2

    @abstractmethod
    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last."""

    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """The resolved connection."""

    @abstractmethod
    def prepare(self, mode: str) -> None:
        """Create ``target`` with the rows before the load, and empty the ledger."""

    checksum: ClassVar[str]

    def state(self) -> tuple[Any, ...]:
        """Count and checksum of the target."""
        (row,) = self.query(f"SELECT COUNT(*), SUM(id), {self.checksum} FROM target")
        return tuple(str(value) for value in row)

    def start(self, source: Path, mode: str, die_at: int | None = None) -> BaseProcess:
        config = {"table": "target", "write_mode": mode, "primary_key": ["id"] if mode == "upsert" else []}
        worker = WORKERS.Process(target=load, args=(self.connection(), config, str(source), die_at))
        worker.start()
        return worker

    def finish(self, source: Path, mode: str) -> float:
        """Run a whole load and return how long it took."""
        started = time.perf_counter()
        worker = self.start(source, mode)
        worker.join(SECONDS)
        assert worker.exitcode == 0
        return time.perf_counter() - started

    def before_and_after(self, source: Path, mode: str) -> tuple[tuple[Any, ...], tuple[Any, ...], float]:
        """Return the states of the table before and after an undisturbed load, and how long it takes."""
        self.prepare(mode)
        before = self.state()
        seconds = self.finish(source, mode)
        return before, self.state(), seconds

    @pytest.mark.parametrize("mode", MODES)
    def test_worker_is_killed_at_random_points(self, source: Path, mode: str) -> None:
        before, after, seconds = self.before_and_after(source, mode)
        assert before != after
        for point in points_of(mode):
            self.prepare(mode)
            worker = self.start(source, mode)
            worker.join(seconds * point / 1000)
            worker.kill()
            worker.join()
            assert self.state() in (before, after)
            self.finish(source, mode)
            assert self.state() == after
            self.finish(source, mode)
            assert self.state() == after


class ServerFaultTests(FaultTests):
    """What is done to the families that have a server."""

    server: Any

    @pytest.mark.parametrize("mode", MODES)
    def test_server_is_killed_at_random_points(self, source: Path, mode: str) -> None:
        before, after, seconds = self.before_and_after(source, mode)
        for point in points_of(mode):
            self.prepare(mode)
            worker = self.start(source, mode)
            worker.join(seconds * point / 1000)
            self.server.crash()
            worker.join(SECONDS)
            self.server.restart()
            assert self.state() in (before, after)
            self.finish(source, mode)
            assert self.state() == after


class TestMySQLFaults(ServerFaultTests):
    checksum = "SUM(CRC32(s))"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def own_server(cls) -> Iterator[None]:
        # A commit must survive the server's death; the tests' usual settings do without.
        with MariaDBServer(["--innodb-flush-log-at-trx-commit=1"]) as cls.server:
            yield

    def connection(self) -> dict[str, Any]:
        app = self.server.app
        fields = {name: getattr(app, name) for name in ("host", "port", "user", "password", "database")}
        return {"family": "mysql", "alias": "test", **fields}

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        with closing(self.server.connect()) as connection, connection.cursor() as cursor:
            connection.select_db("app")
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def prepare(self, mode: str) -> None:
        keyed = "" if mode == "append" else "PRIMARY KEY"
        self.query(
            "DROP TABLE IF EXISTS target, _osiris_loads",
            f"CREATE TABLE target (id BIGINT {keyed}, s VARCHAR(40))",
            f"INSERT INTO target SELECT seq * 2, 'old' FROM seq_1_to_{self.rows_before}",
        )

    @pytest.mark.timeout(600)
    def test_worker_is_killed_before_each_statement(self, source: Path, tmp_path: Path) -> None:
        """Also between the commit, the swap, and the ledger's last word."""
        self.rows_before = 50
        small = tmp_path / "small.parquet"
        pq.write_table(pq.read_table(source).slice(0, 100), small)
        for mode in MODES:
            before, after, _ = self.before_and_after(small, mode)
            seen = set()
            for number in range(1, 100):
                self.prepare(mode)
                worker = self.start(small, mode, number)
                worker.join(SECONDS)
                seen.add(self.state())
                assert self.state() in (before, after)
                self.finish(small, mode)
                assert self.state() == after, f"{mode}, killed before statement {number}"
                if worker.exitcode == 0:
                    break
            else:
                pytest.fail("the load never ended")
            assert seen == {before, after}
            assert [name for (name,) in self.query("SHOW TABLES")] == ["_osiris_loads", "target"]


class TestPostgresFaults(ServerFaultTests):
    checksum = "SUM(hashtext(s)::bigint)"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def own_server(cls) -> Iterator[None]:
        with PostgresServer({"synchronous_commit": "on"}) as cls.server:
            yield

    def connection(self) -> dict[str, Any]:
        app = self.server.app
        fields = {name: getattr(app, name) for name in ("host", "port", "user", "password", "database")}
        return {"family": "postgres", "alias": "test", **fields}

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        connection = {**self.connection(), "dbname": self.connection()["database"]}
        for name in ("family", "alias", "database"):
            del connection[name]
        with closing(psycopg2.connect(**connection)) as client, client.cursor() as cursor:
            client.autocommit = True
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def prepare(self, mode: str) -> None:
        keyed = "" if mode == "append" else "PRIMARY KEY"
        self.query(
            "DROP TABLE IF EXISTS target, _osiris_loads",
            f"CREATE TABLE target (id BIGINT {keyed}, s VARCHAR(40))",
            f"INSERT INTO target SELECT n * 2, 'old' FROM generate_series(1, {self.rows_before}) n",
        )


class TestDuckDBFaults(FaultTests):
    checksum = "SUM(hash(s)::HUGEINT)"

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "faults.duckdb"

    def connection(self) -> dict[str, Any]:
        return {"family": "duckdb", "alias": "test", "path": str(self.path)}

    def query(self, *statements: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.path) as database:
            for statement in statements:
                database.execute(statement)
            return list(database.fetchall())

    def prepare(self, mode: str) -> None:
        keyed = "" if mode == "append" else "PRIMARY KEY"
        self.query(
            "DROP TABLE IF EXISTS target",
            "DROP TABLE IF EXISTS _osiris_loads",
            f"CREATE TABLE target (id BIGINT {keyed}, s VARCHAR)",
            f"INSERT INTO target SELECT n * 2, 'old' FROM range(1, {self.rows_before + 1}) r(n)",
        )
