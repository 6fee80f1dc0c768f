"""Fixtures for the command line, and for what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path

import psycopg2
import pyarrow as pa
import pymysql
import pytest
from osiris_provider.cli.main import main
from osiris_provider.connectors import get_connector

from tests.faults.peers import closed_port
from tests.integration.work import login
from tests.servers import Address, MySQLFamilyServer, PostgresServer
from tests.unit.connection_files import write

Run = Callable[..., tuple[int, str, str]]

MIXED = """\
version: 1
connections:
  duckdb:
    memory: {{path: ":memory:"}}
    gone: {{path: "{directory}/gone.duckdb", read_only: true}}
  mysql:
    twice: {{host: h, host: g, user: u}}
    unset: {{host: h, user: u, password: "${{NOT_SET_ANYWHERE}}"}}
    Bad-Alias: {{host: h, user: u}}
    closed: {{host: 127.0.0.1, port: {port}, user: u}}
"""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command and return exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def mixed(tmp_path: Path) -> Iterator[Path]:
    """A file with a healthy connection and one of every kind of trouble."""
    with closed_port() as port:
        yield write(tmp_path, MIXED.format(directory=tmp_path, port=port))


@pytest.fixture(scope="session")
def all_imported() -> None:
    """Have the time of a test be its server's; what is raised within an import leaves half of a module behind."""
    for name in ("duckdb", "pandas", "psycopg2", "pyarrow.parquet", "pyarrow.csv", "pymysql", "requests", "tenacity"):
        import_module(name)
    for family in ("api", "duckdb", "mysql", "postgres", "shopify", "supabase"):
        get_connector(family).load()
    pa.array([1]).to_pandas()


@pytest.fixture
def locked_postgres(postgres: PostgresServer, postgres_database: Address) -> Iterator[Address]:
    with (
        closing(psycopg2.connect(**login(postgres_database, dbname=postgres_database.database))) as holder,
        holder.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE free (n INT); CREATE TABLE target (n INT PRIMARY KEY)")
        holder.commit()
        cursor.execute("LOCK TABLE target IN ACCESS EXCLUSIVE MODE")
        yield postgres_database
    del postgres


@pytest.fixture
def locked_mysql(mysql_family: MySQLFamilyServer, mysql_database: Address) -> Iterator[Address]:
    settings = login(mysql_database, database=mysql_database.database, ssl_disabled=True)
    settings["password"] = settings["password"].encode()
    with closing(pymysql.connect(**settings)) as holder, holder.cursor() as cursor:
        cursor.execute("CREATE TABLE free (n INT)")
        cursor.execute("INSERT INTO free VALUES (20), (30), (40)")
        cursor.execute("CREATE TABLE target (n INT PRIMARY KEY)")
        cursor.execute("LOCK TABLES target WRITE")
        yield mysql_database
    del mysql_family
