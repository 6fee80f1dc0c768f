"""Data directories, and files, that a program has made once, to be copied: to make one takes seconds of a processor."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.servers.programs import find_program

VARIABLE: Final = "TEST_TEMPLATES"
"""Names the directory of the templates, which all processes of a test run share; without it nothing is kept."""


def make_or_copy(key: str, data: Path, make: Callable[[], None]) -> None:
    """Make a data directory or file, or copy the one that was made for the same key before.

    :param key: names all that the content depends on.
    :param data: the directory or file, which is not there yet.
    :param make: makes it.
    """
    shared = os.environ.get(VARIABLE)
    if shared is None:
        make()
        return
    template = Path(shared) / key.replace("/", "-")
    if not template.exists():
        with Path(f"{template}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                make()
                half = Path(f"{template}.half")
                # Of a process that was killed.
                shutil.rmtree(half, ignore_errors=True)
                _copy(data, half)
                half.rename(template)
                return
    _copy(template, data)


def make_or_copy_airflow(data: Path, migrate: Callable[[], object]) -> None:
    """Make Airflow's metadata database, a file of SQLite, or copy the one that was made before.

    :param data: the file, which is not there yet.
    :param migrate: makes it.
    """

    def make() -> None:
        migrate()
        # Connections that stay open have left all of it in the log beside the file.
        with closing(sqlite3.connect(data)) as connection:
            ((is_busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert not is_busy

    make_or_copy(f"airflow-{version('apache-airflow')}", data, make)


def _copy(source: Path, target: Path) -> None:
    # The owner stays, which the server's own user may be.
    subprocess.run([find_program("cp"), "-a", source, target], check=True)
