"""The exception that a hook's own test swallows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

TEST = "test_connection"


def run_test(hook: Any) -> tuple[bool, BaseException | None]:
    """Run a hook's ``test_connection``; return its result, and the last exception that came by in that very frame.

    The test turns whatever is raised into a text, which may hold secrets and which no program can read. A trace
    function is called for exceptions of the frame before its ``except`` is.

    :param hook: has such a method.
    :raises BaseException: the test itself raised.
    """
    caught: list[BaseException] = []

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if event != "call" or frame.f_code.co_name != TEST:
            return None
        frame.f_trace_lines = False
        return local

    def local(_: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        if event == "exception" and isinstance(arg[1], BaseException):
            caught.append(arg[1])
        return local

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = getattr(hook, TEST)()
    finally:
        sys.settrace(before)
    passed = result[0] if isinstance(result, (tuple, list)) and result else result
    return bool(passed), caught[-1] if caught else None
