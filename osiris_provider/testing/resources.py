"""What a process holds open: files, sockets, and threads of checks."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator

SECONDS = 2.0
"""How long the other end, or a thread, may take to notice."""


def open_descriptors() -> set[tuple[int, int, int]]:
    """Return the files and sockets that this process has open, each as descriptor, device and inode."""
    return set(_descriptors())


def _descriptors() -> Iterator[tuple[int, int, int]]:
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:  # the descriptor of the listing itself
            continue
        if stat.S_ISREG(status.st_mode) or stat.S_ISSOCK(status.st_mode):
            yield int(name), status.st_dev, status.st_ino


def assert_released(before: set[tuple[int, int, int]]) -> None:
    """Fail if more is open than before; a peer in the same process gets its time to close its end."""
    end = time.monotonic() + SECONDS
    while left := open_descriptors() - before:
        assert time.monotonic() < end, f"{len(left)} files or sockets are still open"
        time.sleep(0.01)


def assert_checks_have_ended() -> None:
    """Fail if a check's thread still runs."""
    checks = [thread for thread in threading.enumerate() if thread.name.startswith("osiris-doctor")]
    for thread in checks:
        # One that has not begun yet is of another check.
        if thread.is_alive():
            thread.join(SECONDS)
    assert not [thread for thread in checks if thread.is_alive()], "a check still runs"
