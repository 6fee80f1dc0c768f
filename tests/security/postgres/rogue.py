"""A PostgreSQL server that wants the password: it speaks just enough of the protocol and records every byte."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from typing_extensions import Self

from tests.faults.peers import shut

HOST: Final = "127.0.0.1"
SSL_REQUEST: Final = 80877103
GSS_REQUEST: Final = 80877104

ACCEPTED: Final = struct.pack("!I", 0)
CLEAR: Final = struct.pack("!I", 3)
MD5: Final = struct.pack("!I4s", 5, b"salt")
SCRAM: Final = struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"

PIECE: Final = 64 * 1024
LONGEST: Final = 10_000
"""Bytes that a client may say of itself."""
PARAMETERS: Final = {
    "server_version": "15.1",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}

Flood = Callable[[], Iterator[bytes]]


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message of the protocol."""
    return kind + struct.pack("!I", len(body) + 4) + body


def error(text: bytes, code: bytes = b"28P01", kind: bytes = b"E") -> bytes:
    """Return an error, or with ``kind`` N a notice."""
    fields = b"SFATAL\0VFATAL\0" if kind == b"E" else b"SNOTICE\0VNOTICE\0"
    return message(kind, fields + b"C" + code + b"\0M" + text + b"\0\0")


def endless_notices() -> Iterator[bytes]:
    """Yield notices for ever."""
    while True:
        yield error(b"x" * 4000, b"00000", b"N") * 16


def endless_parameters() -> Iterator[bytes]:
    """Yield parameters for ever, each with a name of its own."""
    number = 0
    while True:
        yield b"".join(message(b"S", f"name{number + i}\0{'x' * 1000}\0".encode()) for i in range(64))
        number += 64


def huge_error() -> Iterator[bytes]:
    """Yield an error of a gigabyte."""
    yield b"E" + struct.pack("!I", 2**30) + b"SFATAL\0M"
    while True:
        yield b"x" * PIECE


class RoguePostgres:
    """A listener that answers logins as it was told.

    :param asks: its authentication request; an error message is sent as it is.
    :param tls: what it says to the request for TLS; a context accepts it.
    :param accepts: whether it lets in whoever answers.
    :param flood: what it sends after that, for ever.
    :param parameters: that it tells, besides the usual ones.
    :param gss: what it says to the request for encryption by Kerberos; with nothing it breaks off.
    :param path: of a Unix socket to listen on instead of a port.
    :param iterations: of the hash that it asks for with SCRAM.
    """

    row = b"off"
    """What it answers to each query."""

    def __init__(
        self,
        asks: bytes = CLEAR,
        *,
        tls: bytes | ssl.SSLContext = b"N",
        accepts: bool = True,
        flood: Flood | None = None,
        parameters: Mapping[str, str] | None = None,
        gss: bytes = b"N",
        path: Path | None = None,
        iterations: int = 1,
    ) -> None:
        self._asks = asks
        self._tls = tls
        self._accepts = accepts
        self._gss = gss
        self._flood = flood
        self._iterations = iterations
        self._parameters = {**PARAMETERS, **(parameters or {})}
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(str(path) if path else (HOST, 0))
        self._listener.listen(64)
        self.port: int = 5432 if path else self._listener.getsockname()[1]
        self.received = bytearray()
        self.startups: list[dict[str, str]] = []
        self.requests: list[int] = []
        self.answers = 0
        self.sent = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        shut(self._listener)
        # What it has just accepted is in the list once its thread has ended.
        self._threads[0].join(5)
        for sock in self._open:
            shut(sock)
        for thread in self._threads:
            thread.join(5)
        # A line may have got its TLS only now.
        for sock in self._open:
            sock.close()

    def got(self, secret: str) -> bool:
        """Return whether it has received a secret in clear."""
        return secret.encode() in bytes(self.received)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, struct.error):
            self._talk(sock)
        with contextlib.suppress(OSError):
            sock.close()

    def _talk(self, sock: socket.socket) -> None:
        while True:
            size, code = struct.unpack("!II", self._read(sock, 8))
            self.requests.append(code)
            if size > LONGEST:
                # PostgreSQL before 17 does not know what begins with TLS.
                return
            if code == GSS_REQUEST:
                sock.sendall(self._gss)
                if not self._gss:
                    return
            elif code != SSL_REQUEST:
                break
            elif isinstance(self._tls, bytes):
                sock.sendall(self._tls)
            else:
                sock.sendall(b"S")
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
        words = self._read(sock, size - 8).decode().split("\0")
        self.startups.append(dict(zip(words[:-2:2], words[1:-2:2], strict=True)))
        self._login(sock)

    def _login(self, sock: socket.socket) -> None:
        if self._asks[:1] == b"E":
            sock.sendall(self._asks)
            return
        sock.sendall(message(b"R", self._asks))
        if self._asks == SCRAM:
            first = self._message(sock).partition(b"r=")[2]
            self.answers += 1
            challenge = b"r=" + first + b"rogue,s=c2FsdA==,i=%d" % self._iterations
            sock.sendall(message(b"R", struct.pack("!I", 11) + challenge))
            self._message(sock)
            sock.sendall(message(b"R", struct.pack("!I", 12) + b"v=" + b"A" * 43 + b"="))
        elif self._asks != ACCEPTED:
            self._message(sock)
            self.answers += 1
        if not self._accepts:
            sock.sendall(error(b"no"))
            return
        if self._asks != ACCEPTED:
            sock.sendall(message(b"R", ACCEPTED))
        told = (message(b"S", f"{name}\0{value}\0".encode()) for name, value in self._parameters.items())
        sock.sendall(b"".join(told))
        for piece in self._flood() if self._flood else ():
            self.sent += sock.send(piece)
        sock.sendall(message(b"K", struct.pack("!II", os.getpid(), 1)) + message(b"Z", b"I"))
        self._answer(sock)

    def _answer(self, sock: socket.socket) -> None:
        while True:
            sock.sendall(self._answered(self._message(sock)))

    def _answered(self, asked: bytes) -> bytes:
        """Return the answer to a query: one row."""
        del asked
        column = struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
        row = struct.pack("!hi", 1, len(self.row)) + self.row
        described = message(b"T", struct.pack("!h", 1) + b"x\0" + column)
        return described + message(b"D", row) + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")

    def _message(self, sock: socket.socket) -> bytes:
        (size,) = struct.unpack("!xI", self._read(sock, 5))
        return self._read(sock, size - 4)

    def _read(self, sock: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = sock.recv(size - len(data))
            if not piece:
                raise ConnectionResetError
            self.received += piece
            data += piece
        return data
