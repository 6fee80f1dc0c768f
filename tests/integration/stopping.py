"""What ends a wait from outside, as Airflow's timeout does, and what servers say of it."""

from __future__ import annotations

import gc
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from osiris_provider.connectors.registry import stop_all
from osiris_provider.net import killed

from tests.integration.waiting import comes_true

AT_ONCE = 1.0 + 0.5
"""Seconds within which a wait is broken off, and within which a server has stopped; half a one is a busy machine's."""


class OutOfTimeError(BaseException):
    """What a handler of signals raises; as Airflow's, it is not an Exception."""


def after(seconds: float) -> Callable[[], bool]:
    """Return what holds after a time, from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def steady(at_work: Callable[[], list[Any]], seconds: float = 0.1) -> Callable[[], bool]:
    """Return what holds once a server is busy with the same for a time.

    :param at_work: returns the statements that it is busy with.
    """
    seen: list[Any] = []
    since = time.monotonic()

    def holds() -> bool:
        nonlocal seen, since
        before, seen = seen, list(at_work())
        if seen != before:
            since = time.monotonic()
        return bool(seen) and time.monotonic() - since >= seconds

    return holds


def raised_when(holds: Callable[[], bool]) -> AbstractContextManager[None]:
    """Raise :class:`OutOfTimeError` in the main thread by a signal, and check that it passes at once and as it is.

    :param holds: is asked by another thread until it returns True; then the signal is sent.
    """

    def handle(*_: object) -> None:
        raise OutOfTimeError

    return _ended_when(holds, handle, OutOfTimeError)


@contextmanager
def killed_when(holds: Callable[[], bool]) -> Iterator[None]:
    """Do in a handler of a signal what a task's ``on_kill`` does; check that the work ends at once, and as stopped.

    :param holds: see :func:`raised_when`.
    """

    def handle(*_: object) -> None:
        killed.kill(lambda: lasts)
        stop_all()
        killed.break_off()

    lasts = True
    try:
        with _ended_when(holds, handle, killed.StoppedError):
            yield
    finally:
        lasts = False


BY = {"timeout": raised_when, "kill": killed_when}
"""What ends the work of a task."""


class _Sender(threading.Thread):
    """Sends the signal once something holds, unless the work is over."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        super().__init__()
        self._holds, self._over = holds, threading.Event()
        self.held, self.sent_at = False, math.inf

    def run(self) -> None:
        self.held = comes_true(lambda: self._over.is_set() or self._holds())
        # Else nothing would end the work.
        if not self._over.is_set():
            self.sent_at = time.monotonic()
            os.kill(os.getpid(), signal.SIGUSR1)

    def end(self) -> None:
        """Send no signal any more."""
        self._over.set()
        self.join()


@contextmanager
def _ended_when(holds: Callable[[], bool], handle: Callable[..., None], error: type[BaseException]) -> Iterator[None]:
    # Not SIGALRM: that one is pytest's.
    before = signal.signal(signal.SIGUSR1, handle)
    sender = _Sender(holds)
    # What a handler raises within a callback of the collector is lost; the heap of all tests keeps it busy for long.
    gc.disable()
    sender.start()
    try:
        with pytest.raises(error):
            yield
        assert sender.held, "what the signal waited for did not come"
        assert time.monotonic() - sender.sent_at < AT_ONCE
    finally:
        gc.enable()
        sender.end()
        signal.signal(signal.SIGUSR1, before)


def stops(at_work: Callable[[], list[Any]]) -> None:
    """Check that a server stops within a second.

    :param at_work: returns the statements that it is busy with.
    """
    end = time.monotonic() + AT_ONCE
    while working := at_work():
        assert time.monotonic() < end, working
        time.sleep(0.02)
