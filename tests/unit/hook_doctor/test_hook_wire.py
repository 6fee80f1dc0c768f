"""What parent, servers and checks of hooks say to each other, and what is made of it when one of them does not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from osiris_provider.hook_doctor import remote
from osiris_provider.hook_doctor.remote import STUCK_SECONDS, LostError, Remote
from osiris_provider.hook_doctor.server import CHECK, READY, REQUEST, SERVER, UNSAFE, Server
from osiris_provider.hook_doctor.wire import MAX_ANSWER, MORE, STARTED, Answer, receive_text, send_text
from osiris_provider.net.deadline import Deadline

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server() -> Iterator[Remote]:
    one = Remote()
    yield one
    one.drop()


def answered(pair: Pair, *said: bytes) -> Answer:
    """Return what is made of what a check says before it hangs up."""
    ours, theirs = pair
    answer = Answer()

    def say() -> None:
        with theirs:
            for part in said:
                theirs.sendall(part)

    speaker = threading.Thread(target=say)
    speaker.start()
    answer.receive(ours, Deadline(20))
    ours.close()
    speaker.join(20)
    return answer


@pytest.mark.parametrize("text", ["", "x", "ž" * 70_000])
def test_a_text_comes_as_it_was_sent(pair: Pair, text: str) -> None:
    sender = threading.Thread(target=send_text, args=(pair[0], text))
    sender.start()
    assert receive_text(pair[1]) == text
    sender.join(20)


def test_a_text_that_breaks_off_is_none(pair: Pair) -> None:
    pair[0].sendall(b"\0\0\0\5four")
    pair[0].close()
    with pytest.raises(EOFError):
        receive_text(pair[1])


@pytest.mark.parametrize("value", [{"details": {"server": "1"}}, {"details": {}}, {"fault": "refused", "cause": "x"}])
def test_an_answer_comes_in_any_pieces(pair: Pair, value: dict[str, object]) -> None:
    line = STARTED + json.dumps(value).encode() + b"\n"
    answer = answered(pair, *(line[at : at + 1] for at in range(len(line))))
    assert (answer.started, answer.value) == (True, value)


@pytest.mark.parametrize(
    ("said", "started"),
    [
        (b"", False),
        (STARTED, True),
        (STARTED + b'{"details": {}}', True),
        (b"[1]\n", False),
        (b"x\n", False),
        (b"[" * 50_000 + b"\n", False),
        (STARTED + b"7\n", True),
        (STARTED + b"{}\n", True),
        (STARTED + b'{"details": []}\n', True),
        (STARTED + b'{"fault": 7}\n', True),
        (STARTED + b'{"fault": 7, "details": {}}\n', True),
        (STARTED + b" " * (MAX_ANSWER + 5000), True),
    ],
)
def test_what_is_no_answer_is_none(pair: Pair, said: bytes, started: bool) -> None:
    answer = answered(pair, said)
    assert (answer.started, answer.value) == (started, None)


def test_an_answer_without_its_beginning_was_not_asked_for_and_counts(pair: Pair) -> None:
    answer = answered(pair, b'{"fault": "x"}\nmore')
    assert (answer.started, answer.value) == (False, {"fault": "x"})


def line_of(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


HEALTHY = {"details": {}, "expires": {"server": 1}, MORE: True}


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_what_comes_after_an_answer_is_added_to_it(pair: Pair, size: int) -> None:
    data = STARTED + line_of(HEALTHY) + line_of({"expires": {"password": 2}})
    ours, theirs = pair
    answer = Answer()

    def say() -> None:
        for at in range(0, len(data), size):
            theirs.sendall(data[at : at + size])

    speaker = threading.Thread(target=say)
    speaker.start()
    answer.receive(ours, Deadline(20))
    assert (answer.value, answer.has_more) == (HEALTHY, True)
    answer.receive_more(ours, Deadline(20))
    speaker.join(20)
    assert answer.value == {**HEALTHY, "expires": {"server": 1, "password": 2}}


@pytest.mark.parametrize(
    "more", [b"", b"{}\n", b"x\n", b"7\n", b'{"expires": 7}\n', b'{"fault": "x", "details": 7}\n', b"[" * 70_000]
)
def test_an_answer_stays_whatever_comes_after_it(pair: Pair, more: bytes) -> None:
    ours, theirs = pair
    answer = Answer()
    theirs.sendall(STARTED + line_of(HEALTHY) + more)
    theirs.close()
    answer.receive(ours, Deadline(20))
    answer.receive_more(ours, Deadline(20))
    assert answer.value == HEALTHY


def test_nothing_more_is_waited_for_beyond_the_deadline_and_the_answer_stays(pair: Pair) -> None:
    pair[1].sendall(line_of(HEALTHY) + b'{"expires": ')
    answer = Answer()
    answer.receive(pair[0], Deadline(20))
    with pytest.raises(TimeoutError):
        answer.receive_more(pair[0], Deadline(0.05))
    assert answer.value == HEALTHY


@pytest.mark.parametrize("value", [{"details": {}}, {"details": {}, MORE: 1}, {"fault": "refused", MORE: True}])
def test_nothing_more_is_waited_for_unless_an_answer_says_so(pair: Pair, value: dict[str, object]) -> None:
    assert not answered(pair, line_of(value)).has_more
    assert not Answer().has_more


def test_nobody_waits_beyond_the_deadline_for_an_answer(pair: Pair) -> None:
    pair[1].sendall(STARTED)
    answer = Answer()
    with pytest.raises(TimeoutError):
        answer.receive(pair[0], Deadline(0.05))
    assert (answer.started, answer.value) == (True, None)


def test_a_server_imports_until_it_says_that_it_can_fork(server: Remote) -> None:
    assert (server.is_gone(), server.is_importing()) == (False, True)
    server.theirs.send(READY)
    assert (server.is_gone(), server.is_importing(), server.works, server.unsafe) == (False, False, True, False)
    assert server.is_ready(Deadline(20))
    server.theirs.close()
    assert (server.is_gone(), server.is_importing(), server.unsafe) == (True, False, False)


def test_a_server_that_cannot_fork_is_gone_and_unsafe(server: Remote) -> None:
    server.theirs.send(UNSAFE)
    server.theirs.close()
    assert not server.is_ready(Deadline(20))
    assert (server.unsafe, server.works, server.is_importing()) == (True, False, False)


def test_a_server_that_ends_or_was_let_go_of_is_not_ready(server: Remote) -> None:
    server.theirs.close()
    assert not server.is_ready(Deadline(20))
    server.drop()
    assert not server.is_ready(Deadline(20))
    check = Remote()
    with pytest.raises(LostError):
        check.ask(server.line, CHECK, 0.0, "x")
    check.drop()


def test_one_waits_for_a_server_and_no_other_after_that(server: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its deadline ends the wait, not the next look.
    monkeypatch.setattr(remote, "LOOK_SECONDS", 10.0)
    began = time.monotonic()
    assert server.is_ready(Deadline(0.05))
    assert 0.05 <= time.monotonic() - began < 10
    assert server.waited
    late = threading.Thread(target=server.is_ready, args=(Deadline(3600),), daemon=True)
    late.start()
    late.join(20)
    assert not late.is_alive()


def test_what_is_asked_for_comes_with_two_sockets(pair: Pair) -> None:
    check = Remote()
    check.ask(pair[0], CHECK, 12.5, "some_type")
    data, descriptors, _, _ = socket.recv_fds(pair[1], REQUEST.size + 1, 4)
    work, lifeline = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    what, deadline, name = REQUEST.unpack(data)
    assert (what, deadline, name.rstrip(b"\0")) == (CHECK, 12.5, b"some_type")
    # This process holds nothing of the other ends: when the server closes them, it shows.
    work.close()
    assert check.line.recv(1) == b""
    lifeline.close()
    assert check.end(20)


def test_a_check_that_comes_too_late_is_not_begun(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[bytes, str]] = []

    def fork(_: Server, what: bytes, deadline: float, name: str, work: socket.socket, lifeline: socket.socket) -> None:
        assert work.fileno() != lifeline.fileno()
        begun.append((what, f"{name} {deadline - now:+.0f}"))
        lifeline.close()

    monkeypatch.setattr(Server, "_fork", fork)
    forks = Server(pair[1], check=lambda *_: None, warm=lambda _: None)
    now = time.monotonic()
    for what, deadline in ((CHECK, now - 1), (CHECK, now + 3600), (SERVER, now - 1)):
        process = Remote()
        process.ask(pair[0], what, deadline, "some_type")
        forks._request()  # noqa: SLF001 - run() takes the signals of this process
        # Whether it was begun or not: its end is known.
        assert process.end(20)
    assert begun == [(CHECK, "some_type +3600"), (SERVER, "some_type -1")]


COUNTING = """
import os, socket, sys, time
from osiris_provider.hook_doctor import kernel
from osiris_provider.hook_doctor.server import Server

