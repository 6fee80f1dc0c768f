"""What ends a wait from outside, as Airflow's timeout does, and what servers say of it."""

from __future__ import annotations

import gc
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

AT_ONCE = 1.0
"""Seconds within which a wait is broken off, and within which a server has stopped."""


class OutOfTimeError(BaseException):
    """What a handler of signals raises; as Airflow's, it is not an Exception."""


def raised_after(seconds: float) -> AbstractContextManager[None]:
    """Raise :class:`OutOfTimeError` in the main thread by a signal, and check that it passes at once and as it is."""

    def handle(*_: object) -> None:
        raise OutOfTimeError

    return _ended_after(seconds, handle, OutOfTimeError)


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    """Do in a handler of a signal what a task's ``on_kill`` does; check that the work ends at once, and as stopped."""

    def handle(*_: object) -> None:
        killed.kill(lambda: lasts)
        stop_all()
        killed.break_off()

    lasts = True
    try:
        with _ended_after(seconds, handle, killed.StoppedError):
            yield
    finally:
        lasts = False


BY = {"timeout": raised_after, "kill": killed_after}
"""What ends the work of a task."""


@contextmanager
def _ended_after(seconds: float, handle: Callable[..., None], error: type[BaseException]) -> Iterator[None]:
    # Not SIGALRM: that one is pytest's.
    before = signal.signal(signal.SIGUSR1, handle)
    sent_at = time.monotonic() + seconds
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
    # What a handler raises within a callback of the collector is lost; the heap of all tests keeps it busy for long.
    gc.disable()
    timer.start()
    try:
        with pytest.raises(error):
            yield
        assert time.monotonic() - sent_at < AT_ONCE
    finally:
        gc.enable()
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def stops(at_work: Callable[[], list[Any]]) -> None:
    """Check that a server stops within a second.

    :param at_work: returns the statements that it is busy with.
    """
    end = time.monotonic() + AT_ONCE
    while found := at_work():
        assert time.monotonic() < end, found
        time.sleep(0.02)
