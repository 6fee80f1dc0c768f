"""A throwaway MySQL server, and what it shares with MariaDB's."""

from __future__ import annotations

import os
import re
import signal
import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pymysql
import pytest
from pymysql.connections import Connection
from pymysql.constants import ER
from pymysql.constants.CR import CR_SERVER_LOST
from pymysql.cursors import Cursor

from tests.servers.address import APP_PASSWORD, APP_USER, Address
from tests.servers.process import HOST, OF_TESTS, Server, has_apparmor
from tests.servers.programs import find_mysqld

_ADMIN: Final = "admin"
_ADMIN_PASSWORD: Final = "admin"

# The data lives for one session: nothing has to survive a crash. Everything that a client can notice stays
# as the server's users meet it.
_FAST: Final = (
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-size=128M",
    "--skip-name-resolve",
    # A machine that stood still for the usual ten seconds has lost every login that was under way.
    "--connect-timeout=60",
)


class MySQLFamilyServer(Server):
    """What MySQL and MariaDB have in common.

    :param extra_args: Further options of the server, e.g. ``--max-connections=3``.
    :param files: See :class:`~tests.servers.process.Server`.
    """

    system_user = "mysql"
    shutdown_signal = signal.SIGKILL

    def __init__(self, extra_args: Sequence[str] = (), files: Mapping[str, bytes] | None = None) -> None:
        super().__init__(files)
        self._extra_args = list(extra_args)

    @property
    def admin(self) -> Address:
        return Address(HOST, self.port, _ADMIN, _ADMIN_PASSWORD, "mysql")

    @abstractmethod
    def own_options(self) -> Sequence[str]:
        """Return the options that only this kind of server has."""

    def command(self) -> list[str]:
        return [
            str(self.programs()[-1]),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--tmpdir={self.directory}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            *_FAST,
            *self.own_options(),
            *self._extra_args,
        ]

    def connect(self) -> Connection:
        """Connect as root over the socket, where no rule for TLS or hosts applies."""
        try:
            return self._connected()
        except pymysql.MySQLError as error:
            # MySQL 9.7 may send what goes wrong with a session whose client has gone to the one that comes next.
            if error.args[0] != CR_SERVER_LOST and not isinstance(error, pymysql.InternalError):
                raise
        return self._connected()

    def _connected(self) -> Connection:
        path = str(self.directory / "socket")
        # For a TLS that it does not use here, PyMySQL would read the system's authorities: 25 ms of a processor.
        connection = pymysql.connect(
            unix_socket=path, user="root", charset="utf8mb4", autocommit=True, ssl_disabled=True, defer_connect=True
        )
        # PyMySQL leaves its own socket open when no one listens on the path yet.
        transport = socket.socket(socket.AF_UNIX)
        try:
            transport.connect(path)
            connection.connect(transport)
        except BaseException:
            transport.close()
            raise
        return connection

    def version(self) -> tuple[int, ...]:
        """Return the running server's version, such as ``(9, 7, 4)``."""
        ((version,),) = self._execute("SELECT VERSION()")
        return tuple(int(part) for part in re.findall(r"\d+", str(version))[:3])

    def probe(self) -> bool:
        try:
            self.connect().close()
        except (OSError, pymysql.OperationalError):
            return False
        return True

    def create_account(self) -> None:
        self._execute(f"CREATE USER {_ADMIN}@'%%' IDENTIFIED BY %s", _ADMIN_PASSWORD)
        self._execute(f"GRANT ALL ON *.* TO {_ADMIN}@'%' WITH GRANT OPTION")
        self._execute(f"CREATE USER {APP_USER}@'%%' IDENTIFIED BY %s", APP_PASSWORD)
        pattern = OF_TESTS.replace("_", r"\_") + "%"
        self._execute(f"GRANT ALL ON `{pattern}`.* TO {APP_USER}@'%'")
        self.create_database("app")

    def create_database(self, name: str) -> None:
        self._execute(f"CREATE DATABASE `{name}`")
        # A grant for each of a thousand databases would be sent and read for each statement that asks for rights.
        if not name.startswith(OF_TESTS):
            self._execute(f"GRANT ALL ON `{name}`.* TO {APP_USER}@'%'")

    def drop_database(self, name: str) -> None:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            # The metadata lock of a transaction left open would make DROP DATABASE wait for ever.
            cursor.execute("SHOW PROCESSLIST")
            for session, _user, _host, database, *_ in cursor.fetchall():
                if database == name:
                    _kill(cursor, session)
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")

    def _execute(self, statement: str, *values: object) -> tuple[tuple[object, ...], ...]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()


class MySQLServer(MySQLFamilyServer):
    """A throwaway MySQL server: ``caching_sha2_password``, its own certificates, no LOAD DATA LOCAL."""

    label = "mysql"
    # Ubuntu's rules for mysqld (AppArmor) let it into /tmp, and not there.
    in_memory = not has_apparmor()

    def programs(self) -> list[Path]:
        return [find_mysqld()]

    def initialise(self) -> None:
        if os.environ.get("TEST_WITHOUT") == self.label:
            pytest.skip("scripts/test found no MySQL and could not download one: MySQL is not tested")
        self.make_data(
            [
                str(self.programs()[0]),
                "--no-defaults",
                f"--datadir={self.data}",
                f"--tmpdir={self.directory}",
                "--initialize-insecure",
            ]
        )

    def own_options(self) -> Sequence[str]:
        # The directory that Debian's package would make is not there.
        return ("--mysqlx=OFF", "--secure-file-priv=NULL")


def _kill(cursor: Cursor, session: int) -> None:
    try:
        cursor.execute(f"KILL {session}")
    except pymysql.OperationalError as error:
        if error.args[0] != ER.NO_SUCH_THREAD:
            raise
