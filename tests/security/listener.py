"""A peer that keeps whatever it is sent."""

from __future__ import annotations

import socket
import threading

from typing_extensions import Self

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Listener:
    """Listens on a free port of 127.0.0.1, answers each first message as an HTTP server, and keeps all bytes.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._received: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    @property
    def url(self) -> str:
        """Where it is, for families that speak HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def taken(self) -> list[bytes]:
        """Return what came since the last call, one item a connection; a client that connected only leaves ``b""``."""
        taken, self._received = self._received, []
        return taken

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(0.5)
                self._received.append(b"")
                try:
                    self._received[-1] = line.recv(65536)
                    line.sendall(ANSWER)
                except OSError:
                    continue
