"""A small HTTP server on a thread and a free port; what it answers is a function of what it is asked."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import Self

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Request:
    """What was asked. Header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""
    every: dict[str, list[str]] = field(default_factory=dict)
    """All values of each query parameter; ``query`` has the last."""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered; a body of pieces is sent as they come."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def html(cls, text: str, status: int = 200) -> Reply:
        return cls(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


@dataclass(frozen=True)
class RawReply:
    """Bytes in the place of an answer, status line and all."""

    pieces: Iterable[bytes]


class HttpServer(ABC):
    """Base of the fake servers; ``requests`` keeps all that was asked.

    :param tls: serves https with this context.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._server = _Server((HOST, 0), _handler_of(self))
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @abstractmethod
    def answer(self, request: Request) -> Reply | RawReply:
        """Return the answer to a request."""

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        # It wakes who waits for the next client; serve_forever() would look every so often whether it is to end.
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def _serve(self) -> None:
        while not self.stopping.is_set():
            self._server.handle_request()

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._open)

    def opened(self, sock: socket.socket) -> None:
        self._open.add(sock)

    def closed(self, sock: socket.socket) -> None:
        self._open.discard(sock)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients of these tests break off on purpose."""


def _handler_of(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.opened(self.connection)

        def finish(self) -> None:
            server.closed(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            parts = urlsplit(self.path)
            every = parse_qs(parts.query, keep_blank_values=True)
            query = {name: values[-1] for name, values in every.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, query, headers, self.rfile.read(length), every)
            server.requests.append(request)
            _send(self, server.answer(request))

    for method in ("DELETE", "GET", "HEAD", "POST", "PUT"):
        setattr(Handler, f"do_{method}", Handler.serve)
    return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply | RawReply) -> None:
    if isinstance(reply, RawReply):
        handler.close_connection = True
        for piece in reply.pieces:
            handler.wfile.write(piece)
        return
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if isinstance(reply.body, bytes):
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)
        return
    handler.send_header("Connection", "close")
    handler.end_headers()
    for piece in reply.body:
        handler.wfile.write(piece)
