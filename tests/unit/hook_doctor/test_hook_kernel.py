"""What the kernel does for processes that must not be left behind, and what holds where it does nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.hook_doctor import kernel


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What the kernel is asked for, which it does not do to this process."""
    calls: list[tuple[int, ...]] = []
    library = SimpleNamespace(prctl=lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: library)
    return calls


def test_orphans_are_adopted_and_a_child_dies_with_its_parent(
    asked: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    kernel.adopt_orphans()
    kernel.die_with_parent(os.getppid())
    # As <sys/prctl.h> numbers them.
    assert (asked, ended) == ([(36, 1, 0, 0, 0), (1, signal.SIGKILL, 0, 0, 0)], [])
    # The parent has ended before the kernel was asked.
    kernel.die_with_parent(os.getppid() + 1)
    assert ended == [0]


@pytest.mark.parametrize("error", [AttributeError, OSError])
def test_a_system_that_knows_none_of_it_goes_on(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(ctypes, "CDLL", unknown)
    kernel.adopt_orphans()

    monkeypatch.setattr(Path, "read_text", unknown)
    monkeypatch.setattr(os, "listdir", unknown)
    if error is OSError:
        assert (kernel.children(), kernel.threads()) == ([], threading.active_count())


def test_children_and_threads_are_counted() -> None:
    lasts = threading.Event()
    thread = threading.Thread(target=lasts.wait)
    thread.start()
    assert kernel.threads() >= 2
    lasts.set()
    thread.join()
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    try:
        assert child in kernel.children()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert child not in kernel.children()
