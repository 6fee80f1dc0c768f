"""The connector of the mysql family."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.dbapi import DiagnosedError, is_leased, version_text
from osiris_provider.connectors.deadline import Deadline
from osiris_provider.connectors.faults import GARBAGE, RESET, Fault, transport_fault
from osiris_provider.connectors.mysql.connection import MySQLConnection
from osiris_provider.connectors.mysql.faults import FAULTS, LOST_CODES
from osiris_provider.connectors.mysql.login import login, protocol

if TYPE_CHECKING:
    from pymysql.connections import Connection


class MySQLConnector(Connector[MySQLConnection, "Connection[Any]"]):
    """Makes PyMySQL connections and checks them."""

    family = "mysql"
    label = "MySQL"
    model = MySQLConnection
    libraries = ("pymysql",)

    def open_client(self, model: MySQLConnection, deadline: Deadline) -> Connection[Any]:
        """Return a PyMySQL connection, logged in, without autocommit; see :meth:`Connector.open_client`."""
        return login(model, deadline, autocommit=False)

    def prove(self, model: MySQLConnection, deadline: Deadline) -> dict[str, Any]:
        """Log in and run a query; see :meth:`Connector.prove`. A replica is well, and told by ``read_only``."""
        with closing(login(model, deadline, release=False)) as connection, protocol(), connection.cursor() as cursor:
            cursor.execute("SELECT VERSION(), @@character_set_connection, @@read_only")
            version, charset, read_only = cursor.fetchone() or ("", "", 0)
        details = {"server_version": version_text(version), "charset": version_text(charset)}
        # A number, or from MariaDB 12 on a word.
        return details if str(read_only) in ("0", "OFF") else {**details, "read_only": True}

    def is_alive(self, client: Connection[Any]) -> bool:
        """Ask the server, unless the client is at work."""
        if not is_leased(client):
            client.ping(reconnect=False)
        return True

    def close_client(self, client: Connection[Any]) -> None:
        """Log out and close; a connection that is closed already stays so."""
        if client.open:
            if is_leased(client):
                # A driver is at work, and its task is being killed. A server that is busy with a query notices a line
                # that is cut, but not one on which a goodbye waits to be read.
                line: Any = client._sock  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
                with suppress(OSError):
                    # The socket's own, not TLS's, which would pull the session away from under the driver.
                    socket.socket.shutdown(line, socket.SHUT_RDWR)
            client.close()

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault of a PyMySQL error by its code."""
        import pymysql

        if isinstance(error, DiagnosedError):
            return error.fault
        if not isinstance(error, pymysql.Error):
            return None
        code = error.args[0] if error.args else None
        if code in LOST_CODES:
            return transport_fault(error) or RESET
        if isinstance(error, pymysql.InternalError) and not isinstance(code, int):
            return GARBAGE
        return FAULTS.get(code) if isinstance(code, int) else None
