"""An API that wants credentials refuses none where a connection of type http has none: tasks bring them."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.check_many import prepare

from tests.faults.peers import Peer
from tests.hooks.held_back.peers import Says, http_server
from tests.servers.process import HOST

SECONDS = 60.0
BY_FAMILY: dict[str, Any] = {}
BY_HOOK: dict[str, Any] = {"proxies": {"ftp": "http://proxy.invalid:3128"}}
"""Of proxies the family knows nothing."""


def report_of(port: int, extra: dict[str, Any], **given: Any) -> dict[str, Any]:
    resolved = {"family": "airflow", "alias": "api", "conn_type": "http", "host": HOST, "port": port, **given}
    connector = get_connector("airflow")
    prepare([(connector, {**resolved, "extra": extra})])
    return dict(connector.doctor({**resolved, "extra": extra}, SECONDS)[1])


@pytest.mark.parametrize("way", [BY_FAMILY, BY_HOOK], ids=["family", "hook"])
@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_not_there_are_not_refused(status: int, way: dict[str, Any]) -> None:
    with http_server(Says(status, {"error": "who are you?"})) as port:
        report = report_of(port, way)
    assert (report["category"], report["details"].get("proven")) == ("ok", False), report


@pytest.mark.parametrize("way", [BY_FAMILY, BY_HOOK], ids=["family", "hook"])
@pytest.mark.parametrize(("status", "category"), [(401, "auth"), (403, "permission")])
@pytest.mark.parametrize("given", [{"login": "loader", "password": "wrong"}, {"extra": {"X-Token": "wrong"}}])
def test_those_that_are_there_are(given: dict[str, Any], status: int, category: str, way: dict[str, Any]) -> None:
    slots = {name: value for name, value in given.items() if name != "extra"}
    with http_server(Says(status, {"error": "not you"})) as port:
        report = report_of(port, {**way, **given.get("extra", {})}, **slots)
    assert report["category"] == category, report


def test_an_answer_without_end_is_not_read() -> None:
    sent: list[int] = []

    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not peer.stopping.is_set():
            sent.append(sock.send(b"x" * 65536))

    with Peer(manner) as peer:
        report = report_of(peer.port, BY_HOOK)
    assert report["category"] == "ok", report
    assert sum(sent) < 16 * 1024 * 1024
