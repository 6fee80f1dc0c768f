"""Logging in to PostgreSQL within a deadline, and learning by code why it failed.

libpq keeps ``connect_timeout`` per address and in whole seconds, and psycopg2 tells no SQLSTATE for a refused login,
only prose in the server's language. Both are mended here with libpq's own means: its asynchronous connection is polled
under the deadline, and its error verbosity is set so that the error's text is the SQLSTATE.

What fails before the server can send an error has no SQLSTATE. Then, and only then, the same steps are gone through
once more with a plain socket, whose errors have codes.
"""

from __future__ import annotations

import ctypes
import os
import re
import selectors
import struct
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.dbapi import DiagnosedError
from osiris_provider.connectors.deadline import Deadline, DeadlineContext, open_socket, tls_context
from osiris_provider.connectors.faults import GARBAGE, REFUSED, RESET, TLS_REFUSED, TLS_REQUIRED, Fault
from osiris_provider.connectors.names import addresses_of
from osiris_provider.connectors.postgres_faults import LOGIN_DENIED, fault_of_sqlstate
from osiris_provider.connectors.sql_faults import NO_PASSWORD, UNKNOWN_LOGIN
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    from psycopg2 import extensions

Parameters = Mapping[str, Any]
"""Parameters of libpq; ``host`` and ``port`` are always there."""

ENCRYPTED = ("require", "verify-ca", "verify-full")
DEFAULT_ROOT = "~/.postgresql/root.crt"

REQUIRE_AUTH = 160000
"""First version of libpq that can refuse ways to log in."""

_PQERRORS_SQLSTATE = 3
_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_CODES = re.compile(r":\s+([0-9A-Z]{5})\s*$", re.MULTILINE)


