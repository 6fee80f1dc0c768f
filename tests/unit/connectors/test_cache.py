"""Clients are kept, replaced when dead, and closed (CONN-013, 014)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.connectors.cache import ClientCache, cache_key

from tests.unit.fakes import FakeClient, FakeConnector, connection

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text(), max_size=2))
CONNECTIONS = st.dictionaries(st.text(min_size=1), VALUES, max_size=5)


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    connector = FakeConnector()
    yield connector
    connector.close_all()


@given(CONNECTIONS, CONNECTIONS)
@example({"host": "a", "port": 1}, {"port": 1, "host": "a"})
@example({"password": "\ud800"}, {"password": "\udfff"})
@example({"since": date(2027, 1, 1)}, {"since": date(2027, 1, 2)})
def test_conn_013_key_tells_connections_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    assert (cache_key(one) == cache_key(other)) is same
    assert cache_key(one) == cache_key(dict(reversed(one.items())))


@given(st.text(min_size=4))
def test_conn_011_key_shows_no_secret(secret: str) -> None:
    digest = cache_key({"password": secret})[2]
    assert len(digest) == 64
    assert secret not in digest
    assert set(digest) <= set("0123456789abcdef")


def test_conn_013_one_client_a_connection(connector: FakeConnector) -> None:
    first = connector.client(connection(password="a"))
    assert connector.client(connection(password="a")) is first
    assert connector.client(connection(password="b")) is not first
    assert len(connector.opened) == 2


@pytest.mark.parametrize("how", ["dead", "raises"])
def test_conn_013_dead_client_is_closed_and_replaced(connector: FakeConnector, how: str) -> None:
    first = connector.client(connection())
    if how == "dead":
        first.alive = False
    else:
        first.closed = 1
    assert connector.client(connection()) is not first
    assert first.closed == (1 if how == "dead" else 2)


def test_conn_014_close_all_closes_the_clients_of_all_threads(connector: FakeConnector) -> None:
    mine = connector.client(connection())
    with ThreadPoolExecutor(4) as pool:
        barrier = threading.Barrier(4)

        def open_one(_: int) -> FakeClient:
            barrier.wait(10)
            return connector.client(connection())

        clients = [mine, *pool.map(open_one, range(4))]
    assert len({id(client) for client in clients}) == 5
    connector.close_all()
    assert [client.closed for client in clients] == [1] * 5
    connector.close_all()
    assert [client.closed for client in clients] == [1] * 5


def test_conn_014_client_that_cannot_be_closed_holds_up_no_other() -> None:
    closed: list[int] = []

    def close(client: int) -> None:
        closed.append(client)
        raise OSError

    cache: ClientCache[int] = ClientCache(bool, close)
    for number in (1, 2):
        cache.get_or_create({"number": number}, lambda number=number: number)  # type: ignore[misc] # the usual default
    cache.close_all()
    assert closed == [1, 2]
    assert len(cache) == 0


def test_conn_014_child_process_leaves_the_clients_of_its_parent_alone(connector: FakeConnector) -> None:
    client = connector.client(connection())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        other = connector.client(connection())
        connector.close_all()
        os.write(writing, f"{other is client} {client.closed} {other.closed}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() == "False 0 1"
    assert connector.client(connection()) is client


def test_failure_to_open_leaves_nothing_behind(connector: FakeConnector) -> None:
    with pytest.raises(Exception, match="broken"):
        connector.client(connection("raise"))
    assert not connector.opened
    assert connector.client(connection()).alive
