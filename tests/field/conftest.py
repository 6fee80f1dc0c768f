"""Databases that a test of this room writes to with a driver, and looks into with a plain client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import psycopg2
import pytest
from osiris_provider.connectors import close_all

from tests.servers import Address, MySQLFamilyServer

Execute = Callable[[str], Any]
"""Runs a statement and returns its rows."""
PostgresTarget = tuple[dict[str, Any], Execute]
"""A resolved connection, and what runs statements where it leads."""


@pytest.fixture
def connection(mysql_database: Address) -> Iterator[dict[str, Any]]:
    """A resolved connection to a fresh database of family ``mysql``."""
    yield {"family": "mysql", "alias": "test", **asdict(mysql_database)}
    close_all()


@pytest.fixture
def execute(mysql_family: MySQLFamilyServer, mysql_database: Address) -> Iterator[Execute]:
    """Runs statements in the database of ``connection``."""
    with closing(mysql_family.connect()) as client, client.cursor() as cursor:
        client.select_db(mysql_database.database)

        def run(statement: str) -> Any:
            cursor.execute(statement)
            return cursor.fetchall()

        yield run


@pytest.fixture
def postgres_target(postgres_database: Address) -> Iterator[PostgresTarget]:
    """A resolved connection to a fresh PostgreSQL database, and what runs statements there."""
    address = asdict(postgres_database)
    connection = {"family": "postgres", "alias": "test", **address}
    address["dbname"] = address.pop("database")
    with closing(psycopg2.connect(**address)) as client, client.cursor() as cursor:
        client.autocommit = True

        def run(statement: str) -> Any:
            cursor.execute(statement)
            return tuple(cursor.fetchall()) if cursor.description else ()

        yield connection, run
    close_all()
