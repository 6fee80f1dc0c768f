"""How the parent has checks run, with what answers in this process instead of servers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.hook_doctor import processes
from osiris_provider.hook_doctor.processes import TRIES, WARM_TYPES, Servers
from osiris_provider.hook_doctor.remote import LostError, Remote
from osiris_provider.hook_doctor.server import CHECK, MAX_TYPE, READY, SERVER, UNSAFE
from osiris_provider.hook_doctor.wire import MORE, STARTED, receive_text
from osiris_provider.net.deadline import Deadline

HEALTHY = {"details": {"server": "1"}, "expires": {"server": 1}, MORE: True}


class Process:
    """The main server, which lives until it is waited for."""

    pid = 0

    def poll(self) -> None:
        return None

    def wait(self, timeout: float | None = None) -> int:
        del timeout
        return 0


class Peers:
    """Answers for the servers; ``asked`` has what they were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, str]] = []
        self.servers: list[socket.socket] = []
        self.lost = 0
        self.said = READY
        self.check: Callable[[socket.socket], None] = lambda line: say(line, HEALTHY, {"expires": {"password": 2}})

    def take(self, remote: Remote, what: bytes, conn_type: str) -> None:
        self.asked.append((what, conn_type))
        if what == SERVER:
            self.servers.append(remote.theirs)
            remote.theirs.sendall(self.said)
            return
        if self.lost:
            self.lost -= 1
            raise LostError
        # What is said is there before it is asked for.
        self.check(remote.theirs)
        remote.theirs.close()
        remote.their_lifeline.close()

    def of(self, what: bytes) -> list[str]:
        return [conn_type for asked, conn_type in self.asked if asked == what]


def say(line: socket.socket, *answers: dict[str, Any]) -> None:
    line.sendall(STARTED + b"".join(json.dumps(one).encode() + b"\n" for one in answers))


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Peers:
    answering = Peers()

    def ask(remote: Remote, requests: socket.socket, what: bytes, deadline: float, conn_type: str) -> None:
        assert requests.fileno() >= 0
        assert deadline > time.monotonic()
        answering.take(remote, what, conn_type)

    monkeypatch.setattr(Remote, "ask", ask)
    monkeypatch.setattr(processes, "_start", lambda *_: Process())
    return answering


@pytest.fixture
def many(peers: Peers) -> Iterator[Servers]:
    del peers
    servers = Servers()
    yield servers
    servers.close()


def test_what_comes_after_an_answer_is_part_of_it(peers: Peers, many: Servers) -> None:
    answer = many.run("ftp", "the connection", Deadline(20))
    assert answer.value == {**HEALTHY, "expires": {"server": 1, "password": 2}}
    assert (answer.started, peers.asked) == (True, [(SERVER, "ftp"), (CHECK, "ftp")])


def test_a_check_gets_its_connection(peers: Peers, many: Servers) -> None:
    lines: list[socket.socket] = []

    def keep(line: socket.socket) -> None:
        lines.append(line.dup())
        say(line, {"details": {}})

    peers.check = keep
    many.run("ftp", "the connection", Deadline(20))
    with lines[0] as line:
        assert receive_text(line) == "the connection"


def test_a_server_is_asked_for_once_and_kept(peers: Peers, many: Servers) -> None:
    for _ in range(3):
        assert many.run("ftp", "x", Deadline(20)).value is not None
    assert peers.asked == [(SERVER, "ftp"), *[(CHECK, "ftp")] * 3]


def test_a_check_whose_server_has_gone_is_asked_of_another(peers: Peers, many: Servers) -> None:
    peers.lost = TRIES - 1
    assert many.run("ftp", "x", Deadline(20)).value is not None
    assert peers.of(SERVER) == ["ftp"] * TRIES


