"""Every call of a socket is bounded by its deadline, and counts what has come."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator

import pytest
from osiris_provider.net.deadline import Deadline, TooMuchDataError
from osiris_provider.net.sockets import DeadlineSocket

CALLS: dict[str, Callable[[socket.socket], object]] = {
    "recv": lambda sock: sock.recv(10),
    "recv_into": lambda sock: sock.recv_into(bytearray(10)),
    "send": lambda sock: sock.send(b"x"),
    "sendall": lambda sock: sock.sendall(b"x"),
}
PASSED = 1e-9
"""Seconds of a deadline that is over at once."""


@pytest.fixture
def pair() -> Iterator[tuple[DeadlineSocket, socket.socket]]:
    """Our end of a line, and the peer's, which has sent something."""
    one, other = socket.socketpair()
    with DeadlineSocket(one.family, one.type, one.proto, one.detach()) as ours, other:
        other.sendall(b"0123456789")
        yield ours, other


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_call_begins_after_the_deadline(
    call: Callable[[socket.socket], object], pair: tuple[DeadlineSocket, socket.socket]
) -> None:
    ours, other = pair
    ours.deadline = Deadline(PASSED)
    with pytest.raises(TimeoutError):
        call(ours)
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.recv(10)
    ours.deadline = None
    call(ours)


@pytest.mark.parametrize("call", [CALLS["send"], CALLS["sendall"]], ids=["send", "sendall"])
def test_a_peer_that_takes_nothing_ends_with_the_deadline(
    call: Callable[[socket.socket], object], pair: tuple[DeadlineSocket, socket.socket]
) -> None:
    ours, _ = pair
    ours.deadline = Deadline(0.05)
    with pytest.raises(TimeoutError):
        all(call(ours) != 0 for _ in itertools.count())


@pytest.mark.parametrize("call", [CALLS["recv"], CALLS["recv_into"]], ids=["recv", "recv_into"])
def test_what_has_come_is_counted(
    call: Callable[[socket.socket], object], pair: tuple[DeadlineSocket, socket.socket]
) -> None:
    ours, other = pair
    ours.deadline = Deadline(5, max_bytes=15)
    call(ours)
    other.sendall(b"0123456789")
    with pytest.raises(TooMuchDataError):
        call(ours)
