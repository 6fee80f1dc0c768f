"""Whether the task that this process runs was killed: no work at a server begins any more then.

A kill may come between two statements, when there is none to stop.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class StoppedError(BaseException):
    """The task was killed or is at its end; nothing that catches errors of a server may take it for one."""

    def __init__(self, message: str = "The task was stopped.") -> None:
        super().__init__(message)


# Changed by single operations only: handlers of signals do it.
_is_killed: Callable[[], bool] | None = None
_is_exempt: ContextVar[bool] = ContextVar("osiris_exempt_from_kill", default=False)
_breakable = 0


def kill(lasts: Callable[[], bool]) -> None:
    """Have no work begin any more, in any thread, while a task lasts.

    :param lasts: whether the task that was killed is still the one that runs.
    """
    global _is_killed  # noqa: PLW0603 - one task a process
    _is_killed = lasts


def check() -> None:
    """Go on, unless the task was killed.

    :raises StoppedError: it was.
    """
    if _is_killed is not None and not _is_exempt.get() and _is_killed():
        raise StoppedError


@contextmanager
def exempt() -> Iterator[None]:
    """Let work begin all the same, for what cleans up after the task."""
    token = _is_exempt.set(True)
    try:
        yield
    finally:
        _is_exempt.reset(token)


@contextmanager
def breakable() -> Iterator[None]:
    """Let a kill break off whatever the main thread does within; other threads see no signal."""
    global _breakable  # noqa: PLW0603 - of the main thread
    is_main = threading.current_thread() is threading.main_thread()
    _breakable += is_main
    try:
        yield
    finally:
        _breakable -= is_main


def break_off() -> None:
    """Go on, unless this is within :func:`breakable`; for the handler of a signal.

    :raises StoppedError: out of what the main thread does.
    """
    if _breakable and threading.current_thread() is threading.main_thread():
        raise StoppedError


def _after_fork() -> None:
    # The child was not killed.
    global _is_killed  # noqa: PLW0603 - see above
    _is_killed = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
