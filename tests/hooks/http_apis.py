"""APIs that are imitated: each takes one password or token, and says no as the real one does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from typing_extensions import Self

from tests.hooks.case import PASSWORD
from tests.hooks.keys import is_signed
from tests.servers.process import HOST

Answer = tuple[int, Any, bool]
"""Status, JSON, and whether it refuses a login."""


class API:
    """Serves an imitated API on a port of 127.0.0.1; use it as a context manager.

    :param answer: takes path, headers and body of a request.
    """

    def __init__(self, answer: Callable[[str, Mapping[str, str], bytes], Answer]) -> None:
        api = self
        self.refused = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, said, refuses = answer(self.path, dict(self.headers.items()), body)
                api.refused += refuses
                content = json.dumps(said).encode()
                self.send_response(status)
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
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _bearer(headers: Mapping[str, str]) -> bool:
    return headers.get("Authorization", headers.get("authorization")) == f"Bearer {PASSWORD}"


def _basic(headers: Mapping[str, str]) -> bool:
    expected = base64.b64encode(f"loader:{PASSWORD}".encode()).decode()
    return headers.get("Authorization", headers.get("authorization")) == f"Basic {expected}"


def slack(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """``auth.test``."""
    if not path.endswith("/auth.test"):
        return 404, {}, False
    if _bearer(headers):
        return 200, {"ok": True, "url": "https://x.slack.com/", "team": "x", "user": "loader"}, False
    return 200, {"ok": False, "error": "invalid_auth"}, True


def databricks(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """The versions of Spark."""
    if not _bearer(headers):
        return 403, {"error_code": 403, "message": "Invalid access token."}, True
    return (200, {"versions": []}, False) if path.endswith("/clusters/spark-versions") else (404, {}, False)


def kubernetes(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """The version, which is for everyone, and a review of one's own rights."""
    if path == "/version/":
        return 200, {"major": "1", "minor": "34"}, False
    if not _bearer(headers):
        return 401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}, True
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}}
    return 201, {**kind, "status": {"allowed": False}}, False


def elasticsearch(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """What it is, and whom it takes us for."""
    if not _basic(headers):
        return 401, {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}, True
    if path.startswith("/_security/_authenticate"):
        return 200, {"username": "loader", "roles": []}, False
    return 200, {"name": "n", "version": {"number": "8.19.0", "build_flavor": "default"}, "tagline": "x"}, False


def basic(_path: str, headers: Mapping[str, str], _body: bytes) -> Answer:
    """Basic authentication."""
    return (200, {}, False) if _basic(headers) else (401, {}, True)


def token(_path: str, _headers: Mapping[str, str], body: bytes) -> Answer:
    """Google's endpoint for tokens: takes what one key has signed."""
    assertion = parse_qs(body.decode())["assertion"][0]
    if is_signed(assertion):
        return 200, {"access_token": "ya29.x", "expires_in": 3600, "token_type": "Bearer"}, False
    return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, True
