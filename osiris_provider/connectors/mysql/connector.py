"""The connector of the mysql family."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.faults import GARBAGE, RESET, transport_fault
from osiris_provider.connectors.mysql import expiry
from osiris_provider.connectors.mysql.client import close, drop, with_interrupts
from osiris_provider.connectors.mysql.connection import MySQLConnection
from osiris_provider.connectors.mysql.faults import (
    DATABASE_DENIED,
    LOST_CODES,
    ROLE_NOT_ACTIVE,
    UNKNOWN_VARIABLE,
    fault_of_code,
)
from osiris_provider.connectors.mysql.login import login, protocol
from osiris_provider.connectors.mysql.mysql_hook import MYSQL
from osiris_provider.connectors.sql.dbapi import DiagnosedError, is_leased, version_text
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import CLIENT_CERTIFICATE, note_certificate_file

if TYPE_CHECKING:
    from pymysql.connections import Connection

SOON_SECONDS: Final = 5.0
_SERVER: Final = "SELECT VERSION(), @@character_set_connection"
_INACTIVE_ROLES: Final = """
    SELECT COUNT(*) FROM information_schema.applicable_roles WHERE role_name NOT IN
    (SELECT role_name FROM information_schema.enabled_roles WHERE role_name IS NOT NULL)
"""


class MySQLConnector(Connector[MySQLConnection, "Connection[Any]"]):
    """Makes PyMySQL connections and checks them."""

    family = "mysql"
    label = "MySQL"
    model = MySQLConnection
    libraries = ("pymysql",)
    other_types: ClassVar = {"mysql": MYSQL}

    def open_client(self, model: MySQLConnection, deadline: Deadline) -> Connection[Any]:
        """Return a PyMySQL connection, logged in, without autocommit; see :meth:`Connector.open_client`."""
        client = login(model, deadline, autocommit=False)
        opened: Connection[Any] = with_interrupts(client, lambda: _login_soon(model), model.shown_address())
        return opened

    def probe(self, model: MySQLConnection, deadline: Deadline) -> dict[str, Any]:
        """Log in and run a query; see :meth:`Connector.probe`. A replica is healthy; ``read_only`` says so."""
        import pymysql

        try:
            connection = login(model, deadline, release=False)
        except pymysql.OperationalError as error:
            if error.args[0] != DATABASE_DENIED or not model.database:
                raise
            denied = error
        else:
            with closing(connection), protocol():
                details = _details(connection)
                note_certificate_file(CLIENT_CERTIFICATE, model.ssl_cert)
                if model.password.get_secret_value():
                    expiry.note_password(connection, deadline)
                return details
        if _has_inactive_role(model, deadline):
            raise DiagnosedError(ROLE_NOT_ACTIVE)
        raise denied

    def is_alive(self, client: Connection[Any]) -> bool:
        """Ask the server, unless the client is at work."""
        if not is_leased(client):
            client.ping(reconnect=False)
        return True

    def close_client(self, client: Connection[Any]) -> None:
        """Log out and close; a connection that is closed already stays so."""
        if is_leased(client):
            # A driver is at work, and its task is being killed.
            drop(client)
        else:
            close(client)

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
        return fault_of_code(code) if isinstance(code, int) else None


def _login_soon(model: MySQLConnection) -> Connection[Any]:
    """Return a connection that all in all has some seconds: to end a statement, or to ask about locks."""
    return login(model, Deadline(SOON_SECONDS), release=False)


def _details(connection: Connection[Any]) -> dict[str, Any]:
    import pymysql

    with connection.cursor() as cursor:
        try:
            cursor.execute(f"{_SERVER}, @@read_only, @@innodb_read_only")
        except pymysql.Error as error:
            # What speaks the protocol without being MySQL may not have all of its variables.
            if error.args[0] != UNKNOWN_VARIABLE:
                raise
            cursor.execute(_SERVER)
        version, charset, *read_only = cursor.fetchone() or ("", "")
    details = {"server_version": version_text(version), "charset": version_text(charset)}
    # Numbers, or from MariaDB 12 on words.
    writable = all(str(value) in ("0", "OFF") for value in read_only)
    return details if writable else {**details, "read_only": True}


def _has_inactive_role(model: MySQLConnection, deadline: Deadline) -> bool:
    """Return whether the user has a role that is not active; the server says so to who asks without the database."""
    import pymysql

    with suppress(pymysql.Error, DiagnosedError, OSError):
        connection = login(model.model_copy(update={"database": None}), deadline, release=False)
        with closing(connection), protocol(), connection.cursor() as cursor:
            cursor.execute(_INACTIVE_ROLES)
            return bool((cursor.fetchone() or (0,))[0])
    return False
