"""A timeout or a kill breaks off whatever a driver or a hook waits for, within a second; the server stops as well."""

from __future__ import annotations

import gzip
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, cast

import numpy as np
import psycopg2
import psycopg2.extras
import pyarrow as pa
import pymysql
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.registry import stop_all
from osiris_provider.drivers import get_driver
from osiris_provider.hooks.bulk.mysql import dump, load
from osiris_provider.net import killed
from osiris_provider.net.killed import StoppedError
from osiris_provider.testing.context import RecordingContext

from tests.faults.peers import Peer, silent
from tests.integration.stopping import AT_ONCE, BY, after, killed_when, steady, stops
from tests.integration.work import ROWS, Connection, Work, client, executed, read, write
from tests.servers import Address, MySQLFamilyServer, PostgresServer
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = pytest.mark.usefixtures("all_imported")

BEFORE = 0.4
"""Seconds until the signal: by then the server is at work."""


def bulk(statement: Callable[[Any, BinaryIO], object]) -> Work:
    """Return what loads or dumps with the client that a hook gives, and a file."""

    def work(connection: Connection) -> object:
        connector = get_connector(connection["family"])
        opened = connector.create_client(connection)
        try:
            with NamedTemporaryFile() as file:
                file.write(b"1\n")
                file.flush()
                return statement(opened, cast("BinaryIO", file))
        finally:
            connector.close_client(opened)

    return work


SLEEP = "SELECT pg_sleep(60)::text AS a"
SLOW_PARTS = "SELECT n FROM (SELECT n, pg_sleep(0.05) FROM generate_series(1, 10000) AS n OFFSET 0) AS q"

POSTGRES: dict[str, Work] = {
    "extractor, COPY": read("postgres.extractor", query=SLEEP),
    "extractor, cursor": read("postgres.extractor", query=SLEEP, engine="cursor"),
    "extractor, no subquery": read(
        "postgres.extractor", query="INSERT INTO free SELECT 1 FROM pg_sleep(60) RETURNING *"
    ),
    "extractor, locked table": read("postgres.extractor", table="target"),
    "extractor, partition_on": read("postgres.extractor", query=SLOW_PARTS, partition_on="n"),
    "writer, append": write("postgres.writer"),
    "writer, replace": write("postgres.writer", write_mode="replace"),
    "writer, upsert": write("postgres.writer", write_mode="upsert", primary_key="n"),
    "client, execute": executed(SLEEP),
    "client, named cursor": executed(SLEEP, name="named"),
    "client, cursor of another class": executed(SLEEP, cursor_factory=psycopg2.extras.RealDictCursor),
    "client, copy": client(lambda opened: opened.cursor().copy_expert(f"COPY ({SLEEP}) TO STDOUT", sys.stderr)),
}
BUSY_POSTGRES = "SELECT query FROM pg_stat_activity WHERE datname = %s AND state = 'active' AND pid <> pg_backend_pid()"


@contextmanager
def busy_postgres(server: PostgresServer, address: Address) -> Iterator[Callable[[], list[Any]]]:
    """Return what returns the statements that a PostgreSQL server is busy with in a database."""
    with closing(server.connect()) as admin, admin.cursor() as cursor:

        def at_work() -> list[Any]:
            cursor.execute(BUSY_POSTGRES, [address.database])
            return cursor.fetchall()

        yield at_work


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", POSTGRES)
def test_postgres(by: str, name: str, postgres: PostgresServer, locked_postgres: Address) -> None:
    with busy_postgres(postgres, locked_postgres) as at_work:
        with BY[by](steady(at_work)):
            POSTGRES[name]({"family": "postgres", "alias": "test", **asdict(locked_postgres)})
        stops(at_work)
    close_all()


@pytest.mark.parametrize("by", BY)
def test_supabase_through_pg_dsn(by: str, postgres: PostgresServer, locked_postgres: Address) -> None:
    dsn = get_connector("postgres").build_dsn({"family": "postgres", **asdict(locked_postgres)})
    connection = {"family": "supabase", "alias": "test", "url": "http://127.0.0.1:1", "pg_dsn": dsn}
    with busy_postgres(postgres, locked_postgres) as at_work:
        with BY[by](steady(at_work)):
            write("supabase.writer")(connection)
        stops(at_work)
    close_all()


