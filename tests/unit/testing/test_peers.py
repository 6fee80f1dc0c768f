"""The peers of the test kit do what their names say, to whoever connects."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest
from osiris_provider.testing.peers import Behaviour, Peer, drip, flood, garbage, hang_up, reset, say


def connected(peer: Peer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", peer.port), 10)


def received(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := line.recv(size - len(data))):
        data += piece
    return data


@pytest.mark.parametrize("said", [b"hello", b""])
def test_one_hangs_up_after_the_first_words_or_a_pause(said: bytes) -> None:
    with Peer(hang_up) as peer, closing(connected(peer)) as line:
        line.sendall(said)
        assert received(line, 1) == b""
    assert peer.sent == 0


def test_one_breaks_off_at_once() -> None:
    with Peer(reset) as peer, pytest.raises(ConnectionResetError), closing(connected(peer)) as line:
        line.recv(1)


@pytest.mark.parametrize(
    ("behaviour", "data"),
    [(drip, b"\x01" * 2), (flood, b"\x01" * 200_000), (garbage, (bytes(range(256)) + b"\r\n\r\n") * 2)],
)
def test_others_send_for_ever(behaviour: Behaviour, data: bytes) -> None:
    with Peer(behaviour) as peer:
        lines = [connected(peer), connected(peer)]
        assert [received(line, len(data)) for line in lines] == [data, data]
        for line in lines:
            line.close()
    assert peer.sent >= 2 * len(data)


def test_one_says_a_text_and_repeats_what_it_hears() -> None:
    with Peer(say(b"s3cret")) as peer, closing(connected(peer)) as line:
        assert received(line, 10) == b"s3cret\r\n\r\n"
        line.sendall(b"abc")
        assert received(line, 3) == b"abc"
        line.shutdown(socket.SHUT_WR)
        assert received(line, 1) == b""
    assert peer.sent == 13


@pytest.mark.parametrize("behaviour", [hang_up, drip, flood, garbage, say(b"x")])
def test_nothing_of_a_peer_stays(behaviour: Behaviour) -> None:
    before = set(threading.enumerate())
    with Peer(behaviour) as peer:
        port = peer.port
        line = connected(peer)
    assert set(threading.enumerate()) <= before
    line.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
