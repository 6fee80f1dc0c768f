"""Between libpq and its server: a line that keeps the deadline and counts what arrives.

libpq reads all that a peer sends, up to a gigabyte for one message, before it lets anybody look at it. So its socket is
exchanged for one end of a pair. What arrives on the real one is handed over piece by piece, in the same thread: libpq
cannot read more than it has been given.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.postgres.library import poll_login
from osiris_provider.connectors.postgres.login_messages import LoginMessages
from osiris_provider.net.deadline import Deadline

if TYPE_CHECKING:
    from psycopg2 import extensions

_BROKEN = (errno.ECONNRESET, errno.EPIPE)
GSS_REQUEST: Final = struct.pack("!II", 8, 80877104)
"""How libpq asks for encryption by Kerberos, before all else, if there is a ticket."""
PIECE = 16 * 1024
"""Bytes handed over at a time; a pair of sockets holds several times as many."""
LOOK_SECONDS = 0.1
"""How soon a wait notices that another thread has ended its deadline."""


class Line:
    """The real socket of a connection, and the end of the pair that libpq's end is connected with."""

    def __init__(self) -> None:
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._inode = 0
        self.ended = False
        """Whether the server has ended the line; else libpq has."""
        self.asks_for_gss = False
        """Whether what libpq has said last asks for encryption by Kerberos."""
        self.messages = LoginMessages()
        self.logged_in = False

    def wait(self, descriptor: int, state: int, deadline: Deadline) -> None:
        """Wait for what libpq waits for, and carry the bytes of both sides meanwhile.

        :param descriptor: of libpq's socket.
        :param state: what :meth:`psycopg2.extensions.connection.poll` has returned.
        :param deadline: bounds time and bytes.
        :raises OSError: the server was not reached; TimeoutError and TooMuchDataError by the deadline.
        """
        from psycopg2.extensions import POLL_READ, POLL_WRITE

        server, libpq = self._ends(descriptor)
        if state == POLL_WRITE:
            _writable(server, deadline)
            code = server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code and code not in _BROKEN:
                raise OSError(code, os.strerror(code))
        self._send(server, libpq, deadline)
        if state == POLL_READ and _readable(deadline, server, descriptor) == {server.fileno()}:
            self._receive(server, libpq, deadline)

    def close(self) -> None:
        """Send what libpq has said last, if that needs no waiting, and close."""
        pair, self._pair = self._pair, None
        if pair is not None:
            server, libpq = pair
            with server, libpq, suppress(OSError):
                server.send(libpq.recv(PIECE))

    def _ends(self, descriptor: int) -> tuple[socket.socket, socket.socket]:
        """Return both sockets; take the place of libpq's first if it is a new one."""
        if self._pair is None or os.fstat(descriptor).st_ino != self._inode:
            self.close()
            server = socket.socket(fileno=os.dup(descriptor))
            libpq, theirs = socket.socketpair()
            self._pair = server, libpq
            with theirs:
                for sock in (server, libpq, theirs):
                    sock.setblocking(False)
                os.dup2(theirs.fileno(), descriptor, inheritable=False)
            self._inode = os.fstat(descriptor).st_ino
            self.messages = LoginMessages()
        return self._pair

    def _send(self, server: socket.socket, libpq: socket.socket, deadline: Deadline) -> None:
        while True:
            try:
                data = memoryview(libpq.recv(PIECE))
            except BlockingIOError:
                return
            if not data:
                return
            self.asks_for_gss = data == GSS_REQUEST
            while data:
                _writable(server, deadline)
                with suppress(BlockingIOError):
                    data = data[_sent(server, data) :]

    def _receive(self, server: socket.socket, libpq: socket.socket, deadline: Deadline) -> None:
        try:
            data = server.recv(PIECE)
        except BlockingIOError:
            return
        except ConnectionError:
            # libpq is to say what that means; it may have read the reason already.
            data = b""
        deadline.take(len(data))
        if data:
            if not self.logged_in:
                self.messages.take(data, deadline)
            libpq.sendall(data)
        else:
            self.ended = True
            libpq.shutdown(socket.SHUT_WR)


def _sent(server: socket.socket, data: memoryview) -> int:
    try:
        return server.send(data)
    except ConnectionError:
        # What the server has said before, and TLS alerts are among it, waits to be received; then the line ends.
        return len(data)


def _writable(sock: socket.socket, deadline: Deadline) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        _select(selector, deadline)


def _readable(deadline: Deadline, *sockets: socket.socket | int) -> set[int]:
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        return _select(selector, deadline)


def _select(selector: selectors.BaseSelector, deadline: Deadline) -> set[int]:
    """Wait for one of the selector's descriptors; another thread may end the deadline meanwhile."""
    ready: set[int] = set()
    while not ready:
        ready = {key.fd for key, _ in selector.select(min(deadline.remaining(), LOOK_SECONDS))}
    deadline.remaining()
    return ready


@cache
def watched_class() -> type[Any]:
    """Return the class of psycopg2's connections whose lines are watched; psycopg2 is imported late."""
    from psycopg2 import extensions

    class WatchedConnection(extensions.connection):
        """An asynchronous connection with its :class:`Line`."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.line = Line()
            super().__init__(*arguments, **options)

        def __repr__(self) -> str:
            # psycopg2's own shows all parameters, and hides of the secrets among them the password alone.
            return f"<{type(self).__name__} to PostgreSQL, closed: {self.closed}>"

        __str__ = __repr__

        def close(self) -> None:
            super().close()
            self.line.close()

    return WatchedConnection


def wait(connection: extensions.connection, deadline: Deadline) -> None:
    """Wait until an asynchronous connection has done what it was asked for.

    :param connection: of :func:`watched_class`.
    :param deadline: bounds time and bytes.
    :raises OSError: the server was not reached; TimeoutError and TooMuchDataError by the deadline.
    :raises DiagnosedError: the server asks for more work than a login may cost.
    """
    from psycopg2.extensions import POLL_OK

    line: Line = connection.line  # type: ignore[attr-defined] # see watched_class
    # The first time psycopg2 asks libpq for nothing: a login begins with a line that can be written to.
    state = connection.poll()
    while state != POLL_OK:
        line.wait(connection.fileno(), state, deadline)
        if not line.logged_in:
            line.messages.peek(connection, deadline)
        state = (not line.logged_in and poll_login(connection)) or connection.poll()
    line.logged_in = True