MYSQL: dict[str, Work] = {
    "extractor, binary protocol": read("mysql.extractor", query="SELECT SLEEP(60) AS a"),
    "extractor, cursor": read("mysql.extractor", query="SELECT SLEEP(60) AS a", engine="cursor"),
    "extractor, partition_on": read(
        "mysql.extractor", query="SELECT n FROM free WHERE SLEEP(n) = 0", partition_on="n", partitions=2
    ),
    "extractor, locked table": read("mysql.extractor", table="target"),
    "writer, LOAD DATA": write("mysql.writer", engine="load_data"),
    "writer, INSERT": write("mysql.writer", engine="insert"),
    "writer, replace": write("mysql.writer", write_mode="replace"),
    "client, execute": executed("SELECT SLEEP(60)"),
    "client, unbuffered": executed("SELECT SLEEP(60)", cursor=pymysql.cursors.SSCursor),
    "hook, bulk_load": bulk(lambda opened, file: load(opened, "target", file.name)),
    "hook, bulk_dump": bulk(lambda opened, file: dump(opened, "target", file)),
}


@contextmanager
def busy_mysql(server: MySQLFamilyServer, address: Address) -> Iterator[Callable[[], list[Any]]]:
    """Return what returns the statements that a MySQL server is busy with in a database."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:

        def at_work() -> list[Any]:
            cursor.execute(
                "SELECT command, state, info FROM information_schema.processlist "
                "WHERE db = %s AND command <> 'Sleep' AND id <> CONNECTION_ID()",
                [address.database],
            )
            return list(cursor.fetchall())

        yield at_work


@pytest.fixture
def load_data_is_on(mysql_family: MySQLFamilyServer) -> Iterator[None]:
    """Let LOAD DATA through for a test; the other tests on this server meet its default."""
    with closing(mysql_family.connect()) as admin, admin.cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = ON")
        yield
        cursor.execute("SET GLOBAL local_infile = DEFAULT")


@MYSQL_AND_MARIADB
@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", MYSQL)
@pytest.mark.usefixtures("load_data_is_on")
def test_mysql(by: str, name: str, mysql_family: MySQLFamilyServer, locked_mysql: Address) -> None:
    with busy_mysql(mysql_family, locked_mysql) as at_work:
        with BY[by](steady(at_work)):
            MYSQL[name]({"family": "mysql", "alias": "test", **asdict(locked_mysql)})
        stops(at_work)
    close_all()


NUMBERS = "FROM range(1000000) a, range(1000000) b WHERE hash(a.range + b.range) = 3"

MANY_ROWS = pa.table({"n": np.arange(4_000_000)})

DUCKDB: dict[str, Work] = {
    "extractor": read("duckdb.extractor", query=f"SELECT a.range AS n {NUMBERS}"),
    "extractor, aggregate": read("duckdb.extractor", query=f"SELECT count(*) AS n {NUMBERS}"),
    "processor": read("duckdb.processor", query=f"SELECT a.range AS n {NUMBERS}"),
    "writer": write("duckdb.writer", MANY_ROWS, table="slow", write_mode="upsert", primary_key="n"),
    "client, execute": executed(f"SELECT count(*) {NUMBERS}"),
    "client, sql": client(lambda opened: opened.sql(f"CREATE TABLE t AS SELECT a.range AS n {NUMBERS}")),
}


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", DUCKDB)
def test_duckdb(by: str, name: str, tmp_path: Path) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}
    get_connector("duckdb").client(connection).execute("CREATE TABLE slow (n INTEGER PRIMARY KEY)")
    with BY[by](after(BEFORE)):
        DUCKDB[name](connection)
    close_all()
    # The file is free: nothing of this process is at work in it.
    read("duckdb.extractor", table="slow")(connection)
    close_all()


def test_duckdb_finds_the_callers_data_frames(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "path": str(tmp_path / "x.duckdb"), "external_access": True}
    rows = ROWS.slice(1)
    with closing(get_connector("duckdb").create_client(connection)) as opened:
        assert opened.execute("SELECT sum(n) FROM rows").fetchall() == [(5,)]
    assert rows.num_rows == 2


APIS: dict[str, tuple[Callable[[str], Connection], Work]] = {
    "api": (lambda origin: {"base_url": origin}, read("api.extractor", path="/")),
    "shopify": (
        lambda origin: {"shop_domain": origin, "access_token": "k"},
        read("shopify.extractor", resource="orders", fields=["id"]),
    ),
    "supabase": (
        lambda origin: {"url": origin, "service_role_key": "k"},
        read("supabase.extractor", table="t", key="id"),
    ),
    "supabase, writer": (
        lambda origin: {"url": origin, "service_role_key": "k"},
        write("supabase.writer"),
    ),
}


def asked(peer: Peer) -> Callable[[], bool]:
    """Return what holds once somebody waits for an answer of a silent peer."""
    return steady(lambda: [peer.accepted] if peer.accepted else [])


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", APIS)
def test_apis(by: str, name: str) -> None:
    fields, work = APIS[name]
    family = name.partition(",")[0]
    with Peer(silent) as peer, BY[by](asked(peer)):
        work({"family": family, "alias": "test", "timeout": 60, **fields(f"http://127.0.0.1:{peer.port}")})
    close_all()


def test_a_kill_breaks_off_a_request_of_another_thread() -> None:
    with Peer(silent) as peer, killed_when(asked(peer)), ThreadPoolExecutor(1) as pool:
        connection = {"family": "api", "alias": "test", "timeout": 60, "base_url": f"http://127.0.0.1:{peer.port}"}
        pool.submit(client(lambda opened: opened.get("/")), connection).result()


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("family", ["mysql", "postgres", "api"])
def test_logins(by: str, family: str) -> None:
    with Peer(silent) as peer, BY[by](asked(peer)):
        login_fields = {"host": "127.0.0.1", "port": peer.port, "user": "u", "password": "p", "database": "d"}
        fields = {"base_url": f"http://127.0.0.1:{peer.port}", "timeout": 60} if family == "api" else login_fields
        client(lambda opened: opened.get("/"))({"family": family, "alias": "test", "connect_timeout": 60, **fields})


def slow_chunks() -> Iterator[dict[str, Any]]:
    """Yield rows, as a driver of somebody may that takes its time."""
    yield {"data": [{"n": 1}]}
    time.sleep(60)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("driver", ["filesystem.csv_writer", "filesystem.parquet_writer"])
def test_writers_of_files(by: str, driver: str, tmp_path: Path) -> None:
    step = {"path": str(tmp_path / "file")}
    with BY[by](after(BEFORE)), killed.breakable():
        inputs = {"rows": {"data": slow_chunks()}}
        get_driver(driver).run(step_id="s", config=step, inputs=inputs, ctx=RecordingContext())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("family", ["postgres", "mysql", "duckdb"])
def test_writers_of_tables_whose_input_is_slow(
    by: str, family: str, postgres_database: Address, mysql_database: Address, tmp_path: Path
) -> None:
    addresses = {"postgres": asdict(postgres_database), "mysql": asdict(mysql_database)}
    connection = {"family": family, "alias": "test", **addresses.get(family, {"path": str(tmp_path / "x.duckdb")})}
    with BY[by](after(BEFORE)), killed.breakable():
        write(f"{family}.writer", slow_chunks(), create_if_missing=True)(connection)
    close_all()


@pytest.mark.parametrize("by", BY)
def test_the_extractor_of_files(by: str, tmp_path: Path) -> None:
    path = tmp_path / "long.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(b"1\n" * 1_000_000)
    with BY[by](after(BEFORE)), killed.breakable():
        step = {"path": str(path)}
        opened = get_driver("filesystem.csv_extractor").run(step_id="s", config=step, inputs={}, ctx=RecordingContext())
        for _ in opened["data"]:
            pass


@pytest.mark.parametrize(("family", "statement"), [("postgres", SLEEP), ("mysql", "SELECT SLEEP(60)")])
def test_what_on_kill_stops_is_not_taken_for_an_error_of_the_server(
    family: str, statement: str, postgres_database: Address, mysql_database: Address
) -> None:
    address = {"postgres": postgres_database, "mysql": mysql_database}[family]
    connection = {"family": family, "alias": "test", **asdict(address)}
    timer = threading.Timer(BEFORE, stop_all)
    timer.start()
    began = time.monotonic()
    with pytest.raises(StoppedError):
        read(f"{family}.extractor", query=statement)(connection)
    assert time.monotonic() - began < BEFORE + AT_ONCE
    timer.join()


def test_what_a_signal_does_not_raise_interrupts_nothing(postgres_database: Address) -> None:
    connection = {"family": "postgres", "alias": "test", **asdict(postgres_database)}
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        assert executed("SELECT pg_sleep(0.5)::text, 1")(connection) == [("", 1)]
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]