def test_a_main_server_that_has_gone_is_followed_by_another(
    peers: Peers, many: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Remote.ask
    started: list[Process] = []

    def lost_once(remote: Remote, requests: socket.socket, what: bytes, deadline: float, conn_type: str) -> None:
        if len(started) == 1:
            raise LostError
        ask(remote, requests, what, deadline, conn_type)

    def start(*_: object) -> Process:
        started.append(Process())
        return started[-1]

    monkeypatch.setattr(Remote, "ask", lost_once)
    monkeypatch.setattr(processes, "_start", start)
    assert many.run("ftp", "x", Deadline(20)).value is not None
    assert (len(started), peers.asked) == (2, [(SERVER, "ftp"), (CHECK, "ftp")])


def test_a_type_whose_server_cannot_fork_is_checked_by_the_main_one(peers: Peers, many: Servers) -> None:
    peers.said = UNSAFE
    many.warm(["ftp"], Deadline(20))
    assert not many._types  # noqa: SLF001 - to whom no one has to talk
    for _ in range(2):
        assert many.run("ftp", "x", Deadline(20)).value is not None
    assert peers.asked == [(SERVER, "ftp"), *[(CHECK, "ftp")] * 2]


def test_a_process_that_was_forked_holds_no_socket_of_its_parents_servers(peers: Peers, many: Servers) -> None:
    many.run("ftp", "x", Deadline(20))
    main = many._server  # noqa: SLF001 - what is to be let go of
    assert main is not None
    lines = [main.line, main.lifeline, *peers.servers]
    many.forget_all()
    assert [line.fileno() for line in lines] == [-1] * 3


def test_no_one_waits_for_room_when_the_time_is_over(many: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def acquire(timeout: float) -> None:
        waited.append(timeout)

    monkeypatch.setattr(many, "_slots", SimpleNamespace(acquire=acquire))
    answer = many.run("ftp", "x", Deadline(-1))
    assert (answer.value, answer.started, answer.importing) == (None, False, False)
    monkeypatch.setattr(many._room, "wait_for", lambda _, timeout: waited.append(timeout))  # noqa: SLF001 - as above
    with many.kept("x" * (MAX_TYPE + 1), Deadline(-1)):
        assert waited == [0.0, 0.0]


def test_a_type_gets_its_room_as_the_last_check_of_another_ends(
    peers: Peers, many: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MANY_TYPES", 1)
    lines: list[socket.socket] = []
    under_way, waits, entered = threading.Event(), threading.Event(), threading.Event()
    has_room = many._has_room  # noqa: SLF001 - what is waited for

    def answer_later(line: socket.socket) -> None:
        lines.append(line.dup())
        under_way.set()

    def looked(conn_type: str) -> bool:
        waits.set()
        return has_room(conn_type)

    def wait_for_room() -> None:
        with many.kept("ftp", Deadline(600)):
            entered.set()

    peers.check = answer_later
    monkeypatch.setattr(many, "_has_room", looked)
    threading.Thread(target=many.run, args=("ssh", "x", Deadline(600)), daemon=True).start()
    assert under_way.wait(20)
    threading.Thread(target=wait_for_room, daemon=True).start()
    assert waits.wait(20)
    assert peers.of(SERVER) == ["ssh"]
    with lines[0] as line:
        say(line, {"details": {}})
    assert entered.wait(20)
    assert peers.of(SERVER) == ["ssh", "ftp"]


def test_a_type_that_is_there_or_needs_no_room_waits_for_none_and_another_no_longer_than_it_may(
    peers: Peers, many: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "MANY_TYPES", 2)
    peers.said = UNSAFE
    many.warm(["threaded"], Deadline(20))
    peers.said = READY
    forever = Deadline(3600)
    with many.kept("a", forever), many.kept("b", forever):
        with many.kept("b", forever), many.kept("threaded", forever):
            assert peers.of(SERVER) == ["threaded", "a", "b"]
        with many.kept("c", Deadline(0.05)):
            assert peers.of(SERVER) == ["threaded", "a", "b", "c"]
    # What no one needs any more makes room.
    with many.kept("d", forever), many.kept("a", forever):
        assert peers.of(SERVER) == ["threaded", "a", "b", "c", "d", "a"]


def test_a_type_that_was_kept_stays_a_moment_and_one_that_is_needed_as_long_as_it_is(
    peers: Peers, many: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[tuple[float, Callable[[], None]]] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, call: Callable[[], None]) -> None:
            timers.append((seconds, call))

        def start(self) -> None:
            assert self.daemon

    def types_after(seconds: float) -> list[str]:
        monkeypatch.setattr(processes, "LINGER_SECONDS", seconds)
        timers[-1][1]()
        return sorted(many._types)  # noqa: SLF001 - whose hooks are imported

    monkeypatch.setattr(threading, "Timer", Timer)
    with many.kept("ftp", Deadline(20)):
        assert many.run("other", "x", Deadline(20)).value is not None
        with many.kept("ftp", Deadline(20)):
            pass
        assert types_after(0.0) == ["ftp", "other"]
    many._types["ftp"].busy += 1  # noqa: SLF001 - a check of it is under way
    assert types_after(0.0) == ["ftp", "other"]
    many._types["ftp"].busy -= 1  # noqa: SLF001 - and ends
    assert types_after(3600.0) == ["ftp", "other"]
    # What was never kept is not let go of so.
    assert types_after(0.0) == ["other"]
    assert peers.servers[0].fileno() == -1


def test_no_more_is_tried_than_that(peers: Peers, many: Servers) -> None:
    peers.lost = TRIES
    answer = many.run("ftp", "x", Deadline(20))
    assert (answer.value, answer.started, peers.lost) == (None, False, 0)
    assert peers.of(CHECK) == ["ftp"] * TRIES


def test_a_check_that_has_begun_is_not_begun_again(peers: Peers, many: Servers) -> None:
    peers.check = lambda line: line.sendall(STARTED)
    answer = many.run("ftp", "x", Deadline(20))
    assert (answer.value, answer.started, peers.of(CHECK)) == (None, True, ["ftp"])


def test_an_answer_counts_that_comes_before_a_server_is_asked(peers: Peers, many: Servers) -> None:
    peers.check = lambda line: line.sendall(b'{"fault": "no_provider"}\n')
    answer = many.run("ftp", "x", Deadline(20))
    assert (answer.value, answer.started, peers.of(CHECK)) == ({"fault": "no_provider"}, False, ["ftp"])


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_check_that_was_lost_is_asked_for_again_of_a_server_that_is_there(
    is_gone: bool, peers: Peers, many: Servers
) -> None:
    healthy = peers.check

    def first(_: socket.socket) -> None:
        peers.check = healthy
        if is_gone:
            peers.servers[0].shutdown(socket.SHUT_WR)

    peers.check = first
    assert many.run("ftp", "x", Deadline(20)).value is not None
    assert (peers.of(SERVER), peers.of(CHECK)) == (["ftp"] * (1 + is_gone), ["ftp"] * 2)


def test_hooks_stay_imported_of_so_many_types_those_last_used(peers: Peers, many: Servers) -> None:
    names = [f"type_{number}" for number in range(WARM_TYPES)]
    for name in [*names, names[0], "one_more", names[0], names[2], names[1]]:
        many.run(name, "x", Deadline(20))
    assert peers.of(SERVER) == [*names, "one_more", names[1]]


def test_hooks_are_imported_before_of_so_many_types_and_each_once(peers: Peers, many: Servers) -> None:
    names = [f"type_{number}" for number in range(WARM_TYPES)]
    many.warm(["x" * (MAX_TYPE + 1), "y" * MAX_TYPE, names[0], *names], Deadline(20))
    assert peers.asked == [(SERVER, "y" * MAX_TYPE), *((SERVER, name) for name in names[:-2])]
