"""Sockets that keep a deadline: each of their calls is given only the time that is left."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from typing import Any

from osiris_provider.net.deadline import Deadline
from osiris_provider.net.dns import addresses_of

MAX_PORT = 65_535


class DeadlineSocket(socket.socket):
    """A socket each of whose calls is bounded by ``deadline``; None leaves the socket as it is.

    ``until`` bounds one answer of a socket that lives on, beside its own timeout, which begins again with each piece.
    ``peer`` is the host and port that it was opened for.
    """

    deadline: Deadline | None = None
    until: Deadline | None = None
    peer: tuple[str, int] | None = None

    def _bound(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.remaining())
        elif self.until is not None:
            left, timeout = self.until.remaining(), self.gettimeout()
            if timeout is None or timeout > left:
                self.settimeout(left)

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


def address_of(host: str, port: int) -> str:
    """Return ``host:port`` for messages; an IPv6 address is set apart in words."""
    return f"{host} port {port}" if ":" in host else f"{host}:{port}"


def cut(line: socket.socket) -> None:
    """Break a line under the caller that waits for it, in whatever thread.

    :param line: a socket, perhaps one of TLS.
    """
    with suppress(OSError):
        # The socket's own, not TLS's, which would pull the session away from under the thread.
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def open_socket(host: str, port: int, deadline: Deadline) -> DeadlineSocket:
    """Connect to the first address of a name that answers, within the deadline.

    :param host: a name, or an IPv4 or IPv6 address.
    :param port: 1 to 65535.
    :param deadline: bounds all addresses together; each gets a fair share, so that a dead one hides no live one.
    :return: a connected socket that goes on keeping the deadline until its ``deadline`` is set to None.
    :raises OSError: of the last address; ``socket.gaierror`` if the name has none, ``TimeoutError`` in time.
    """
    if port > MAX_PORT:
        # An address would keep 16 bits of it, which are the port of something else.
        raise OSError(errno.EADDRNOTAVAIL, f"there is no port {port}")
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
            # An address of IPv6 that is good on one line only, and does not say which.
            lost = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
            error = lost if failed.errno == errno.EINVAL else failed
        else:
            sock.deadline = deadline
            sock.peer = host, port
            return sock
    raise error
