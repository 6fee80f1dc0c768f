"""Clients of every family that has a network: they give up in time, and hang up when they are closed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from osiris_provider.connectors import get_connector, retry
from osiris_provider.errors import ConnectTimeoutError

from tests.faults.peers import HOST, Peer, forward, silent
from tests.integration.doctor.test_leaves_nothing import at, healthy
from tests.integration.waiting import comes_true
from tests.servers import MariaDBServer, PostgresServer

SQL, HTTP = ["mysql", "postgres"], ["api", "shopify", "supabase"]
Connections = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def connections(mariadb: MariaDBServer, postgres: PostgresServer) -> Iterator[Connections]:
    """A healthy connection of each family."""
    with healthy(mariadb, postgres) as actual:
        yield {one["family"]: {"alias": "test", **one} for one in actual}


def port_of(connection: dict[str, Any]) -> int:
    """Return the port of the server."""
    url = next((connection[name] for name in ("base_url", "shop_domain", "url") if name in connection), None)
    return int(url.rpartition(":")[2].partition("/")[0] if url else connection["port"])


def use(family: str, client: Any) -> None:
    """Ask the server something; clients that speak HTTP connect no sooner."""
    if family in HTTP:
        client.ask("GET", "", 1000)
    else:
        assert get_connector(family).is_alive(client)


@pytest.mark.parametrize("family", SQL + HTTP)
def test_conn_014_a_closed_client_hangs_up_while_it_is_still_referenced(family: str, connections: Connections) -> None:
    """The exception that a task failed with refers to its client for as long as it lives."""
    port, lines = port_of(connections[family]), list[socket.socket]()

    def until_the_end(peer: Peer, sock: socket.socket) -> None:
        lines.append(sock)
        forward(port)(peer, sock)
        # The server has hung up, which it does once its client has.
        lines.remove(sock)

    connector = get_connector(family)
    with Peer(until_the_end) as proxy:
        client = connector.create_client(at(connections[family], HOST, proxy.port))
        use(family, client)
        # PostgreSQL's has asked for encryption in vain, on lines of their own.
        assert comes_true(lambda: len(lines) == 1)
        connector.close_client(client)
        assert comes_true(lambda: not lines)
    assert client is not None


@pytest.mark.parametrize("family", SQL)
def test_conn_018_a_login_that_times_out_is_tried_again_and_then_an_error(
    family: str, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)
    with Peer(silent) as peer:
        connection = {**at(connections[family], HOST, peer.port), "connect_timeout": 0.2}
        with pytest.raises(ConnectTimeoutError) as raised:
            get_connector(family).create_client(connection)
        assert peer.accepted == retry.ATTEMPTS
    assert raised.value.fault.slug == "timed_out"
    assert raised.value.is_transient
    assert f"{HOST}:{peer.port}" in str(raised.value)


@pytest.mark.parametrize("family", HTTP)
def test_a_request_that_times_out_is_an_error(family: str, connections: Connections) -> None:
    connector = get_connector(family)
    with Peer(silent) as peer:
        connection = {**at(connections[family], HOST, peer.port), "timeout": 0.2}
        client = connector.create_client(connection)
        with pytest.raises(ConnectTimeoutError) as raised:
            connector.translate_errors(connection, lambda: client.ask("GET", "", 1000))
        connector.close_client(client)
    assert raised.value.fault.slug == "timed_out"
    assert raised.value.is_transient
