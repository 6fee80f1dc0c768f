"""What ends a wait from outside, as Airflow's timeout does, and what servers say of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

AT_ONCE = 1.0
"""Seconds within which a wait is broken off, and within which a server has stopped."""


class OutOfTimeError(BaseException):
    """What a handler of signals raises; as Airflow's, it is not an Exception."""


@contextmanager
def raised_after(seconds: float) -> Iterator[None]:
    """Raise :class:`OutOfTimeError` in the main thread by a signal, and check that it passes at once and as it is."""

    def handle(*_: object) -> None:
        raised_at.append(time.monotonic())
        raise OutOfTimeError

    raised_at: list[float] = []
    # Not SIGALRM: that one is pytest's.
    before = signal.signal(signal.SIGUSR1, handle)
    sent_at = time.monotonic() + seconds
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(OutOfTimeError):
            yield
        assert time.monotonic() - sent_at < AT_ONCE
    finally:
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
