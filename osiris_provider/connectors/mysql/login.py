"""Opening and logging in a PyMySQL connection, within a deadline and without giving the password away."""

from __future__ import annotations

import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from io import BufferedReader
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.faults import GARBAGE, TLS_FAILED, TLS_REFUSED, TLS_VERSION, transport_fault
from osiris_provider.connectors.mysql import faults
from osiris_provider.connectors.mysql.authentication import Authentication
from osiris_provider.connectors.mysql.connection import MySQLConnection
from osiris_provider.connectors.sql.dbapi import DiagnosedError, open_local
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import DeadlineSocket, open_socket

if TYPE_CHECKING:
    from pymysql.connections import Connection

HEADER: Final = 4
"""Bytes before a packet: three of its length, and its number."""
MAX_LOGIN_PACKET: Final = 1 << 16
"""Bytes that the server may say at a time until the client is logged in; a greeting has about a hundred."""
MAX_ANSWER: Final = (1 << 31) - 1
"""Bytes of one packet that comes in pieces of 16 MiB; a value has 1 GiB at the most."""
NO_PLUGIN: Final = "none"
SSL_FLAG: Final = 1 << 11
SECOND_FACTOR_FLAG: Final = 1 << 28
"""CLIENT_SSL and MULTI_FACTOR_AUTHENTICATION of the protocol."""


def login(
    model: MySQLConnection, deadline: Deadline, *, release: bool = True, autocommit: bool | None = None
) -> Connection[Any]:
    """Connect and log in.

    :param model: the connection.
    :param deadline: bounds everything until the client is logged in.
    :param release: False keeps the deadline on the connection's socket.
    :param autocommit: None leaves it to the server and saves a question.
    :raises ConnectionConfigError: a file that the connection names is missing or wrong.
    :raises DiagnosedError: the server wants what must not be given to it, or does not speak the protocol.
    :raises pymysql.Error: the server refused the login, or the line failed.
    """
    import pymysql

    connection = _new_connection(model, autocommit)
    hint = None
    try:
        with protocol():
            connection.connect(_open_line(model, deadline))
    except pymysql.OperationalError as error:
        hint = _hint(model, connection, error)
        if hint is None:
            raise
    if hint:
        raise DiagnosedError(hint)
    if release:
        line: Any = connection._sock  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
        line.deadline = None
        # The deadline left its last timeout on the socket; PyMySQL sets its own only when that changes.
        line.settimeout(model.read_timeout)
    return connection


def offers_tls(connection: Any) -> bool:
    """Return whether the server said in its greeting that it speaks TLS."""
    return bool(getattr(connection, "server_capabilities", 0) & SSL_FLAG)


@contextmanager
def protocol() -> Iterator[None]:
    """Name what PyMySQL's parser makes of bytes that are not MySQL's protocol.

    :raises DiagnosedError: instead of the parser's error.
    """
    garbage = False
    try:
        yield
    except (struct.error, LookupError, AssertionError, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, ssl.CertificateError | UnicodeEncodeError):
            raise
        garbage = True
    if garbage:
        raise DiagnosedError(GARBAGE)


def _hint(model: MySQLConnection, connection: Connection[Any], error: Exception) -> Fault | None:
    """Return what a failed login means to who has not said whether to use TLS, or has said never."""
    encrypted = connection._secure  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
    if error.args[0] == faults.ACCESS_DENIED and offers_tls(connection) and not encrypted:
        return faults.WRONG_PASSWORD_OR_NO_TLS
    return faults.TLS_IN_VAIN if model.tls is None and transport_fault(error) in (TLS_FAILED, TLS_VERSION) else None


def _open_line(model: MySQLConnection, deadline: Deadline) -> DeadlineSocket:
    if model.unix_socket is None:
        return open_socket(model.host or "", model.port, deadline)
    return open_local(model.unix_socket, deadline, faults.NO_SOCKET)


def _duration(value: timedelta, _mapping: object = None) -> str:
    """Return a TIME as SQL writes it: PyMySQL before 1.2.4 makes another value of a negative one."""
    hours, rest = divmod(abs(value), timedelta(hours=1))
    minutes, rest = divmod(rest, timedelta(minutes=1))
    sign = "-" if value < timedelta() else ""
    fraction = f".{rest.microseconds:06d}" if rest.microseconds else ""
    return f"'{sign}{hours:02d}:{minutes:02d}:{rest.seconds:02d}{fraction}'"


