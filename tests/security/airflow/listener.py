"""A peer that keeps whatever it is sent."""

from __future__ import annotations

import socket

from tests.faults.peers import Peer

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Listener(Peer):
    """Answers each first message as an HTTP server, and keeps all bytes."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._received: list[bytearray] = []

    @property
    def url(self) -> str:
        """Where it is, for families that speak HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def taken(self) -> list[bytes]:
        """Return what came since the last call, one item a connection; a client that connected only leaves ``b""``."""
        taken, self._received = self._received, []
        return [bytes(data) for data in taken]

    def _answer(self, _: Peer, line: socket.socket) -> None:
        received = bytearray()
        self._received.append(received)
        with line:
            line.settimeout(0.5)
            received += line.recv(65536)
            line.sendall(ANSWER)