def count(work, deadline):
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            pass
    count = sum(link.startswith(("socket", "pipe", "anon")) for link in links)
    # Nor does a program have it that the check runs.
    work.sendall(b"%d\\n" % (0 if work.get_inheritable() else count))
    if work.recv(1) and not os.fork():
        time.sleep(60)

# As on a system that does not say it: the group of a check is all that is known of it.
kernel.children = list
Server(socket.socket(fileno=int(sys.argv[1])), count, lambda _: None).run()
"""


def test_a_check_holds_nothing_of_others_and_leaves_nothing_and_its_server_goes_on(pair: Pair) -> None:
    ours, theirs = pair
    command = [sys.executable, "-c", COUNTING, str(theirs.fileno())]
    none = subprocess.DEVNULL
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=none, stdout=none, stderr=none) as process:
        checks = [Remote() for _ in range(4)]

        def ask(check: Remote) -> None:
            check.ask(ours, CHECK, time.monotonic() + 60, "some_type")
            check.line.settimeout(30)
            # The socket that it answers by.
            assert check.line.recv(9) == b"1\n"

        try:
            for check in checks[:-1]:
                ask(check)
            # It ends, and what it has started still has its socket.
            checks[0].line.sendall(b"x")
            assert checks[0].line.recv(1) == b""
            assert [check.end(20) for check in checks[:-1]] == [True] * 3
            ask(checks[-1])
        finally:
            for check in checks:
                check.drop()
            process.kill()


def test_a_check_is_gone_when_its_server_says_so(server: Remote) -> None:
    their_lifeline = server.their_lifeline

    def kill() -> None:
        assert their_lifeline.recv(1) == b""
        their_lifeline.close()

    killer = threading.Thread(target=kill)
    killer.start()
    assert server.end(20)
    killer.join(20)


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_check_of_which_nothing_is_said_may_be_there_still(server: Remote, seconds: float) -> None:
    assert not server.end(seconds)


def test_a_server_is_stuck_once_it_was_silent_for_long(server: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def stuck_after(seconds: float, *, answered: bool = False) -> bool:
        now[0] += seconds
        return server.is_stuck(answered)

    assert not stuck_after(0)
    assert not stuck_after(STUCK_SECONDS)
    assert stuck_after(1)
    assert not stuck_after(0, answered=True)
    assert not stuck_after(STUCK_SECONDS + 1)
    assert not stuck_after(STUCK_SECONDS)
    assert stuck_after(1)
