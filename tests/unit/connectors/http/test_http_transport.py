"""The HTTP client's connections are made over our sockets, whose deadline covers all of a check."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import urllib3
from osiris_provider.connectors.http import transport
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.faults import BAD_PROXY, http_fault
from osiris_provider.connectors.http.session import HttpSession
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket
from osiris_provider.net.tls import tls_context
from osiris_provider.testing.secrecy import assert_silent

from tests.faults.peers import closed_port

SECRET = "s3cret-of-the-proxy"


@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_connection_gets_the_deadline(scheme: str, proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int, Deadline]] = []

    def spy(host: str, port: int, deadline: Deadline) -> Any:
        opened.append((host, port, deadline))
        return open_socket(host, port, deadline)

    monkeypatch.setattr(transport, "open_socket", spy)
    monkeypatch.setenv("NO_PROXY", "")
    with closed_port() as closed:
        host, port = ("api.example.com", 8443) if proxy else ("127.0.0.1", closed)
        url, deadline = f"{scheme}://{host}:{port}", Deadline(5)
        proxies = {scheme: f"http://127.0.0.1:{closed}"} if proxy else {}
        session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), deadline)
        with session, pytest.raises(requests.ConnectionError):
            session.get("users", proxies=proxies)
    assert opened == [("127.0.0.1", closed, deadline)]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_ipv6_address_is_connected_to_without_its_brackets(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, int]] = []

    def refuse(host: str, port: int, _: Deadline) -> Any:
        opened.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(transport, "open_socket", refuse)
    url = f"{scheme}://[2001:db8::1]:8443"
    session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), Deadline(5))
    with session, pytest.raises(requests.ConnectionError):
        session.get("users")
    assert opened == [("2001:db8::1", 8443)]


@pytest.mark.parametrize("scheme", ["socks5", "SOCKS5H"])
def test_a_key_in_the_query_does_not_go_through_a_socks_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A package that need not be installed has the real one.
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", lambda *_, **__: urllib3.PoolManager())
    url = "https://127.0.0.1:1"
    auth = OriginAuth(url, {}, query={"key": "a-key"})
    with HttpSession(url, auth, (1, 1), tls_context(), Deadline(5)) as session:
        with pytest.raises(requests.exceptions.InvalidProxyURL, match="a key in the query does not go") as raised:
            session.get("users", proxies={"https": f"{scheme}://127.0.0.1:1"})
        assert "a-key" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "proxy", ["http://LOGIN@127.0.0.1:99999", "LOGIN@no such host:1", "http://LOGIN@[::1", "socks9://LOGIN@h"]
)
def test_a_proxy_that_is_none_is_not_taken_for_the_url(
    proxy: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    url = f"{scheme}://api.example.com"
    session = HttpSession(url, OriginAuth(url, {}), (1, 1), tls_context(), Deadline(5))
    with session, pytest.raises(requests.exceptions.InvalidProxyURL) as raised:
        session.get("users", proxies={scheme: proxy.replace("LOGIN", f"user:{SECRET}")})
    assert http_fault(raised.value) is BAD_PROXY
    assert_silent(SECRET, raised.value)
