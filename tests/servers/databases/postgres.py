"""A throwaway PostgreSQL server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2 import extensions, sql

from tests.servers.address import APP_PASSWORD, APP_USER, Address
from tests.servers.process import HOST, Server
from tests.servers.programs import find_program

_ADMIN: Final = "postgres"
_ADMIN_PASSWORD: Final = "admin"

# The data lives for one session: nothing has to survive a crash.
_FAST: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
}

STRATEGIES_SINCE: Final = 150_000
"""The version of the server since which CREATE DATABASE has strategies."""

_SOCKET_HBA: Final = f"local all {_ADMIN} trust"
_TCP_HBA: Final = f"host all all {HOST}/32 scram-sha-256"


def _directories() -> list[Path]:
    """Debian keeps one directory a major version; the newest comes first."""
    paths = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return sorted(paths, key=lambda path: int(path.parent.name), reverse=True)


class PostgresServer(Server):
    """A throwaway PostgreSQL server.

    :param conf: Settings of postgresql.conf, e.g. ``{"max_connections": "3"}``.
    :param hba: Lines of pg_hba.conf that come before the usual one (password over TCP from 127.0.0.1).
    :param files: See :class:`~tests.servers.process.Server`.
    """

    label = "postgres"
    system_user = "postgres"
    shutdown_signal = signal.SIGINT

    def __init__(
        self,
        conf: Mapping[str, str] | None = None,
        hba: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(files)
        self._session: extensions.connection | None = None
        self._conf = {**_FAST, **(conf or {})}
        self._hba = [_SOCKET_HBA, *hba, _TCP_HBA]

    @property
    def admin(self) -> Address:
        return Address(HOST, self.port, _ADMIN, _ADMIN_PASSWORD, "postgres")

    def programs(self) -> list[Path]:
        return [find_program(name, _directories()) for name in ("initdb", "postgres")]

    def initialise(self) -> None:
        password = self.directory / "password"
        password.write_text(_ADMIN_PASSWORD)
        password.chmod(0o644)
        self.make_data(
            [
                str(self.programs()[0]),
                f"--pgdata={self.data}",
                f"--username={_ADMIN}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ]
        )
        (self.data / "pg_hba.conf").write_text("\n".join(self._hba) + "\n")

    def command(self) -> list[str]:
        settings = {**self._conf, "listen_addresses": HOST, "port": str(self.port)}
        settings["unix_socket_directories"] = str(self.directory)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs()[-1]), "-D", str(self.data), *options]

    def connect(self, database: str = "postgres") -> extensions.connection:
        """Connect as the administrator over the socket, where the rules of ``hba`` do not apply."""
        connection = psycopg2.connect(host=str(self.directory), port=self.port, user=_ADMIN, dbname=database)
        connection.autocommit = True
        return connection

    def probe(self) -> bool:
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def create_account(self) -> None:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            cursor.execute(statement.format(sql.Identifier(APP_USER), sql.Literal(_verifier(APP_PASSWORD))))
            self._create_database("app", connection)

    def create_database(self, name: str) -> None:
        self._create_database(name, self._kept())

    def drop_database(self, name: str) -> None:
        with self._kept().cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create_database(self, name: str, connection: extensions.connection) -> None:
        # Half the time of the usual strategy, which writes the new database to the log of transactions.
        strategy = " STRATEGY file_copy" if connection.server_version >= STRATEGIES_SINCE else ""
        statement = sql.SQL("CREATE DATABASE {} OWNER {}" + strategy)
        with connection.cursor() as cursor:
            cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(APP_USER)))

    def _kept(self) -> extensions.connection:
        """Return a session of the administrator that stays: to start one takes as long as to drop a database."""
        if self._session is None:
            self._session = self.connect()
        return self._session

    def _end_process(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
        super()._end_process()


def _verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password for SCRAM, with one round of hashing for its thousands.

    They are to slow down whoever has stolen it, and slow down each login of the tests.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    parts = [base64.b64encode(part).decode() for part in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))]
    return "SCRAM-SHA-256$1:{}${}:{}".format(*parts)
