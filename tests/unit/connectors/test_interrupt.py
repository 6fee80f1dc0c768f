"""A wait for a server can be broken off, and the server is told to stop: without any server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from osiris_provider.connectors import interrupt
from osiris_provider.connectors.interrupt import Work, in_background, interruptible, is_busy, opened, stop, stop_all
from osiris_provider.net import killed
from osiris_provider.net.killed import StoppedError

MAX_WAIT = 20.0
ACTUAL = {name: getattr(interrupt, name) for name in ("CANCEL_SECONDS", "CUT_SECONDS", "AGAIN_SECONDS", "LOOK_SECONDS")}
"""What these tests wait a fraction of."""


class Broken(BaseException):
    """What the handler of a signal raises."""


class Statement:
    """Something that a server does, until it is told to stop.

    :param hears: the number of the request that it hears; 0 hears none, and ends when its line is cut.
    """

    def __init__(self, hears: int = 1) -> None:
        self.hears = hears
        self.client = object()
        self.told: list[str] = []
        self.began, self.ended = threading.Event(), threading.Event()
        self.work = Work(self.client, self._cancel, self._cut, abandon=lambda: self.told.append("abandon"))

    def run(self) -> str:
        self.began.set()
        assert self.ended.wait(MAX_WAIT)
        return "rows"

    def _cancel(self) -> None:
        self.told.append("cancel")
        if self.told.count("cancel") == self.hears:
            self.ended.set()

    def _cut(self) -> None:
        self.told.append("cut")
        self.ended.set()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for a hundredth of the time."""
    monkeypatch.setattr(interrupt, "CANCEL_SECONDS", 0.1)
    monkeypatch.setattr(interrupt, "CUT_SECONDS", 0.05)
    monkeypatch.setattr(interrupt, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(interrupt, "LOOK_SECONDS", 0.02)
    yield
    killed.kill(lambda: False)


def test_a_server_has_time_to_stop_and_its_caller_waits_no_longer_than_a_second() -> None:
    assert min(ACTUAL.values()) > 0
    assert ACTUAL["AGAIN_SECONDS"] < ACTUAL["CANCEL_SECONDS"]
    assert ACTUAL["CANCEL_SECONDS"] + ACTUAL["CUT_SECONDS"] < 1
    assert 0 < interrupt.LOG_AFTER <= interrupt.LOG_EVERY


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Make a call in a thread; the list gets what it returns or raises."""
    got: list[object] = []

    def run() -> None:
        try:
            got.append(call())
        except BaseException as error:  # noqa: BLE001 - it is what is looked at
            got.append(type(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, got


def leave(statement: Statement, error: type[BaseException] | None) -> None:
    """Go through a block of the statement's work, which ends with an error or without."""
    with statement.work:
        assert is_busy(statement.client)
        assert not is_busy(object())
        if error is not None:
            raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, []),
        (ValueError, []),
        (Broken, ["cancel", "abandon"]),
        (KeyboardInterrupt, ["cancel", "abandon"]),
        (GeneratorExit, ["cancel"]),
    ],
)
def test_only_what_is_no_error_of_the_work_has_the_server_stop(
    error: type[BaseException] | None, told: list[str]
) -> None:
    statement = Statement()
    if error is None:
        leave(statement, None)
    else:
        with pytest.raises(error):
            leave(statement, error)
    assert statement.told == told
    assert not is_busy(statement.client)


@pytest.mark.parametrize("error", [None, ValueError])
def test_work_that_was_stopped_ends_as_stopped_with_an_error_or_without(error: type[Exception] | None) -> None:
    statement = Statement()
    statement.work.stopped = True
    with pytest.raises(StoppedError) as raised:
        leave(statement, error)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_no_work_begins_in_a_task_that_was_killed_but_to_stop_the_server() -> None:
    statement = Statement()
    killed.kill(lambda: True)
    with pytest.raises(StoppedError):
        leave(statement, None)
    assert not is_busy(statement.client)
    statement = Statement()
    asked = threading.Event()

    def cancel() -> bool:
        killed.check()
        asked.set()
        return True

    with killed.exempt(), Work(None, cancel, lambda: None) as work:
        work.stop()
    assert asked.is_set()


