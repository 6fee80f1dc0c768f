"""Data directories that a program has made once, to be copied: to make one takes seconds of a processor."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.servers.programs import find_program

VARIABLE: Final = "TEST_TEMPLATES"
"""Names the directory of the templates, which all processes of a test run share; without it nothing is kept."""


def make_or_copy(key: str, data: Path, make: Callable[[], None]) -> None:
    """Make a data directory, or copy the one that was made for the same key before.

    :param key: names all that the content depends on.
    :param data: the directory, which is not there yet.
    :param make: makes it.
    """
    shared = os.environ.get(VARIABLE)
    if shared is None:
        make()
        return
    template = Path(shared) / key.strip("/").replace("/", "-")
    if not template.exists():
        with template.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                make()
                half = template.with_suffix(".half")
                _copy(data, half)
                half.rename(template)
                return
    _copy(template, data)


def _copy(source: Path, target: Path) -> None:
    # The owner stays, which the server's own user may be.
    subprocess.run([find_program("cp"), "-a", source, target], check=True)
