"""What the sets of held-back faults are made with: peers that say what they are given, and the question to a doctor."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.check_many import prepare
from osiris_provider.hook_doctor import HookConnection

from tests.faults.sql import trustme_day
from tests.hooks.case import PASSWORD
from tests.servers.process import HOST

MAX_WAIT = 60.0
SHORT_WAIT = 4.0
"""For a peer that says nothing; hooks have been imported before."""


def category_of(connection: HookConnection, timeout: float = MAX_WAIT) -> str:
    """Return the category of a check, as users ask for it, and its fault in parentheses."""
    written = {name: getattr(connection, name) for name in ("conn_type", "host", "login", "password", "port", "schema")}
    given = {name: value for name, value in written.items() if value is not None}
    resolved = {"family": "airflow", "alias": connection.conn_id, **given, "extra": dict(connection.extra)}
    connector = get_connector("airflow")
    prepare([(connector, resolved)])
    _, report = connector.doctor(resolved, timeout)
    assert PASSWORD not in str(report)
    return f"{report['category']} ({report['details'].get('fault', '')})"


Lines = Callable[[bytes], bytes | None]
"""Returns what is said to a client's line; None hangs up."""


@contextmanager
def listening(serve: Callable[[socket.socket], object], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield the port of a server that hands each client to a function, one after the other."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(client, server_side=True) if context else client as line:
                    serve(line)
                client.close()

    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def scripted(*replies: bytes) -> AbstractContextManager[int]:
    """A server that says its replies in turn, one to each client's line, and then hangs up."""

    def serve(client: socket.socket) -> None:
        for reply in replies:
            client.sendall(reply)
            if not client.recv(4096):
                break

    return listening(serve)


def answering_lines(
    greeting: bytes, answer: Lines, context: ssl.SSLContext | None = None
) -> AbstractContextManager[int]:
    """A server that greets, and answers each line."""

    def serve(client: socket.socket) -> None:
        client.sendall(greeting)
        with client.makefile("rb") as lines:
            for line in lines:
                said = answer(line)
                if said is None:
                    return
                client.sendall(said)

    return listening(serve, context)


@dataclass(frozen=True)
class Says:
    """What an HTTP server answers to everything.

    :param body: text, or what becomes JSON.
    :param stranger: status for who has no Authorization; by default no one is asked for it.
    """

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    stranger: int | None = None


@contextmanager
def http_server(says: Says, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yield the port of a server that always says the same."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_stranger = says.stranger is not None and "Authorization" not in self.headers
            text = says.body if isinstance(says.body, str) else json.dumps(says.body)
            kind = "text/html" if text.startswith("<html") else "application/json"
            self.send_response(says.stranger if is_stranger and says.stranger else says.status)
            for name, value in {"Content-Type": kind, **says.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


Peer = Says | Callable[[], AbstractContextManager[int]]
Situation = tuple[Peer, dict[str, Any], str]
"""Who answers, what is otherwise in the connection, and the category."""


def peer_of(peer: Peer) -> AbstractContextManager[int]:
    """Return what starts a peer and yields its port."""
    return http_server(peer) if isinstance(peer, Says) else peer()


def expect(connection: HookConnection, expected: str) -> None:
    """Check a connection, and fail if its category is another one."""
    answer = category_of(connection, SHORT_WAIT if expected == "timeout" else MAX_WAIT)
    assert answer.split()[0] == expected, answer


@cache
def authority() -> trustme.CA:
    """Return the authority of the certificates here; no library trusts it unless it is told to."""
    return trustme.CA()


def issued(name: str, *, expired: bool = False) -> trustme.LeafCert:
    """Return a certificate of the authority."""
    days = {"not_before": trustme_day(-9), "not_after": trustme_day(-1)} if expired else {}
    return authority().issue_cert(name, **days)


def tls(name: str = HOST, *, expired: bool = False) -> ssl.SSLContext:
    """Return the context of a server whose certificate is for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued(name, expired=expired).configure_cert(context)
    return context


HTML = "<html><head><title>Sign in</title></head><body>Please sign in</body></html>"
HTTP_400 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
HARD_PASSWORD = "p%40@w:/#?%&+ö"
SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
NOISE = bytes(range(128, 256)) * 4
