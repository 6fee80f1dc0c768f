"""Faults of PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psycopg2
import pytest
from psycopg2 import extensions

from tests.faults.peers import HOST, Peer, forward
from tests.faults.scenario import Connection, Scenario
from tests.faults.sql import CERTIFICATE, KEY, Certificates, SqlWorld, changed, cut_short, scenarios, unencrypted
from tests.servers import APP_PASSWORD, APP_USER, PostgresServer
from tests.servers.programs import ServerStartError, find_program

REJECTED: Final = "rejected_user"
LIMIT: Final = 10

GERMAN: Final = "de_DE.UTF-8"


class GermanPostgresServer(PostgresServer):
    """A PostgreSQL server that speaks German, from the first message on."""

    def initialise(self) -> None:
        super().initialise()
        self._locales().mkdir()
        target = str(self._locales() / GERMAN)
        command = [str(find_program("localedef", ())), "-i", "de_DE", "-f", "UTF-8", target]
        subprocess.run(command, check=True, capture_output=True)
        self._own(self._locales())

    def _locales(self) -> Path:
        return self.directory / "locales"

    def _env(self) -> dict[str, str]:
        return {**super()._env(), "LOCPATH": str(self._locales())}


@contextmanager
def world(directory: Path) -> Iterator[SqlWorld]:
    """Start the servers; the one with TLS speaks German.

    :param directory: for the authorities' files.
    """
    certificates = Certificates(directory)
    tls_conf = {"ssl": "on", "ssl_cert_file": CERTIFICATE, "ssl_key_file": KEY, "lc_messages": GERMAN}
    no_plain_text = ["hostnossl all all 127.0.0.1/32 reject", f"host all {REJECTED} 127.0.0.1/32 reject"]
    tls = GermanPostgresServer(tls_conf, no_plain_text, certificates.files())
    with PostgresServer({"max_connections": str(LIMIT)}) as plain, tls:
        yield SqlWorld(
            family="postgres",
            plain=plain,
            tls=tls,
            certificates=certificates,
            encrypting={"sslmode": "require"},
            verifying=lambda ca: {"sslmode": "verify-full", "sslrootcert": str(ca)},
            reload=partial(reload, tls),
        )


def reload(server: PostgresServer) -> None:
    """Make a server read its files again, and wait until it has."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_conf_load_time()")
        before = cursor.fetchone()
        cursor.execute("SELECT pg_reload_conf()")
    while True:
        with closing(server.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_conf_load_time()")
            if cursor.fetchone() != before:
                return


def as_postgres(server: PostgresServer, *statements: str) -> None:
    """Run statements as the administrator."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _plain(world: SqlWorld) -> PostgresServer:
    assert isinstance(world.plain, PostgresServer)
    return world.plain


@contextmanager
def after(world: SqlWorld, done: str, undone: str, **fields: object) -> Iterator[Connection]:
    """Connect while something is different on the server."""
    as_postgres(_plain(world), done)
    try:
        yield world.at(_plain(world).app, **fields)
    finally:
        as_postgres(_plain(world), undone)


@contextmanager
def to_database(world: SqlWorld, alteration: str) -> Iterator[Connection]:
    """Connect to a database that was altered."""
    as_postgres(_plain(world), "CREATE DATABASE altered", alteration)
    try:
        yield world.at(_plain(world).app, database="altered")
    finally:
        as_postgres(_plain(world), "DROP DATABASE altered")


@contextmanager
def in_german(world: SqlWorld, **fields: object) -> Iterator[Connection]:
    """Connect over TLS to the server that speaks German."""
    yield world.at(world.tls.app, **world.encrypting, **fields)


@contextmanager
def no_connection_left(world: SqlWorld) -> Iterator[Connection]:
    """Connect when all connections are taken."""
    server = _plain(world)
    with ExitStack() as taken:
        with pytest.raises(psycopg2.OperationalError):
            _take_all(server, taken)
        yield world.at(server.app)


def _take_all(server: PostgresServer, taken: ExitStack) -> None:
    for _ in range(2 * LIMIT):
        taken.enter_context(closing(_connected(server)))


def _connected(server: PostgresServer) -> extensions.connection:
    return psycopg2.connect(host=server.app.host, port=server.port, user=APP_USER, password=APP_PASSWORD, dbname="app")


@contextmanager
def standby(world: SqlWorld, hot: str) -> Iterator[Connection]:
    """Connect to a server in recovery."""
    with StandbyServer({"hot_standby": hot}) as server:
        yield world.at(server.app)


class StandbyServer(PostgresServer):
    """A server that is started once more as a standby, after its accounts have been made."""

    def start(self) -> None:
        super().start()
        self._end_process()
        signal_file = self.data / "standby.signal"
        signal_file.touch()
        self._own(signal_file)
        self._launch()
        while not self._answers():
            if self._exited_within(0.05):
                raise ServerStartError(self._log_tail())

    def _answers(self) -> bool:
        """Return whether it says anything at all; without hot standby it never lets anybody in."""
        with suppress(OSError), Peer(forward(self.port)) as peer:
            with suppress(psycopg2.Error):
                psycopg2.connect(host=HOST, port=peer.port, user=APP_USER, sslmode="disable", connect_timeout=2)
            return peer.answers > 0
        return False


SCENARIOS: list[Scenario[SqlWorld]] = scenarios(
    "postgres",
    2,
    [
        ("wrong password, server speaks German", "wrong_password", partial(in_german, password="no such password")),
        ("unknown database, server speaks German", "unknown_database", partial(in_german, database="no_such")),
        ("rejected by pg_hba, server speaks German", "login_denied", partial(in_german, user=REJECTED)),
        ("no password given", "no_password", partial(changed, password=None)),
        (
            "account locked",
            "login_denied",
            partial(after, done=f"ALTER ROLE {APP_USER} NOLOGIN", undone=f"ALTER ROLE {APP_USER} LOGIN"),
        ),
        (
            "password expired",
            "wrong_password",
            partial(
                after,
                done=f"ALTER ROLE {APP_USER} VALID UNTIL '2001-01-01'",
                undone=f"ALTER ROLE {APP_USER} VALID UNTIL 'infinity'",
            ),
        ),
        ("TLS required by the server", "tls_required", partial(unencrypted, sslmode="disable")),
        ("unknown database", "unknown_database", partial(changed, database="no_such_database")),
        (
            "no right on the database",
            "database_denied",
            partial(to_database, alteration="REVOKE CONNECT ON DATABASE altered FROM PUBLIC"),
        ),
        (
            "no right to set what options sets",
            "database_denied",
            partial(changed, options="-c log_statement=all"),
        ),
        ("options of an unknown name", "bad_parameter", partial(changed, options="-c no_such_setting=1")),
        ("options of a wrong value", "bad_parameter", partial(changed, options="-c work_mem=much")),
        (
            "database takes no connections",
            "database_closed",
            partial(to_database, alteration="ALTER DATABASE altered ALLOW_CONNECTIONS false"),
        ),
        ("too many connections", "too_many_connections", no_connection_left),
        ("question about expiries never answered", "ok", partial(cut_short, then="stall", turn=0)),
        ("standby, read-only", "ok", partial(standby, hot="on")),
        ("standby that takes no queries", "not_ready", partial(standby, hot="off")),
    ],
)
