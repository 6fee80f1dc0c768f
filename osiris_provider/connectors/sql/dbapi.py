"""What the connectors of the SQL families share."""

from __future__ import annotations

import errno
import re
import socket
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, urlencode

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.sql.faults import NO_SOCKET, SOCKET_DENIED, TOO_MANY_CONNECTIONS
from osiris_provider.errors import Fault
from osiris_provider.messages import printable
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import DeadlineSocket

MAX_VERSION = 80
_NAME: Final = re.compile(r"[\w.-]+")
_TWO_WAYS: Final = re.compile("[\u00df\u03c2]")
"""What Python writes as ss and sigma, by RFC 3490, and browsers do not, by RFC 5891: the other name may be taken."""

_MISSING: Final[tuple[int | None, ...]] = (
    *(errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK, errno.EPROTOTYPE, errno.ELOOP),
    # A path that is too long for a socket is an error of Python, which has no number.
    None,
)
_SOCKET_FAULTS: Final[dict[int | None, Fault]] = {
    errno.EACCES: SOCKET_DENIED,
    errno.EPERM: SOCKET_DENIED,
    # As many wait as the server lets wait.
    errno.EAGAIN: TOO_MANY_CONNECTIONS,
}

_leased: weakref.WeakSet[Any] = weakref.WeakSet()


class DiagnosedError(Exception):
    """A failure whose fault is already known.

    :param fault: what is wrong.
    :param holder: the process that holds what is locked, if it is known.
    """

    def __init__(self, fault: Fault, holder: str = "") -> None:
        super().__init__(fault.slug)
        self.fault = fault
        self.holder = holder


def open_local(path: str, deadline: Deadline, missing: Fault = NO_SOCKET) -> DeadlineSocket:
    """Connect to the Unix socket of a server, within the deadline; see :func:`osiris_provider.net.open_socket`.

    :param path: of the socket.
    :param deadline: bounds it, and what follows until its ``deadline`` is set to None.
    :param missing: what it is if there is no socket.
    :raises DiagnosedError: there is none, or this user may not use it, or the server takes no more connections.
    :raises OSError: whatever else is wrong.
    """
    line = DeadlineSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.deadline = deadline
    faults = {**dict.fromkeys(_MISSING, missing), **_SOCKET_FAULTS}
    try:
        line.settimeout(deadline.remaining())
        line.connect(path)
    except BaseException as error:
        line.close()
        if not isinstance(error, OSError) or isinstance(error, TimeoutError) or error.errno not in faults:
            raise
        fault = faults[error.errno]
    else:
        return line
    raise DiagnosedError(fault)


@contextmanager
def lease(connector: Connector[Any, Any], connection: Mapping[str, Any]) -> Iterator[Any]:
    """Lend the open client of a connection (CONN-013) to one user at a time.

    A stream occupies its client until it has been read. Another caller of the same connection meanwhile gets a client
    of its own, which is closed when it is done: one client for both would lose rows.

    :param connector: of the connection's family.
    :param connection: a resolved connection.
    :raises OsirisError: as :meth:`Connector.create_client`.
    """
    client = connector.client(connection)
    own = client in _leased
    if own:
        client = connector.create_client(connection)
    _leased.add(client)
    try:
        yield client
    finally:
        _leased.discard(client)
        if own:
            connector.close_client(client)


def is_leased(client: Any) -> bool:
    """Return whether somebody is using a client; it must not be asked whether it is alive then."""
    return client in _leased


def checked_host(host: str) -> str:
    """Return the host of a server as it is written.

    :param host: is shown, and name servers are asked for it.
    :raises ValueError: a user, and perhaps a password, is before it, or it is something else than one host, such as a
        URL: DNS would only not know it, which may be otherwise tomorrow.
    """
    if "@" in host[1:]:
        problem = "must not hold user or password, because it is shown; put them into fields of their own"
        raise ValueError(problem)
    with suppress(ValueError):
        ip_address(host)
        return host
    if _TWO_WAYS.search(host):
        problem = "has a letter that leads to another server by the older rules of DNS; write the name as xn--…"
        raise ValueError(problem)
    if not _NAME.fullmatch(host):
        problem = "is the name or the address of one server, without port, path and brackets; a port has its own field"
        raise ValueError(problem)
    return host


def build_url(
    scheme: str,
    credentials: tuple[str | None, str] | None,
    address: tuple[str, int],
    database: str | None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Return a connection URL, every part of it quoted (CONN-016).

    :param scheme: such as ``mysql``.
    :param credentials: user and password; None puts ``***`` in their place.
    :param address: host and port.
    :param database: path of the URL.
    :param options: query of the URL; those that are None are left out.
    """
    host, port = address
    user, password = credentials or (None, "")
    login = _quoted(user or "") + (f":{_quoted(password)}" if password else "") if credentials else "***"
    shown = f"[{host}]" if ":" in host else _quoted(host)
    query = urlencode({name: value for name, value in (options or {}).items() if value is not None}, quote_via=quote)
    return f"{scheme}://{login}@{shown}:{port}/{_quoted(database or '')}{'?' + query if query else ''}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def version_text(said: object) -> str:
    """Return the version that a server reported, short enough for a report."""
    return printable(said)[:MAX_VERSION]
