"""One deadline for a whole check: name resolution, every address, handshake, login and answer together.

A timeout per read never fires against a peer that drips a byte now and then. Here the deadline sits in the socket:
each receive, send or handshake is given only the time that is left.
"""

from __future__ import annotations

import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from osiris_provider.connectors.names import addresses_of

MIN_TIMEOUT = 0.001
MAX_TIMEOUT = 86_400.0
"""Seconds; the operating system takes no number much longer than this."""
CHECK_BYTES = 1024 * 1024
"""What a check takes from its peer at the most, over all its lines; an honest one needs a few kilobytes."""


class TooMuchDataError(OSError):
    """A peer sent more than a check takes."""


class Deadline:
    """A point in time after which nothing may wait any longer, and a number of bytes that may arrive until then.

    :param seconds: from now; may be a fraction.
    :param max_bytes: that the peer may send; None is any number.
    """

    def __init__(self, seconds: float, max_bytes: int | None = None) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._budget = [math.inf if max_bytes is None else max_bytes]

    def __repr__(self) -> str:
        """Show what is left."""
        return f"Deadline({self.left():.3f} s left of {self.seconds:g})"

    def left(self) -> float:
        """Return the seconds left; zero or less when it has passed."""
        return self._end - time.monotonic()

    def remaining(self) -> float:
        """Return the seconds left, always more than zero.

        :raises TimeoutError: the deadline has passed.
        """
        left = self.left()
        if left <= 0:
            message = f"no answer within {self.seconds:g} s"
            raise TimeoutError(message)
        return max(left, MIN_TIMEOUT)

    def part(self, share: float) -> Deadline:
        """Return a deadline for a part of the work; both count the same bytes.

        :param share: of the time left, more than 0 and at most 1.
        :raises TimeoutError: the deadline has passed.
        """
        part = Deadline(self.remaining() * share)
        part._budget = self._budget
        return part

    def take(self, size: int) -> None:
        """Count bytes that the peer has sent.

        :param size: how many have arrived.
        :raises TooMuchDataError: it has sent more than it may.
        """
        self._budget[0] -= size
        if self._budget[0] < 0:
            message = "the peer sends more than a check takes"
            raise TooMuchDataError(message)


class DeadlineSocket(socket.socket):
    """A socket each of whose calls is bounded by ``deadline``; None leaves the socket as it is."""

    deadline: Deadline | None = None

    def _bound(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.remaining())

    def _count(self, size: int) -> None:
        if self.deadline is not None:
            self.deadline.take(size)

    def recv(self, *args: Any) -> bytes:
        """Receive within the deadline and its bytes."""
        self._bound()
        data = super().recv(*args)
        self._count(len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        """Receive within the deadline and its bytes."""
        self._bound()
        size = super().recv_into(*args)
        self._count(size)
        return size

    def send(self, *args: Any) -> int:
        """Send within the deadline."""
        self._bound()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        """Send within the deadline."""
        self._bound()
        super().sendall(*args)


class DeadlineSSLSocket(ssl.SSLSocket):
    """The TLS twin of :class:`DeadlineSocket`; it takes over the deadline of the socket that it wraps."""

    deadline: Deadline | None = None

    def _bound(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.remaining())

    def _count(self, size: int) -> None:
        if self.deadline is not None:
            self.deadline.take(size)

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the deadline."""
        self._bound()
        super().do_handshake(block)

    def recv(self, *args: Any) -> bytes:
        """Receive within the deadline and its bytes."""
        self._bound()
        data = super().recv(*args)
        self._count(len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        """Receive within the deadline and its bytes."""
        self._bound()
        size = super().recv_into(*args)
        self._count(size)
        return size

    def send(self, *args: Any) -> int:
        """Send within the deadline; ``sendall`` is made of these."""
        self._bound()
        return super().send(*args)


class DeadlineContext(ssl.SSLContext):
    """A TLS client context whose sockets keep the deadline of the sockets that they wrap.

    It verifies certificate and host name unless the caller turns that off.
    """

    sslsocket_class = DeadlineSSLSocket

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Encrypt a connected socket; its ``deadline``, if it has one, passes to the new socket, handshake included."""
        deadline = getattr(sock, "deadline", None)
        wrapped = super().wrap_socket(sock, server_side, False, suppress_ragged_eofs, server_hostname, session)
        try:
            if isinstance(wrapped, DeadlineSSLSocket):
                wrapped.deadline = deadline
            if do_handshake_on_connect:
                wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def tls_context(
    *,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    password: str | None = None,
    verify: bool = True,
) -> DeadlineContext:
    """Return a TLS client context (CONN-017).

    :param ca: PEM file of the authorities to trust instead of the system's.
    :param cert: PEM file of the client certificate.
    :param key: PEM file of its key, if it is not in ``cert``.
    :param password: of the key; without it a key that has one is an error, not a question at the terminal.
    :param verify: False encrypts without knowing whom one talks to.
    :raises OSError: a file is missing or is not PEM.
    """
    context = DeadlineContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    if cert:
        context.load_cert_chain(cert, key, password or "")
    return context


_shared: dict[object, DeadlineContext] = {}
_sharing = threading.Lock()


def shared_context(make: Callable[..., DeadlineContext], bundle: str | None = None) -> DeadlineContext:
    """Return the context that many checks use together, for as long as the system trusts the same authorities.

    To read those takes some 30 ms of a processor, during which no other thread runs: 64 checks that begin at the same
    moment would keep each other from answering in time.

    :param make: makes a context that trusts the system's authorities. Nobody may change what it returns.
    :param bundle: further authorities, given to ``make``.
    """
    paths = ssl.get_default_verify_paths()
    files = [path for path in (paths.cafile, paths.capath, bundle) if path and os.path.exists(path)]
    key = make, bundle, *((path, os.stat(path).st_mtime_ns) for path in files)
    with _sharing:
        if key not in _shared:
            _shared[key] = make(bundle) if bundle else make()
        return _shared[key]


def open_socket(host: str, port: int, deadline: Deadline) -> DeadlineSocket:
    """Connect to the first address of a name that answers, within the deadline.

    :param host: a name, or an IPv4 or IPv6 address.
    :param port: 1 to 65535.
    :param deadline: bounds all addresses together; each gets a fair share, so that a dead one hides no live one.
    :return: a connected socket that goes on keeping the deadline until its ``deadline`` is set to None.
    :raises OSError: of the last address; ``socket.gaierror`` if the name has none, ``TimeoutError`` in time.
    """
    addresses = addresses_of(host, port, deadline)
    error: OSError = OSError(f"{host} has no address")
    for number, (family, address) in enumerate(addresses):
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.remaining() / (len(addresses) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError as failed:
            sock.close()
            error = failed
        else:
            sock.deadline = deadline
            return sock
    raise error


def checked_timeout(timeout: float) -> float:
    """Return a timeout in seconds that can be waited for, at most :data:`MAX_TIMEOUT`.

    :param timeout: seconds, more than 0.
    :raises ValueError: it is not a positive, finite number.
    """
    try:
        seconds = float(timeout)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        message = "timeout is a positive number of seconds"
        raise ValueError(message)
    return min(seconds, MAX_TIMEOUT)