@pytest.mark.parametrize(("hears", "told"), [(1, ["cancel"]), (3, ["cancel"] * 3)])
def test_a_server_is_asked_again_until_it_has_stopped(hears: int, told: list[str]) -> None:
    statement = Statement(hears)
    thread, got = in_thread(lambda: interruptible(statement.work, statement.run))
    assert statement.began.wait(MAX_WAIT)
    stop([statement.client])
    thread.join(MAX_WAIT)
    assert (got, statement.told) == (["rows"], told)


def test_a_server_that_does_not_hear_has_its_line_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "CUT_SECONDS", MAX_WAIT)
    statement = Statement(hears=0)
    thread, got = in_thread(lambda: interruptible(statement.work, statement.run))
    assert statement.began.wait(MAX_WAIT)
    stop([object()])
    assert statement.told == []
    stop([statement.client])
    assert statement.told.count("cut") == 1
    thread.join(MAX_WAIT)
    assert got == ["rows"]
    assert statement.told.count("cancel") > 1


def test_a_cancel_for_which_once_is_enough_is_not_sent_again() -> None:
    told: list[str] = []

    def cancel() -> bool:
        told.append("cancel")
        return True

    with Work(None, cancel, lambda: told.append("cut")) as work:
        work.stop()
    assert told == ["cancel", "cut"]


def test_a_server_that_was_asked_to_stop_is_not_asked_again_by_who_leaves() -> None:
    told: list[str] = []
    asked = threading.Event()

    def cancel() -> bool:
        told.append("cancel")
        asked.set()
        return True

    def leave_when_asked() -> None:
        with work:
            in_background(work.stop)
            assert asked.wait(MAX_WAIT)
            raise Broken

    work = Work(None, cancel, lambda: None)
    with pytest.raises(Broken):
        leave_when_asked()
    assert told == ["cancel"]


def test_who_waits_for_the_server_of_an_ended_task_is_stopped() -> None:
    statement = Statement()
    thread, got = in_thread(lambda: interruptible(statement.work, statement.run))
    assert statement.began.wait(MAX_WAIT)
    stop_all()
    thread.join(MAX_WAIT)
    assert got == [StoppedError]


