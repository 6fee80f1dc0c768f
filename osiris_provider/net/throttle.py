"""Taking turns at work that needs a processor and not a network."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from osiris_provider.net.deadline import Deadline

AT_ONCE = 2 * (os.cpu_count() or 2)
LONGEST = 0.25
"""Seconds after which the holder of a turn is taken to wait for a disk, and keeps no one back any longer."""

_changed = threading.Condition()
_taken: list[float] = []


@contextmanager
def turn(deadline: Deadline) -> Iterator[None]:
    """Wait until few others are at work; if all were at once, none would be done in time.

    :param deadline: bounds the waiting.
    :raises TimeoutError: it has passed.
    """
    with _changed:
        while sum(time.monotonic() - began < LONGEST for began in _taken) >= AT_ONCE:
            _changed.wait(min(deadline.remaining(), LONGEST))
        began = time.monotonic()
        _taken.append(began)
    try:
        yield
    finally:
        with _changed:
            _taken.remove(began)
            _changed.notify()