def _new_connection(model: MySQLConnection, autocommit: bool | None) -> Connection[Any]:
    from pymysql.charset import charset_by_name
    from pymysql.constants import CLIENT
    from pymysql.converters import conversions

    if not charset_by_name(model.charset):
        message = "field charset: PyMySQL does not know it; utf8mb4 is what most servers use"
        raise ConnectionConfigError(message, field="charset")
    context = model.context()
    connection: Connection[Any] = _connection_class()(
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
        conv={**conversions, timedelta: _duration},
        # For LOAD DATA of the writer, which sends its own rows; PyMySQL still refuses a server that asks for a file.
        # And a server says that it wants a second factor only to those who know the word.
        client_flag=CLIENT.LOCAL_FILES | SECOND_FACTOR_FLAG,
        defer_connect=True,
    )
    connection.tls_required = model.tls is True  # type: ignore[attr-defined]  # see _CarefulConnection
    connection.authentication = Authentication.of(model)  # type: ignore[attr-defined]  # see _CarefulConnection
    return connection


class _CarefulConnection:
    """PyMySQL's connection, which would answer whatever a server asks of it while it logs in.

    It is to make the line and its TLS, and to say who wants to log in. All that follows is up to
    :class:`Authentication`, whatever PyMySQL's version. PyMySQL's class is put under it by :func:`_connection_class`.
    """

    tls_required: bool
    authentication: Authentication
    ssl: bool
    client_flag: int
    salt: bytes
    _auth_plugin_name: str
    _force_close: Callable[[], None]
    _next_seq_id: int
    _rfile: BufferedReader
    _logged_in = False
    _authenticating = False
    _gathered = 0

    def connect(self, sock: Any = None) -> None:
        self._logged_in = False
        super().connect(sock)  # type: ignore[misc]  # PyMySQL's class is under this one
        self._logged_in = True

    def _get_server_information(self) -> None:
        # MySQL 9.7 may send the error of a session whose client has gone to the next one, numbered as an answer.
        self._next_seq_id = number = (self._rfile.peek() + bytes(HEADER))[HEADER - 1]
        super()._get_server_information()  # type: ignore[misc]  # PyMySQL's class is under this one
        if number:
            raise DiagnosedError(GARBAGE)

    def _request_authentication(self) -> None:
        if self.ssl and not offers_tls(self):
            if self.tls_required:
                raise DiagnosedError(TLS_REFUSED)
            self.ssl = False
            self.client_flag &= ~SSL_FLAG
        self.authentication.begin(self._auth_plugin_name, self.salt)
        if self._auth_plugin_name == "sha256_password":
            # PyMySQL would send the password itself at once. So the server has to ask for it.
            self._auth_plugin_name = NO_PLUGIN
        self._authenticating = True
        super()._request_authentication()  # type: ignore[misc]  # PyMySQL's class is under this one

    def _read_packet(self, *packet_type: Any) -> Any:
        self._gathered = 0
        packet = super()._read_packet(*packet_type)  # type: ignore[misc]  # PyMySQL's class is under this one
        if self._authenticating:
            self._authenticating = False
            return self.authentication.run(self, packet)
        return packet

    def _read_bytes(self, num_bytes: int) -> Any:
        if num_bytes > MAX_LOGIN_PACKET and not self._logged_in:
            raise DiagnosedError(GARBAGE)
        self._gathered += num_bytes
        if self._gathered > MAX_ANSWER:
            self._force_close()
            raise DiagnosedError(GARBAGE)
        return super()._read_bytes(num_bytes)  # type: ignore[misc]  # PyMySQL's class is under this one

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        try:
            return super()._read_query_result(unbuffered)  # type: ignore[misc]  # PyMySQL's class is under this one
        except RuntimeError:
            # So PyMySQL refuses a server that asks for a file of this machine.
            self._force_close()
        raise DiagnosedError(faults.FILE_REQUESTED)


@cache
def _connection_class() -> Any:
    from pymysql.connections import Connection

    return type(Connection.__name__, (_CarefulConnection, Connection), {})