def test_a_cancel_that_fails_or_hangs_holds_nobody_up() -> None:
    hangs = threading.Event()
    for cancel in (lambda: 1 // 0, lambda: hangs.wait(MAX_WAIT)):
        cut = threading.Event()
        work = Work(None, cancel, cut.set)  # type: ignore[arg-type] # what it returns is looked at
        with work:
            work.stop()
        assert cut.wait(MAX_WAIT)
    hangs.set()


@pytest.mark.parametrize(
    ("abandons", "arrives", "cuts"),
    [(False, False, ["cut"]), (False, True, []), (True, False, []), (True, True, [])],
)
def test_a_cancel_that_is_still_on_its_way_stops_no_later_statement(
    abandons: bool, arrives: bool, cuts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work has ended meanwhile: a client that goes on being used would lose its next statement."""
    monkeypatch.setattr(interrupt, "CANCEL_SECONDS", 0.1 if cuts else MAX_WAIT)
    on_its_way, done = threading.Event(), threading.Event()
    told: list[str] = []

    def cancel() -> None:
        on_its_way.set()
        if not arrives:
            done.wait(MAX_WAIT)

    def leave_when_asked() -> None:
        with work:
            assert on_its_way.wait(MAX_WAIT)

    abandon = (lambda: told.append("abandon")) if abandons else None
    work = Work(None, cancel, lambda: told.append("cut"), abandon=abandon)
    thread, _ = in_thread(leave_when_asked)
    work.stop()
    assert told == cuts
    done.set()
    thread.join(MAX_WAIT)


class Later(list[Any]):
    """Takes calls that a test makes; ``take`` raises what is there for it."""

    error: BaseException | None = None

    def take(self, call: interrupt.Call[Any]) -> None:
        self.append(call)
        error, self.error = self.error, None
        if error is not None:
            raise error


def test_a_cancel_that_has_not_begun_when_the_work_has_ended_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    later, told = Later(), list[str]()
    monkeypatch.setattr(interrupt, "_worker", lambda: later)
    work = Work(None, lambda: told.append("cancel"), lambda: told.append("cut"))
    with work:
        pass
    work.stop()
    for call in later:
        call.make()
    assert told == ["cut"]


def test_a_call_that_was_broken_off_before_it_began_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    later, statement = Later(), Statement()
    later.error = Broken()
    monkeypatch.setattr(interrupt, "_worker", lambda: later)
    with pytest.raises(Broken):
        interruptible(statement.work, statement.run)
    later[0].make()
    assert (later[0].wait(0), statement.began.is_set()) == (True, False)


def test_the_main_thread_gets_what_the_call_returns_or_raises() -> None:
    statement = Statement()
    statement.ended.set()
    assert interruptible(statement.work, statement.run) == "rows"
    with pytest.raises(ZeroDivisionError):
        interruptible(Statement().work, lambda: 1 // 0)
    assert statement.told == []


@pytest.fixture
def breaks() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise Broken

    before = signal.signal(signal.SIGUSR1, handle)
    yield
    signal.signal(signal.SIGUSR1, before)


def send_when(began: threading.Event) -> None:
    assert began.wait(MAX_WAIT)
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.usefixtures("breaks")
def test_a_signal_that_comes_just_as_the_wait_begins_ends_it_too() -> None:
    """Python looks after it before a wait begins, not in it: one that comes between the two is kept for later."""
    for _ in range(20):
        statement = Statement()
        sender, _ = in_thread(lambda began=statement.began: send_when(began))  # type: ignore[misc] # mypy takes no default here
        with pytest.raises(Broken):
            interruptible(statement.work, statement.run)
        sender.join(MAX_WAIT)
        assert statement.told == ["cancel"]


@pytest.mark.usefixtures("breaks")
def test_a_signal_ends_a_wait_of_the_main_thread_and_the_server_is_told_once() -> None:
    statement = Statement()
    sender, _ = in_thread(lambda: send_when(statement.began))
    with pytest.raises(Broken):
        interruptible(statement.work, statement.run)
    sender.join(MAX_WAIT)
    assert statement.told == ["cancel"]
    assert not is_busy(statement.client)


@pytest.mark.usefixtures("breaks")
def test_a_connection_that_is_there_only_after_the_signal_is_closed() -> None:
    began, goes_on = threading.Event(), threading.Event()
    closed: list[str] = []

    def connect() -> str:
        began.set()
        assert goes_on.wait(MAX_WAIT)
        return "connection"

    assert opened(lambda: "connection", closed.append) == "connection"
    assert closed == []
    sender, _ = in_thread(lambda: send_when(began))
    with pytest.raises(Broken):
        opened(connect, closed.append)
    goes_on.set()
    end = time.monotonic() + MAX_WAIT
    while not closed and time.monotonic() < end:
        time.sleep(0.005)
    assert closed == ["connection"]
    sender.join(MAX_WAIT)


def test_a_call_in_the_background_keeps_its_error_for_who_asks() -> None:
    good, bad = in_background(lambda: 7), in_background(lambda: 1 // 0)
    assert (good.wait(MAX_WAIT), good.result(), bad.wait(MAX_WAIT)) == (True, 7, True)
    with pytest.raises(ZeroDivisionError):
        bad.result()
    waits = threading.Event()
    slow = in_background(lambda: waits.wait(MAX_WAIT))
    assert not slow.wait(0)
    waits.set()
    assert slow.wait(MAX_WAIT)


def test_a_long_wait_for_a_lock_is_logged_with_who_holds_it_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(interrupt, "LOG_AFTER", 0.05)
    monkeypatch.setattr(interrupt, "LOG_EVERY", 0.1)
    monkeypatch.setattr(interrupt, "_watcher", None)
    with Work(object(), lambda: None, lambda: None, lambda: ["held by\x1b[31m session 7"]):
        begun = time.monotonic()
        while len(caplog.messages) < 3 and time.monotonic() < begun + MAX_WAIT:
            time.sleep(0.01)
        took = time.monotonic() - begun
    assert set(caplog.messages) == {"held by session 7"}
    # None of these threads keeps a process from its end.
    ours = [thread for thread in threading.enumerate() if thread.name in ("osiris-wait", "osiris-locks")]
    assert {thread.name for thread in ours} == {"osiris-wait", "osiris-locks"}
    assert all(thread.daemon for thread in ours)
    # The first after what a wait may take, each further one after its pause.
    assert took >= 0.05 + 2 * 0.1


def test_only_work_that_may_wait_for_a_lock_is_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "_watcher", threading.Thread())
    for holders, is_new in ((None, False), (list, True), (list, False)):
        before = interrupt._watcher  # noqa: SLF001 - nobody else knows of it
        with Work(object(), lambda: None, lambda: None, holders):
            assert (interrupt._watcher is not before) is is_new  # noqa: SLF001 - as above
