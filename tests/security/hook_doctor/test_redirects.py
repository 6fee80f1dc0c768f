"""A server that a hook asks cannot have it send its credentials to another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import check_hook
from osiris_provider.net.deadline import Deadline

from tests.security.hook_doctor.provider import CANARY, Checks


@contextmanager
def serving(location: str | None) -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a server, and what it gets; it redirects to a location, or says yes."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(302)

        def do_POST(self) -> None:
            self._answer(307)

        def _answer(self, status: int) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got.append(f"{self.headers} {body!r}")
            redirects = location is not None and self.path != location
            self.send_response(status if redirects else 200)
            if location is not None and redirects:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", got
        finally:
            server.shutdown()


DOES = ["posts_password", "posts_by_httpx", "posts_by_httpx_async", "asks_by_urllib", "asks_by_urllib3"]


def fault_of(checks: Checks, does: str, url: str) -> str:
    checks.pids.write_text("")
    connection = checks.connection(does)
    try:
        check_hook(replace(connection, extra={**connection.extra, "url": url}), Deadline(60.0))
    except ConnectorError as error:
        return error.fault.slug
    return "ok"


@pytest.mark.parametrize("does", DOES)
def test_a_login_does_not_follow_a_redirect_to_another_server(checks: Checks, does: str) -> None:
    with serving(None) as (elsewhere, stolen), serving(f"{elsewhere}/") as (url, got):
        assert (fault_of(checks, does, url), stolen) == ("redirected", [])
    assert CANARY in got[0]


@pytest.mark.parametrize("does", DOES)
def test_it_follows_one_within_the_server(checks: Checks, does: str) -> None:
    with serving("/again") as (url, got):
        assert (fault_of(checks, does, url), len(got)) == ("ok", 2)
