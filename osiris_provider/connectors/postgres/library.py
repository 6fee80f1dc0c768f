"""The libpq of psycopg2, and what it takes where a connection says nothing: of the environment, or of ``PGSERVICE``.

A connection is what its owner wrote. So what the environment would change in it is given back its default, unless that
can only make the connection stricter, or changes neither where it leads nor what it gives away.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connections.resolved import NamesOnly

if TYPE_CHECKING:
    from psycopg2 import extensions

KEPT: Final = frozenset(
    {
        # Stricter. libpq verifies the authority where a root certificate is known.
        *("require_auth", "requirepeer", "sslcertmode", "sslcrl", "sslcrldir"),
        # A password file names its servers; a service file cannot be taken back, only what it says.
        *("passfile", "service", "servicefile"),
        # Neither where to nor with what.
        *("connect_timeout", "gssencmode", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        "tcp_user_timeout",
    }
)
STRICTER: Final[Mapping[str, tuple[str, ...]]] = {
    "sslmode": ("require", "verify-ca", "verify-full"),
    "channel_binding": ("require",),
    "ssl_min_protocol_version": ("TLSv1.3",),
}
"""Values that are stricter than the default."""
REASON_BYTES: Final = 256
"""What libpq writes of why a request was not sent."""

_UNDER_WAY: Final = (1, 2)
"""``PGRES_POLLING_READING`` and ``PGRES_POLLING_WRITING``, which are psycopg2's ``POLL_READ`` and ``POLL_WRITE``."""


class Parameters(NamesOnly):
    """Parameters of libpq."""

    def but(self, **changed: Any) -> Parameters:
        """Return the same with other values."""
        return Parameters({**self, **changed})


def of_its_own(parameters: Mapping[str, Any]) -> Parameters:
    """Return parameters of libpq, and the default of each that the environment would set otherwise.

    :param parameters: of a connection.
    """
    pinned = {name: own or "" for name, own, value in _options() if value != (own or "") and not _is_kept(name, value)}
    if not str(parameters.get("sslmode", "")).startswith("verify"):
        pinned.pop("sslrootcert", None)
    return Parameters({**pinned, **parameters})


def default(name: str) -> str:
    """Return what libpq takes where a connection gives nothing.

    :param name: of a parameter.
    """
    return next((value for option, _, value in _options() if option == name), "")


@cache
def libpq() -> Any:
    """Return the very libpq that psycopg2 uses, or None: symbols are looked up in what its module depends on."""
    from psycopg2 import _psycopg

    try:
        library = ctypes.CDLL(_psycopg.__file__)
        library.PQsetErrorVerbosity.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return library


def tls_handle(connection: extensions.connection) -> int | None:
    """Return the handle that OpenSSL has of a connection's line; None without TLS, or where OpenSSL is not libpq's.

    :param connection: of psycopg2.
    """
    library = libpq()
    if library is None or not hasattr(library, "SSL_peek"):
        return None
    library.PQsslStruct.restype = ctypes.c_void_p
    library.PQsslStruct.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.SSL_peek.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.SSL_pending.argtypes = library.SSL_is_init_finished.argtypes = [ctypes.c_void_p]
    handle: int | None = library.PQsslStruct(connection.pgconn_ptr, b"OpenSSL")
    return handle


def poll_login(connection: extensions.connection) -> int:
    """Have libpq go on with a login while other threads go on, too: psycopg2's own ``poll()`` keeps Python's lock.

    A login may wait for more than its line: for a ticket of Kerberos, or for a file on a dead mount.

    :param connection: of psycopg2, asynchronous.
    :return: what it waits for; 0 once it has ended; how, psycopg2's ``poll()`` says.
    """
    library = libpq()
    if library is None:
        return 0
    library.PQconnectPoll.argtypes = [ctypes.c_void_p]
    state: int = library.PQconnectPoll(connection.pgconn_ptr)
    return state if state in _UNDER_WAY else 0


class CancelRequest:
    """Has a server end the statement of a connection, in any thread; the others go on meanwhile.

    psycopg2's own way keeps Python's lock until the server has answered: where none does, all threads stand still.

    :param connection: of psycopg2, that no other thread uses yet; the request may outlive it.
    """

    def __init__(self, connection: extensions.connection) -> None:
        library = libpq()
        library.PQgetCancel.restype = ctypes.c_void_p
        library.PQgetCancel.argtypes = library.PQfreeCancel.argtypes = [ctypes.c_void_p]
        library.PQcancel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self._send = library.PQcancel
        self._handle = library.PQgetCancel(connection.pgconn_ptr)
        weakref.finalize(self, library.PQfreeCancel, self._handle).atexit = False

    def send(self) -> None:
        """Wait until the server has taken it.

        :raises psycopg2.OperationalError: it was not reached.
        """
        import psycopg2

        reason = ctypes.create_string_buffer(REASON_BYTES)
        if not self._send(self._handle, reason, len(reason)):
            raise psycopg2.OperationalError(reason.value.decode(errors="replace"))


def _is_kept(name: str, value: str) -> bool:
    return name in KEPT or value in STRICTER.get(name, ())


def _options() -> Iterator[tuple[str, str | None, str]]:
    """Yield name, own default and value of what the environment, or a service file, may set."""
    library = libpq()
    if library is None:
        yield from _known_variables()
        return
    library.PQconndefaults.restype = ctypes.POINTER(_Option)
    library.PQconninfoFree.argtypes = [ctypes.c_void_p]
    options = library.PQconndefaults()
    if not options:
        return
    try:
        for option in takewhile(lambda option: option.keyword, map(options.__getitem__, count())):
            own = None if option.compiled is None else option.compiled.decode()
            yield option.keyword.decode(), own, (option.val or b"").decode(errors="replace")
    finally:
        library.PQconninfoFree(options)


def _known_variables() -> Iterator[tuple[str, str | None, str]]:
    names = {"hostaddr": "", "options": "", "sslmode": "prefer", "channel_binding": "prefer", "require_auth": ""}
    for name, own in names.items():
        yield name, own, os.environ.get(f"PG{name.replace('_', '').upper()}", own)


class _Option(ctypes.Structure):
    """``PQconninfoOption`` of libpq-fe.h."""

    _fields_ = (
        ("keyword", ctypes.c_char_p),
        ("envvar", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("val", ctypes.c_char_p),
        ("label", ctypes.c_char_p),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    )
