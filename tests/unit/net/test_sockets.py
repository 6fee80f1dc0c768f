"""Every call of a socket is bounded by its deadline, and counts what has come."""

from __future__ import annotations

import errno
import itertools
import socket
from collections.abc import Callable, Iterator

import pytest
from osiris_provider.net import sockets
from osiris_provider.net.deadline import Deadline, TooMuchDataError
from osiris_provider.net.sockets import DeadlineSocket, address_of, cut, open_socket

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


def test_one_answer_has_its_own_end_beside_the_timeout(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, _ = pair
    for before, after in ((30.0, 30.0), (100.0, 60.0), (None, 60.0)):
        ours.settimeout(before)
        ours.until = Deadline(60)
        ours.send(b"x")
        assert ours.gettimeout() == pytest.approx(after, abs=0.5)
    ours.until, ours.deadline = Deadline(60), Deadline(20)
    ours.send(b"x")
    assert ours.gettimeout() == pytest.approx(20, abs=0.5)


Address = tuple[socket.AddressFamily, tuple[str, int]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.mark.parametrize("dead", [0, 1, 3])
def test_the_first_address_that_answers_is_taken_and_each_has_its_share(
    dead: int, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address gets an equal part of what is left, so that a dead one hides no live one."""
    timeouts: list[float] = []
    connect = DeadlineSocket.connect

    def note(sock: DeadlineSocket, address: tuple[str, int]) -> None:
        timeouts.append(sock.gettimeout() or 0)
        connect(sock, address)

    port = listener.getsockname()[1]
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused: Address = (socket.AF_INET, ("127.0.0.1", closed.getsockname()[1]))
        actual = [*[refused] * dead, (socket.AF_INET, ("127.0.0.1", port)), refused]
        monkeypatch.setattr(sockets, "addresses_of", lambda *_: actual)
        monkeypatch.setattr(DeadlineSocket, "connect", note)
        deadline = Deadline(60)
        with open_socket("db.example.com", 3306, deadline) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert (sock.deadline, sock.peer) == (deadline, ("db.example.com", 3306))
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert timeouts == pytest.approx([60 / (dead + 2 - number) for number in range(dead + 1)], abs=0.5)


def test_the_error_is_that_of_the_last_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = (socket.AF_INET, ("127.0.0.1", closed.getsockname()[1]))
        monkeypatch.setattr(sockets, "addresses_of", lambda *_: [refused])
        with pytest.raises(ConnectionRefusedError):
            open_socket("db.example.com", 3306, Deadline(5))
    monkeypatch.setattr(sockets, "addresses_of", lambda *_: [])
    with pytest.raises(OSError, match=r"db\.example\.com has no address"):
        open_socket("db.example.com", 3306, Deadline(5))


def test_an_address_that_does_not_say_on_which_line_it_is_has_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_: DeadlineSocket, address: tuple[str, int]) -> None:
        raise OSError(errno.EINVAL, address[0])

    monkeypatch.setattr(sockets, "addresses_of", lambda *_: [(socket.AF_INET, ("fe80::1", 9, 0, 0))])
    monkeypatch.setattr(DeadlineSocket, "connect", connect)
    with pytest.raises(OSError, match="route") as raised:
        open_socket("fe80::1", 9, Deadline(5))
    assert raised.value.errno == errno.EHOSTUNREACH


def test_an_address_in_words() -> None:
    assert (address_of("db", 5), address_of("::1", 5)) == ("db:5", "::1 port 5")


def test_a_line_that_is_cut_ends_whoever_waits_for_it(pair: tuple[DeadlineSocket, socket.socket]) -> None:
    ours, other = pair
    assert other.recv(0) == b""
    cut(other)
    assert (ours.recv(99), ours.recv(1)) == (b"0123456789", b"")
    ours.close()
    cut(ours)


def test_a_port_that_there_is_not_is_no_other_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        open_socket("127.0.0.1", port, Deadline(5)).close()
        with pytest.raises(OSError, match=f"there is no port {port + (1 << 16)}"):
            open_socket("127.0.0.1", port + (1 << 16), Deadline(5))
