"""Waiting for what a server will have noticed in a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_WAIT = 30.0
"""Seconds; a machine under load is slow, and a test that passes waits no longer than it has to."""


def comes_true(holds: Callable[[], bool], max_wait: float = MAX_WAIT) -> bool:
    """Ask until something holds, at most for a time; return whether it does.

    :param holds: asks a server.
    :param max_wait: seconds.
    """
    end = time.monotonic() + max_wait
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    return held
