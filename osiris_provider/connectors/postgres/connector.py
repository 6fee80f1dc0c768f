"""PostgreSQL, through psycopg2."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.faults import RESET
from osiris_provider.connectors.interrupt import opened
from osiris_provider.connectors.postgres import expiry, libpq
from osiris_provider.connectors.postgres.client import connection_class, lock_holders
from osiris_provider.connectors.postgres.connection import PostgresConnection
from osiris_provider.connectors.postgres.dsn import parsed
from osiris_provider.connectors.postgres.faults import fault_of_sqlstate
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.connectors.postgres.postgres_hook import POSTGRES
from osiris_provider.connectors.sql.dbapi import DiagnosedError, is_leased, version_text
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline

if TYPE_CHECKING:
    from psycopg2 import extensions

NOT_ASKED_FOR = "the server lets this user in from here without a password, so the one of the connection is not proven"
HOLDERS_SECONDS = 5
"""To log in and ask who holds a lock."""


class PostgresConnector(Connector[PostgresConnection, "extensions.connection"]):
    """Makes psycopg2 connections and checks them."""

    family = "postgres"
    label = "PostgreSQL"
    model = PostgresConnection
    libraries = ("psycopg2",)
    other_types: ClassVar = {"postgres": POSTGRES}

    def open_client(self, model: PostgresConnection, deadline: Deadline) -> extensions.connection:
        """Return a psycopg2 connection, logged in, without autocommit; see :meth:`Connector.open_client`.

        The login is tried asynchronously first: that keeps the deadline and knows the code of a refusal, but cursors
        on the server and COPY need a synchronous connection. So a wrong password is sent only once (CONN-019).
        """
        parameters = model.parameters()
        log_in = partial(libpq.log_in, parameters, deadline)
        with contextlib.closing(opened(log_in, lambda connection: connection.close(), deadline.end)) as tried:
            parameters = Parameters({"password": "", **parameters, **libpq.as_reached(tried)})
        seconds = math.ceil(deadline.remaining())
        client = _connect(parameters.but(connect_timeout=seconds))
        client.lock_holders = partial(_holders, parameters, model.shown_address())  # type: ignore[attr-defined] # of our class
        _have_the_line_watched(client)
        return client

    def on_database(self, connection: Mapping[str, Any], database: str) -> ResolvedConnection:
        """Put the database into the DSN, if there is one; see :meth:`Connector.on_database`."""
        model = self.model.parse(connection)
        if model.dsn is None:
            return super().on_database(connection, database)
        from psycopg2.extensions import make_dsn

        dsn = make_dsn(**{**parsed(model.dsn.get_secret_value()), "dbname": database})
        names = ("dsn", *self.declared()["dsn"].info.aliases)
        kept = {name: value for name, value in connection.items() if name not in names}
        return ResolvedConnection({**kept, "dsn": dsn}, self.model)

    def probe(self, model: PostgresConnection, deadline: Deadline) -> dict[str, Any]:
        """Log in and run a query; see :meth:`Connector.probe`. A standby is healthy; ``read_only`` says so.

        So is a server that asks for no password, but one that the connection has is not proven by it.
        """
        parameters = model.parameters()
        with contextlib.closing(libpq.log_in(parameters, deadline)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT current_setting('transaction_read_only')")
            libpq.wait(connection, deadline)
            details: dict[str, Any] = {
                "server_version": version_text(connection.get_parameter_status("server_version"))
            }
            if cursor.fetchone() == ("on",):
                details["read_only"] = True
            if parameters.get("password") and not connection.info.used_password:
                details |= {"proven": False, "note": NOT_ASKED_FOR}
            expiry.note_certificates(connection, model.shown_address())
            expiry.note_password(connection, deadline)
            return details

    def is_alive(self, client: extensions.connection) -> bool:
        """Ask the server, unless the client is at work."""
        if client.closed:
            return False
        if not is_leased(client):
            with client.cursor() as cursor:
                cursor.execute("SELECT 1")
            client.rollback()
        return True

    def close_client(self, client: extensions.connection) -> None:
        """Log out and close."""
        client.close()

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault of a psycopg2 error by its SQLSTATE."""
        import psycopg2

        if isinstance(error, DiagnosedError):
            return error.fault
        if not isinstance(error, psycopg2.Error):
            return None
        if error.pgcode:
            return fault_of_sqlstate(error.pgcode)
        # libpq itself found the line broken; the server's errors have a code.
        lost = isinstance(error, psycopg2.InterfaceError | psycopg2.OperationalError) or type(error) is (
            psycopg2.DatabaseError
        )
        return RESET if lost else None


def _connect(parameters: Parameters) -> extensions.connection:
    """Return a connection that can be interrupted, as its login can."""
    import psycopg2

    def connect() -> extensions.connection:
        connection: extensions.connection = psycopg2.connect(**parameters, connection_factory=connection_class())
        return connection

    return opened(connect, lambda connection: connection.close())


def _holders(parameters: Parameters, address: str, pid: int) -> list[str]:
    import psycopg2

    with contextlib.closing(psycopg2.connect(**parameters, connect_timeout=HOLDERS_SECONDS)) as connection:
        return lock_holders(connection, address, pid)


def _have_the_line_watched(client: extensions.connection) -> None:
    """Have the server notice while it works on a query that this process has died, and stop (CONN-014)."""
    import psycopg2

    # Servers from version 14 can; some systems they run on cannot.
    if client.server_version >= 140000:
        with contextlib.suppress(psycopg2.Error), client.cursor() as cursor:
            cursor.execute("SET client_connection_check_interval = '2s'")
            client.commit()
        client.rollback()
