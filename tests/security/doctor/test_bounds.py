"""A peer of doctor that sends without end, of whatever family: what is taken of it has a bound."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.net.deadline import CHECK_BYTES, Deadline, TooMuchDataError
from osiris_provider.net.sockets import open_socket

from tests.faults.peers import Peer

PIECE = b"x" * 65536
SLACK = 16 * 1024 * 1024
"""What operating systems take that no one has read."""


class Flood:
    """Sends a beginning, then the same for ever, and counts.

    :param begin: what it says first.
    :param repeated: what it goes on with.
    """

    def __init__(self, begin: bytes, repeated: bytes = PIECE) -> None:
        self._begin = begin
        self._repeated = repeated
        self.sent = 0

    def __call__(self, peer: Peer, sock: socket.socket) -> None:
        sock.sendall(self._begin)
        while not peer.stopping.is_set():
            self.sent += sock.send(self._repeated)


def _mysql(port: int) -> dict[str, Any]:
    return {"family": "mysql", "alias": "x", "host": "127.0.0.1", "port": port, "user": "u", "password": "p"}


def _api(port: int) -> dict[str, Any]:
    return {"family": "api", "alias": "x", "base_url": f"http://127.0.0.1:{port}", "token": "t0ken"}


def _supabase(port: int) -> dict[str, Any]:
    return {"family": "supabase", "alias": "x", "url": f"http://127.0.0.1:{port}", "service_role_key": "k3y"}


MYSQL = b"\xff\xff\xff\x00"
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n" % len(PIECE) + PIECE + b"\r\n"
LATER = b"HTTP/1.1 100 Continue\r\n\r\n" * 1000


@pytest.mark.parametrize(
    ("connection", "flood"),
    [
        (_mysql, Flood(MYSQL, MYSQL + b"\0" * 0xFFFFFF)),
        (_api, Flood(HEADERS + b"8\r\n[1,     \r\n", CHUNK)),
        (_api, Flood(b"HTTP/1.1 200 OK\r\n", b"X: " + PIECE[:60000] + b"\r\n")),
        (_api, Flood(LATER, LATER)),
        (_supabase, Flood(HEADERS, CHUNK)),
    ],
    ids=["mysql greeting", "api body", "api header", "api 100 continue", "supabase body"],
)
def test_no_family_takes_more_than_a_megabyte(connection: Callable[[int], dict[str, Any]], flood: Flood) -> None:
    with Peer(flood) as peer:
        fields = connection(peer.port)
        ok, verdict = get_connector(fields["family"]).doctor(fields, 5)
    assert ok is False, verdict
    assert flood.sent < CHECK_BYTES + SLACK


def _read_all(line: socket.socket) -> None:
    while line.recv(1024):
        pass


def test_all_lines_of_a_check_count_together() -> None:
    deadline = Deadline(10, max_bytes=3 * len(PIECE))
    with Peer(Flood(b"")) as peer:
        first, second = (open_socket("127.0.0.1", peer.port, part) for part in (deadline, deadline.part(0.5)))
        with first, second:
            taken = 0
            while taken < 2 * len(PIECE):
                taken += len(first.recv(1024))
            assert len(second.recv(1024)) > 0
            with pytest.raises(TooMuchDataError):
                _read_all(second)


def test_a_client_that_is_released_has_no_bound() -> None:
    with Peer(Flood(b"")) as peer, open_socket("127.0.0.1", peer.port, Deadline(10, max_bytes=1000)) as line:
        line.deadline = None
        assert sum(len(line.recv(4096)) for _ in range(100)) > 1000


def test_packets_are_of_the_protocol() -> None:
    assert struct.unpack("<I", MYSQL)[0] == 0xFFFFFF, "the longest packet, which is followed by another"
