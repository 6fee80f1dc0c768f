"""APIs that are imitated: each takes one password or token, and says no as the real one does."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from typing_extensions import Self

from tests.hooks.case import PASSWORD
from tests.hooks.keys import is_signed
from tests.servers.process import HOST

Answer = tuple[int, Any, bool] | tuple[int, Any, bool, Mapping[str, str]]
"""Status, JSON or bytes, whether it refuses a login, and headers beside the usual ones."""


class API:
    """Serves an imitated API on a port of 127.0.0.1; use it as a context manager.

    :param answer: takes path, headers and body of a request.
    :param tls: with the certificate that it shows; None is plain HTTP.
    """

    def __init__(
        self, answer: Callable[[str, Mapping[str, str], bytes], Answer], tls: ssl.SSLContext | None = None
    ) -> None:
        api = self
        self.refused = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, said, refuses, *more = answer(self.path, dict(self.headers.items()), body)
                api.refused += refuses
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for headers in more:
                    for name, value in headers.items():
                        self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                del format, args

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def has_bearer(headers: Mapping[str, str]) -> bool:
    """Return whether a request has the right token."""
    return headers.get("Authorization", headers.get("authorization")) == f"Bearer {PASSWORD}"


def has_basic(headers: Mapping[str, str]) -> bool:
    """Return whether a request has the right user and password."""
    expected = base64.b64encode(f"loader:{PASSWORD}".encode()).decode()
    return headers.get("Authorization", headers.get("authorization")) == f"Basic {expected}"


def slack(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """``auth.test``."""
    if not path.endswith("/auth.test"):
        return 404, {}, False
    if has_bearer(headers):
        return 200, {"ok": True, "url": "https://x.slack.com/", "team": "x", "user": "loader"}, False
    return 200, {"ok": False, "error": "invalid_auth"}, True


def databricks(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """The versions of Spark."""
    if not has_bearer(headers):
        return 403, {"error_code": 403, "message": "Invalid access token."}, True
    return (200, {"versions": []}, False) if path.endswith("/clusters/spark-versions") else (404, {}, False)


def kubernetes(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """The version, which is for everyone, and a review of one's own rights."""
    if path == "/version/":
        return 200, {"major": "1", "minor": "34"}, False
    if not has_bearer(headers):
        return 401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}, True
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}}
    return 201, {**kind, "status": {"allowed": False}}, False


def elasticsearch(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """What it is, and whom it takes us for."""
    if not has_basic(headers):
        return 401, {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}, True
    if path.startswith("/_security/_authenticate"):
        return 200, {"username": "loader", "roles": []}, False
    return 200, {"name": "n", "version": {"number": "8.19.0", "build_flavor": "default"}, "tagline": "x"}, False


def basic(_path: str, headers: Mapping[str, str], _body: bytes) -> Answer:
    """Basic authentication."""
    # Without credentials it is no login, but the question whether one is wanted.
    return (200, {}, False) if has_basic(headers) else (401, {}, "Authorization" in headers)


def token(_path: str, _headers: Mapping[str, str], body: bytes) -> Answer:
    """Google's endpoint for tokens: takes what one key has signed."""
    assertion = parse_qs(body.decode())["assertion"][0]
    if is_signed(assertion):
        return 200, {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer"}, False
    return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, True
