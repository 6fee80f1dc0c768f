"""When the reader of a MySQL result waits for more to gather on the line, and when it does not."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import trustme
from osiris_provider.drivers.mysql.protocol.adapter import _waiter

RECORD = 16_384
RECORDS = 6


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made in the thread of the test; those of other tests may still have theirs."""
    waits: list[float] = []
    pause, here = time.sleep, threading.get_ident()

    def note(seconds: float) -> None:
        if threading.get_ident() == here:
            waits.append(seconds)
        pause(seconds)

    monkeypatch.setattr(time, "sleep", note)
    return waits


@contextmanager
def encrypted() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a line with TLS."""
    authority = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("db.example.com").configure_cert(server_side)
    authority.configure_trust(client_side)
    one, other = socket.socketpair()
    ends: list[socket.socket] = []
    shaking = threading.Thread(target=lambda: ends.append(server_side.wrap_socket(one, server_side=True)))
    shaking.start()
    with client_side.wrap_socket(other, server_hostname="db.example.com") as here:
        shaking.join()
        with ends[0] as there:
            yield there, here


def test_what_lies_on_an_encrypted_line_is_read_without_a_pause(pauses: list[float]) -> None:
    with encrypted() as (server, client):
        more = _waiter(SimpleNamespace(_sock=client))
        server.sendall(bytes(RECORD * RECORDS))
        read = 0
        while more():
            read += len(client.recv(2 * RECORD))

    assert read == RECORD * RECORDS
    assert len(pauses) == 1


def test_little_pieces_gather_on_a_plain_line(pauses: list[float]) -> None:
    server, client = socket.socketpair()
    with server, client:
        more = _waiter(SimpleNamespace(_sock=client))
        server.sendall(b"piece")
        assert more()
        client.recv(RECORD)
        assert not more()

    assert len(pauses) == 2
