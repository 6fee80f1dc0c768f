"""A server that a hook asks cannot have it send its credentials to another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import HTTPRedirectHandler, urlopen

import httpx
import pytest
import requests
import urllib3
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import check_hook
from osiris_provider.hook_doctor.watch.redirects import RedirectedElsewhereError, keep_redirects_here
from osiris_provider.net.deadline import Deadline

from tests.security.hook_doctor.provider import CANARY, Checks


@contextmanager
def serving(location: str | None, then: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield the URL of a server, and what it gets; it redirects to a location, and from there, or says yes."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(302)

        def do_POST(self) -> None:
            self._answer(307)

        def _answer(self, status: int) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got.append(f"{self.headers} {body!r}")
            target = then if self.path == location else location
            self.send_response(200 if target is None else status)
            if target is not None:
                self.send_header("Location", target)
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


def by_httpx_async(url: str) -> Any:
    async def ask() -> Any:
        async with httpx.AsyncClient(follow_redirects=True) as client:
            return await client.get(url)

    return asyncio.run(ask())


CLIENTS: dict[str, Callable[[str], Any]] = {
    "requests": lambda url: requests.get(url, timeout=10),
    "requests, a form": lambda url: requests.post(url, {"password": CANARY}, timeout=10),
    "httpx": lambda url: httpx.get(url, follow_redirects=True),
    "httpx, async": by_httpx_async,
    "urllib3": lambda url: urllib3.PoolManager().request("GET", url),
    "urllib": lambda url: urlopen(url, timeout=10),  # noqa: S310 - of a server of the test
}


@pytest.fixture
def kept_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries of this process as they are in that of a check, until the test is over."""
    patched: tuple[tuple[Any, str], ...] = (
        (requests.Session, "resolve_redirects"),
        (httpx.Client, "_build_redirect_request"),
        (httpx.AsyncClient, "_build_redirect_request"),
        (urllib3.PoolManager, "urlopen"),
        (HTTPRedirectHandler, "redirect_request"),
    )
    for owner, name in patched:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    keep_redirects_here()


@pytest.mark.usefixtures("kept_here")
@pytest.mark.parametrize("client", CLIENTS)
def test_no_library_goes_elsewhere_and_each_goes_on_here(client: str) -> None:
    with serving(None) as (elsewhere, stolen):
        with serving(f"{elsewhere}/") as (url, got), pytest.raises(RedirectedElsewhereError):
            CLIENTS[client](url)
        assert (len(got), stolen) == (1, [])
    with serving("/again") as (url, got):
        answer = CLIENTS[client](url)
        assert (getattr(answer, "status_code", None) or answer.status, len(got)) == (200, 2)


@pytest.mark.usefixtures("kept_here")
def test_who_asks_where_a_redirect_leads_to_sends_nothing_there() -> None:
    with serving(None) as (elsewhere, stolen), serving(f"{elsewhere}/") as (url, _):
        answer = requests.get(url, allow_redirects=False, timeout=10)
        assert answer.next is not None
        assert (answer.next.url, stolen) == (f"{elsewhere}/", [])


@pytest.mark.usefixtures("kept_here")
@pytest.mark.parametrize("client", CLIENTS)
def test_nor_does_the_second_redirect_lead_elsewhere(client: str) -> None:
    with serving(None) as (elsewhere, stolen), serving("/again", f"{elsewhere}/") as (url, got):
        with pytest.raises(RedirectedElsewhereError):
            CLIENTS[client](url)
        assert (len(got), stolen) == (2, [])
