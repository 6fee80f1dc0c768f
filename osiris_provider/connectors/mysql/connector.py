"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, StringConstraints, model_validator
from typing_extensions import Self

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.dbapi import (
    DiagnosedError,
    build_url,
    is_leased,
    place_of,
    readable_file,
    version_text,
)
from osiris_provider.connectors.deadline import Deadline, DeadlineContext, open_socket, shared_context, tls_context
from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REFUSED, TLS_REQUIRED, Fault, transport_fault
from osiris_provider.connectors.model import ConnectionModel, Info
from osiris_provider.connectors.mysql.faults import ACCESS_DENIED, FAULTS, LOST_CODES
from osiris_provider.connectors.sql_faults import CLEAR_PASSWORD
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    from pymysql.connections import Connection

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

CLEAR = ("mysql_clear_password", "dialog")
HASHLESS = (*CLEAR, "caching_sha2_password", "sha256_password")
"""Ways to log in that send the password in clear text; those of the second kind do so over TLS."""


class MySQLConnection(ConnectionModel):
    """A MySQL or MariaDB connection."""

    host: Annotated[Name, Info("Server name or address.", public=True, airflow="host", placeholder="db.example.com")]
    port: Annotated[int, Info("Port of the server.", airflow="port", placeholder="3306"), Field(ge=1, le=65535)] = 3306
    database: Annotated[
        Name | None, Info("Database to use.", public=True, airflow="schema", aliases=("db", "dbname"))
    ] = None
    user: Annotated[Name, Info("User to log in as.", airflow="login", aliases=("username",))]
    password: Annotated[SecretStr, Info("Password of the user.", airflow="password", aliases=("passwd", "pwd"))] = (
        SecretStr("")
    )
    charset: Annotated[Name, Info("Character set of the connection.")] = "utf8mb4"
    ssl: Annotated[bool, Info("Encrypt, or do not connect at all.")] = False
    ssl_ca: Annotated[
        Name | None,
        Info(
            "PEM file of the authority that signed the server's certificate; it is then verified, with the host name."
        ),
    ] = None
    ssl_cert: Annotated[Name | None, Info("PEM file of the client certificate.")] = None
    ssl_key: Annotated[Name | None, Info("PEM file of the client certificate's key.")] = None
    ssl_verify: Annotated[bool, Info("Verify the certificate against the system's authorities.")] = False
    connect_timeout: Annotated[float, Info("Seconds to connect and log in."), Field(gt=0, le=3600)] = 10.0
    read_timeout: Annotated[float | None, Info("Seconds to wait for each answer; no limit if empty."), Field(gt=0)] = (
        None
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tls and not self.ssl and "ssl" in self.model_fields_set:
            message = "ssl is false but ssl_ca, ssl_cert, ssl_key or ssl_verify asks for TLS; set ssl: true"
            raise ValueError(message)
        if self.ssl_key and not self.ssl_cert:
            message = "ssl_key is given without ssl_cert; give both"
            raise ValueError(message)
        return self

    @property
    def tls(self) -> bool:
        """Whether the line must be encrypted; naming a certificate asks for it too."""
        return bool(self.ssl or self.ssl_ca or self.ssl_cert or self.ssl_key or self.ssl_verify)

    def connect_seconds(self) -> float:
        """Return ``connect_timeout``."""
        return self.connect_timeout

    def place(self) -> str:
        """Return ``host:port``."""
        return place_of(self.host, self.port)

    def as_url(self, *, redacted: bool) -> str:
        """Return ``mysql://user:password@host:port/database?charset=…``."""
        place = self.host, self.port
        if redacted:
            return build_url("mysql", None, place, self.database)
        login = self.user, self.password.get_secret_value()
        return build_url("mysql", login, place, self.database, {"charset": self.charset})

    def context(self) -> DeadlineContext | None:
        """Return the TLS context that the fields ask for (CONN-017), or None. Nobody may change it.

        :raises ConnectionConfigError: a file is missing or is not PEM.
        """
        if not self.tls:
            return None
        ca, cert, key = (readable_file(name, getattr(self, name)) for name in ("ssl_ca", "ssl_cert", "ssl_key"))
        if self.ssl_verify and not (ca or cert):
            return shared_context(tls_context)
        try:
            return tls_context(ca=ca, cert=cert, key=key, verify=bool(ca or self.ssl_verify))
        except OSError:
            message = "fields ssl_ca, ssl_cert, ssl_key: a file is not PEM, or the key is not the certificate's"
        raise ConnectionConfigError(message, field="ssl_cert" if cert else "ssl_ca")


class MySQLConnector(Connector[MySQLConnection, "Connection[Any]"]):
    """Makes PyMySQL connections and checks them."""

    family = "mysql"
    label = "MySQL"
    model = MySQLConnection
    libraries = ("pymysql",)

    def open_client(self, model: MySQLConnection, deadline: Deadline) -> Connection[Any]:
        """Return a PyMySQL connection, logged in, without autocommit; see :meth:`Connector.open_client`."""
        return _login(model, deadline, autocommit=False)

    def prove(self, model: MySQLConnection, deadline: Deadline) -> dict[str, Any]:
        """Log in and run a query; see :meth:`Connector.prove`. A replica is well, and told by ``read_only``."""
        with closing(_login(model, deadline, release=False)) as connection, _protocol(), connection.cursor() as cursor:
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
                with suppress(OSError):
                    client._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
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


def _login(
    model: MySQLConnection, deadline: Deadline, *, release: bool = True, autocommit: bool | None = None
) -> Connection[Any]:
    """Connect and log in.

    :param release: False keeps the deadline on the connection's socket, and finds out whether a login was refused
        for want of TLS, which takes a second login; a client tries once (CONN-019).
    :param autocommit: None leaves it to the server and saves a question.
    """
    import pymysql

    context = model.context()
    connection = _new_connection(model, context, autocommit)
    try:
        return _dial(connection, model, deadline, release=release)
    except pymysql.OperationalError as error:
        asks = not release and context is None and _offers_tls(connection)
        if error.args[0] != ACCESS_DENIED or not asks:
            raise
        denied = error
    if _accepted_over_tls(model, deadline):
        raise DiagnosedError(TLS_REQUIRED)
    raise denied


def _dial(connection: Connection[Any], model: MySQLConnection, deadline: Deadline, *, release: bool) -> Connection[Any]:
    with _protocol():
        connection.connect(open_socket(model.host, model.port, deadline))
    if release:
        line: Any = connection._sock  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
        line.deadline = None
        # The deadline left its last timeout on the socket; PyMySQL sets its own only when that changes.
        line.settimeout(model.read_timeout)
    return connection


def _accepted_over_tls(model: MySQLConnection, deadline: Deadline) -> bool:
    """Return whether the same login works over TLS: only so can "TLS required" be told from "wrong password".

    Nobody vouches for the server here, so it gets no more than a hash of the password, whatever it asks for.
    """
    context = tls_context(verify=False)
    try:
        with closing(_new_connection(model, context, None, hashes_only=True)) as connection:
            _dial(connection, model, deadline, release=False)
    except Exception:  # noqa: BLE001 - whatever happens here, the first refusal is what there is to report
        return False
    return True


def _offers_tls(connection: Connection[Any]) -> bool:
    from pymysql.constants import CLIENT

    return bool(getattr(connection, "server_capabilities", 0) & CLIENT.SSL)


def _new_connection(
    model: MySQLConnection, context: DeadlineContext | None, autocommit: bool | None, *, hashes_only: bool = False
) -> Connection[Any]:
    from pymysql.charset import charset_by_name
    from pymysql.constants import CLIENT

    if not charset_by_name(model.charset):
        message = "field charset: PyMySQL does not know it; utf8mb4 is what most servers use"
        raise ConnectionConfigError(message, field="charset")
    refused = HASHLESS if hashes_only else CLEAR if context is None else ()
    return _connection_class(hashes_only=hashes_only)(
        host=model.host,
        port=model.port,
        user=model.user,
        # As bytes: PyMySQL encodes text as Latin-1, whatever the charset of the connection.
        password=model.password.get_secret_value().encode(),
        database=model.database,
        charset=model.charset,
        ssl=context,
        ssl_disabled=context is None,
        read_timeout=model.read_timeout,
        autocommit=autocommit,
        program_name="osiris",
        # For LOAD DATA of the writer, which sends its own rows; PyMySQL still refuses a server that asks for a file.
        client_flag=CLIENT.LOCAL_FILES,
        local_infile=False,
        auth_plugin_map=dict.fromkeys(refused, _NoClearPassword),
        defer_connect=True,
    )


class _NoClearPassword:
    """Keeps PyMySQL from sending the password in clear text over an unencrypted line, as the server may ask."""

    def __init__(self, _connection: Connection[Any]) -> None:
        pass

    def authenticate(self, _packet: object) -> object:
        raise DiagnosedError(CLEAR_PASSWORD)


@cache
def _connection_class(*, hashes_only: bool) -> type[Connection[Any]]:
    from pymysql.connections import Connection

    class TLSOrNothing(Connection):
        """Before 1.2 PyMySQL logs in over plain text if the server offers no TLS, although TLS was asked for."""

        def _request_authentication(self) -> None:
            if self.ssl and not _offers_tls(self):
                raise DiagnosedError(TLS_REFUSED)
            if hashes_only and getattr(self, "_auth_plugin_name", "") in HASHLESS:
                raise DiagnosedError(CLEAR_PASSWORD)
            super()._request_authentication()  # type: ignore[misc]  # its base is untyped

    return TLSOrNothing


@contextmanager
def _protocol() -> Iterator[None]:
    """Name what PyMySQL's parser makes of bytes that are not MySQL's protocol."""
    garbage = False
    try:
        yield
    except (struct.error, IndexError, KeyError, AssertionError, TypeError, ValueError) as error:
        if isinstance(error, ssl.CertificateError | UnicodeEncodeError):
            raise
        garbage = True
    if garbage:
        raise DiagnosedError(GARBAGE)
