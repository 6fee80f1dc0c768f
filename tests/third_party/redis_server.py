"""A server that speaks as much Redis as the guide to adding a family needs."""

from __future__ import annotations

import socketserver
from io import BufferedIOBase

VALUES = {"greeting": "hello", "farewell": "good-bye"}


class RedisServer(socketserver.ThreadingTCPServer):
    """Wants a password before anything else.

    :param password: that is wanted.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, password: str) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.password = password


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    server: RedisServer

    def handle(self) -> None:
        """Answer until the client hangs up."""
        welcome = False
        while words := read_command(self.rfile):
            if words[0] == "AUTH":
                welcome = words[1] == self.server.password
                answer = "+OK" if welcome else "-WRONGPASS invalid username-password pair or user is disabled."
            elif not welcome:
                answer = "-NOAUTH Authentication required."
            elif words[0] == "PING":
                answer = "+PONG"
            else:
                value = VALUES.get(words[1])
                answer = "$-1" if value is None else f"${len(value)}\r\n{value}"
            self.wfile.write(f"{answer}\r\n".encode())


def read_command(stream: BufferedIOBase) -> list[str]:
    """Return the words of a command, none at the end of the stream."""
    head = stream.readline()
    if not head.startswith(b"*"):
        return []
    return [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode() for _ in range(int(head[1:]))]