def log_in(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    """Return an asynchronous connection, logged in; :func:`wait` waits for its answers.

    :param parameters: of libpq.
    :param deadline: bounds everything.
    :raises DiagnosedError: the login failed and the reason is known.
    :raises OSError: the server was not reached; TimeoutError if it did not answer in time.
    """
    try:
        return _log_in(parameters, deadline)
    except _LoginError as error:
        failed = error
    if (
        failed.code == LOGIN_DENIED
        and parameters.get("sslmode") == "disable"
        and _further_with_tls(parameters, deadline)
    ):
        raise DiagnosedError(TLS_REQUIRED)
    if failed.fault is not None:
        raise DiagnosedError(failed.fault)
    raise DiagnosedError(_diagnose(parameters, deadline))


def wait(connection: extensions.connection, deadline: Deadline) -> None:
    """Wait until an asynchronous connection has done what it was told.

    :param connection: of :func:`log_in`.
    :param deadline: after which it raises TimeoutError.
    """
    from psycopg2.extensions import POLL_OK, POLL_READ

    while (state := connection.poll()) != POLL_OK:
        with selectors.DefaultSelector() as selector:
            selector.register(
                connection.fileno(), selectors.EVENT_READ if state == POLL_READ else selectors.EVENT_WRITE
            )
            selector.select(deadline.remaining())
        deadline.remaining()


def host_addresses(parameters: Parameters, deadline: Deadline) -> list[str]:
    """Return the addresses of the host as text; empty for the directory of a Unix socket.

    :param parameters: of libpq.
    :param deadline: bounds the look-up of the name.
    :raises OSError: the name is not known, or no name server answered.
    """
    if "hostaddr" in parameters:
        return [parameters["hostaddr"]]
    if parameters["host"].startswith("/"):
        return []
    found = addresses_of(parameters["host"], int(parameters["port"]), deadline)
    return [str(address[0]) for _, address in found]


class _LoginError(Exception):
    """A login that failed.

    :param code: SQLSTATE, if the server sent one.
    :param fault: what is wrong, if that can be told by now.
    """

    def __init__(self, code: str | None, fault: Fault | None) -> None:
        super().__init__(code)
        self.code = code
        self.fault = fault


def _log_in(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    addresses = host_addresses(parameters, deadline) or [""]
    for number, address in enumerate(addresses, start=1):
        share = Deadline(deadline.remaining() / (len(addresses) - number + 1))
        try:
            return _attempt({**parameters, **({"hostaddr": address} if address else {})}, share)
        except (_LoginError, TimeoutError) as error:
            # A server that answered has decided; only a dead address is a reason to try the next.
            if number == len(addresses) or (isinstance(error, _LoginError) and error.fault is not None):
                raise
    raise DiagnosedError(RESET)


def _attempt(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    import psycopg2

    connection: extensions.connection | None = None
    try:
        connection = psycopg2.connect(async_=1, **parameters)
        readable = _set_verbosity(connection)
        wait(connection, deadline)
    except (psycopg2.Error, UnicodeDecodeError) as error:
        codes = _CODES.findall(str(error)) if isinstance(error, psycopg2.Error) else []
        wants_password = connection is not None and connection.info.needs_password
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    else:
        return connection
    if connection is not None:
        connection.close()
    if wants_password:
        raise _LoginError(None, NO_PASSWORD)
    raise _login_error(codes, readable=connection is None or readable)


def _login_error(codes: list[str], *, readable: bool) -> _LoginError:
    # With sslmode prefer there are two logins, over TLS and in plain text; the refusal of the latter for being plain
    # text tells less than that of the former.
    telling = [code for code in codes if code != LOGIN_DENIED] or codes
    if telling:
        return _LoginError(telling[0], fault_of_sqlstate(telling[0], login=True) or UNKNOWN_LOGIN)
    return _LoginError(None, None if readable else UNKNOWN_LOGIN)


def _set_verbosity(connection: extensions.connection) -> bool:
    """Make libpq's error texts consist of the SQLSTATE; False where that cannot be done."""
    library = _libpq()
    if library is None:
        return False
    library.PQsetErrorVerbosity(ctypes.c_void_p(connection.pgconn_ptr), _PQERRORS_SQLSTATE)
    return True


@cache
def _libpq() -> Any:
    """Return the very libpq that psycopg2 uses: symbols are looked up in what its module depends on."""
    from psycopg2 import _psycopg

    try:
        library = ctypes.CDLL(_psycopg.__file__)
        library.PQsetErrorVerbosity.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library


def _further_with_tls(parameters: Parameters, deadline: Deadline) -> bool:
    """Return whether the same login gets past 28000 over TLS: only so can "TLS required" be told.

    Nobody vouches for the server here, so it does not get the password in clear text; before version 16 libpq cannot
    promise that, and is not asked.
    """
    from psycopg2.extensions import libpq_version

    if libpq_version() < REQUIRE_AUTH:
        return False
    try:
        _log_in({**parameters, "sslmode": "require", "require_auth": "!password"}, deadline).close()
    except _LoginError as error:
        return error.code not in (None, LOGIN_DENIED)
    except (OSError, DiagnosedError):
        return False
    return True


def _diagnose(parameters: Parameters, deadline: Deadline) -> Fault:
    """Go through the steps of libpq with a socket of our own; its errors pass through, they have codes."""
    if parameters["host"].startswith("/"):
        return REFUSED
    mode = parameters.get("sslmode", "prefer")
    host = parameters.get("hostaddr") or parameters["host"]
    with closing(open_socket(host, int(parameters["port"]), deadline)) as sock:
        sock.sendall(_SSL_REQUEST)
        answer = sock.recv(1)
        if answer == b"":
            return RESET
        if answer not in (b"S", b"N"):
            return GARBAGE
        if answer == b"N":
            return TLS_REFUSED if mode in ENCRYPTED else RESET
        if mode in ENCRYPTED:
            with closing(_context(parameters, mode).wrap_socket(sock, server_hostname=parameters["host"])):
                _check_key(parameters.get("sslkey"))
    return RESET


def _context(parameters: Parameters, mode: str) -> DeadlineContext:
    root = parameters.get("sslrootcert", os.path.expanduser(DEFAULT_ROOT))
    # libpq verifies the authority with sslmode require too, if there is a root certificate.
    verify = mode != "require" or os.path.exists(root)
    context = tls_context(
        ca=None if root == "system" else root,
        cert=parameters.get("sslcert"),
        key=parameters.get("sslkey"),
        verify=verify,
    )
    if mode != "verify-full":
        context.check_hostname = False
    return context


def _check_key(path: str | None) -> None:
    # libpq alone is strict about this, and says so only in prose.
    if path and os.stat(path).st_mode & 0o077:
        message = "field sslkey: others can read the file; run chmod 600 on it"
        raise ConnectionConfigError(message, field="sslkey")
