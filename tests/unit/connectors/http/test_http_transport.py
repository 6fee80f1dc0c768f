"""The HTTP client's connections are made over our sockets, whose deadline covers all of a check."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from osiris_provider.connectors.http import transport
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.session import HttpSession
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket
from osiris_provider.net.tls import tls_context

from tests.faults.peers import closed_port


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
