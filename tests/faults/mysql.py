"""Faults of MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.connections import Connection as MySQLConnection
from pymysql.constants import ER

from tests.faults.scenario import Connection, Scenario
from tests.faults.sql import CERTIFICATE, KEY, Certificates, SqlWorld, changed, scenarios, unencrypted
from tests.servers import APP_PASSWORD, MariaDBServer, MySQLFamilyServer

ELSEWHERE = "192.0.2.1"
"""An address that documentation has for itself; no one connects from it."""


@contextmanager
def world(directory: Path) -> Iterator[SqlWorld]:
    """Start the servers.

    :param directory: for the authorities' files.
    """
    certificates = Certificates(directory)
    tls = MariaDBServer(
        ["--require-secure-transport=ON", f"--ssl-cert={CERTIFICATE}", f"--ssl-key={KEY}"], certificates.files()
    )
    with MariaDBServer(["--skip-ssl"]) as plain, tls:
        yield SqlWorld(
            family="mysql",
            plain=plain,
            tls=tls,
            certificates=certificates,
            encrypting={"ssl": True},
            verifying=lambda ca: {"ssl": True, "ssl_ca": str(ca)},
            reload=partial(as_root, tls, "FLUSH SSL"),
        )


def as_root(server: MySQLFamilyServer, *statements: str) -> list[tuple[object, ...]]:
    """Run statements as root and return the rows of the last."""
    rows: list[tuple[object, ...]] = []
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            rows = list(cursor.fetchall())
    return rows


def _plain(world: SqlWorld) -> MariaDBServer:
    assert isinstance(world.plain, MariaDBServer)
    return world.plain


@contextmanager
def altered(world: SqlWorld, alteration: str, fault_user: str = "altered") -> Iterator[Connection]:
    """Connect as an account that was altered."""
    identified = f"CREATE USER {fault_user}@'%' IDENTIFIED BY 'secret of the altered'"
    as_root(_plain(world), identified, f"ALTER USER {fault_user}@'%' {alteration}")
    try:
        yield world.at(_plain(world).app, user=fault_user, password="secret of the altered", database=None)
    finally:
        as_root(_plain(world), f"DROP USER {fault_user}@'%'")


@contextmanager
def speaking_czech(world: SqlWorld) -> Iterator[Connection]:
    """Connect with a wrong password to a server that says so in Czech."""
    as_root(_plain(world), "SET GLOBAL lc_messages = 'cs_CZ'")
    try:
        yield world.at(_plain(world).app, password="no such password")
    finally:
        as_root(_plain(world), "SET GLOBAL lc_messages = 'en_US'")


@contextmanager
def no_connection_left(world: SqlWorld) -> Iterator[Connection]:
    """Connect when all connections are taken."""
    server = _plain(world)
    as_root(server, "SET GLOBAL max_connections = 10")
    try:
        with ExitStack() as taken:
            _take_all(server, taken)
            yield world.at(server.app)
    finally:
        as_root(server, "SET GLOBAL max_connections = 151")


def _take_all(server: MariaDBServer, taken: ExitStack) -> None:
    def take() -> None:
        for _ in range(20):
            taken.enter_context(closing(_connected(server)))

    with pytest.raises(pymysql.OperationalError) as full:
        take()
    assert full.value.args[0] == ER.CON_COUNT_ERROR


def _connected(server: MariaDBServer) -> MySQLConnection[Any]:
    return pymysql.connect(host=server.app.host, port=server.port, user=server.app.user, password=APP_PASSWORD.encode())


@contextmanager
def let_in_from_elsewhere(world: SqlWorld) -> Iterator[Connection]:
    """Connect to a server that has accounts only for another machine."""
    server = _plain(world)
    actual = as_root(server, "SELECT User, Host FROM mysql.global_priv WHERE Host IN ('%', '127.0.0.1')")
    moved = [(f"'{user}'@'{host}'", f"'{user}'@'{ELSEWHERE}'") for user, host in actual]
    as_root(server, *(f"RENAME USER {old} TO {new}" for old, new in moved), "FLUSH PRIVILEGES")
    try:
        yield world.at(server.app)
    finally:
        as_root(server, *(f"RENAME USER {new} TO {old}" for old, new in moved), "FLUSH PRIVILEGES")


@contextmanager
def encrypted(world: SqlWorld, password: str) -> Iterator[Connection]:
    """Connect over TLS with another password."""
    yield world.at(world.tls.app, **world.encrypting, password=password)


@contextmanager
def as_administrator(world: SqlWorld, database: str) -> Iterator[Connection]:
    """Connect as a user with rights everywhere."""
    yield world.at(world.plain.admin, database=database)


_TLS_REQUIRED = "TLS required by the server, right password"
_SCENARIOS = scenarios(
    "mysql",
    1,
    [
        ("wrong password, server speaks Czech", "wrong_password", speaking_czech),
        ("account locked", "account_locked", partial(altered, alteration="ACCOUNT LOCK")),
        ("password expired", "password_expired", partial(altered, alteration="PASSWORD EXPIRE")),
        ("host not allowed", "host_not_allowed", let_in_from_elsewhere),
        (_TLS_REQUIRED, "wrong_password", partial(unencrypted, ssl=False)),
        ("wrong password over TLS", "wrong_password", partial(encrypted, password="no such password")),
        ("unknown database", "unknown_database", partial(as_administrator, database="no_such_database")),
        ("no right on the database", "database_denied", partial(changed, database="mysql")),
        ("too many connections", "too_many_connections", no_connection_left),
        ("too many queries", "too_many_connections", partial(altered, alteration="WITH MAX_QUERIES_PER_HOUR 1")),
    ],
)
SCENARIOS: list[Scenario[SqlWorld]] = [
    # MariaDB 11 has a code of its own for it, as MySQL has.
    replace(one, newer="tls_required") if one.name == _TLS_REQUIRED else one
    for one in _SCENARIOS
]
