"""What the tests of PostgreSQL streams share."""

from __future__ import annotations

from contextlib import closing
from typing import Any, get_args

import psycopg2
from osiris_provider.drivers.postgres.copy_out.stream import Engine
from psycopg2 import extensions

from tests.servers import Address, PostgresServer

ENGINES = [engine for engine in get_args(Engine) if engine != "auto"]


def connect(address: Address) -> extensions.connection:
    return psycopg2.connect(
        host=address.host, port=address.port, user=address.user, password=address.password, dbname=address.database
    )


def run(connection: extensions.connection, sql: str, *values: object) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def session_state(server: PostgresServer, connection: extensions.connection) -> Any:
    with closing(server.connect()) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [connection.info.backend_pid])
        return cursor.fetchone()
