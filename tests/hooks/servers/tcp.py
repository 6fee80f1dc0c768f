"""What the imitations of binary protocols have in common."""

from __future__ import annotations

import socketserver
import ssl
import threading
from contextlib import suppress
from io import BufferedIOBase

from typing_extensions import Self

from tests.servers.process import HOST


class Imitation:
    """A server on a port of 127.0.0.1, with a thread for each client; use it as a context manager."""

    def __init__(self) -> None:
        server = self
        self.refused = 0
        """Logins with wrong credentials."""

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                # Clients that only look whether somebody is there hang up, and so do those that are killed.
                with suppress(EOFError, OSError):
                    server.talk(self.rfile, self.wfile)

        self._server = socketserver.ThreadingTCPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def encrypted(self, tls: ssl.SSLContext) -> Self:
        """Return this server, which then speaks TLS with the certificate of a context."""
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def talk(self, incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
        """Serve one client until it hangs up."""
        raise NotImplementedError


def exactly(stream: BufferedIOBase, size: int) -> bytes:
    """Read so many bytes.

    :raises EOFError: the client has hung up.
    """
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
