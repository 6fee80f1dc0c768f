"""Peers that do not do what a connector hopes for, on this machine, whatever the protocol."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

from typing_extensions import Self

Behaviour = Callable[["Peer", socket.socket], None]
CLOSE_WITH_RESET = struct.pack("ii", 1, 0)
PAUSE = 0.05
"""Seconds between the bytes of a peer that drips."""


class Peer:
    """A listener on a free port of 127.0.0.1; a context manager.

    :param behaviour: what it does with each connection, which is closed afterwards.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.sent = 0
        self.stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        # Closing alone does not wake up who waits in accept().
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(2)
        self._listener.close()

    def send(self, line: socket.socket, data: bytes) -> None:
        """Send, and count what was sent."""
        size = line.send(data)
        # Only now: other threads send at the same time.
        self.sent += size

    def _accept(self) -> None:
        while True:
            line, _ = self._listener.accept()
            if self.stopped.is_set():
                line.close()
                return
            line.settimeout(PAUSE)
            self._threads.append(threading.Thread(target=self._serve, args=(line,), daemon=True))
            self._threads[-1].start()

    def _serve(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            self.behaviour(self, line)


def hang_up(_peer: Peer, line: socket.socket) -> None:
    """Take what the other side says first, if it does, and close."""
    with contextlib.suppress(TimeoutError):
        line.recv(65536)


def reset(_peer: Peer, line: socket.socket) -> None:
    """Break the connection off at once."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_WITH_RESET)


def drip(peer: Peer, line: socket.socket) -> None:
    """Send a byte now and then, for ever: no single read waits long."""
    while not peer.stopped.wait(PAUSE):
        peer.send(line, b"\x01")


def flood(peer: Peer, line: socket.socket) -> None:
    """Send as much as the line takes, for ever."""
    while not peer.stopped.is_set():
        with contextlib.suppress(TimeoutError):
            peer.send(line, b"\x01" * 65536)


def garbage(peer: Peer, line: socket.socket) -> None:
    """Answer with bytes of no protocol, and wait for more to answer."""
    while not peer.stopped.is_set():
        peer.send(line, bytes(range(256)) + b"\r\n\r\n")
        time.sleep(PAUSE)


def say(text: bytes) -> Behaviour:
    """Say a text at once, echo what the other side says, and close.

    :param text: such as a secret, which a message must not quote.
    """

    def behaviour(peer: Peer, line: socket.socket) -> None:
        peer.send(line, text + b"\r\n\r\n")
        with contextlib.suppress(TimeoutError):
            for _ in range(10):
                peer.send(line, line.recv(4096))

    return behaviour
