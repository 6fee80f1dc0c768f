"""Where DuckDB puts what does not fit into memory: directories that only this user can enter (CWE-377)."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass


@dataclass
class _Directory:
    path: str
    users: int = 0


_directories: dict[tuple[int, str, str | None], _Directory] = {}
_turn = threading.Lock()


def _forget() -> None:
    """Start over in a forked process: the directories are its parent's, and so is the holder of the lock."""
    global _turn  # noqa: PLW0603 - a lock that was held at the fork is never released
    _turn = threading.Lock()
    _directories.clear()


os.register_at_fork(after_in_child=_forget)


def borrow(database: str, parent: str | None) -> str:
    """Return the spill directory of a database in this process, mode 0700; :func:`give_back` it.

    All clients of a database share one: DuckDB refuses a second client with another ``temp_directory``.

    :param database: path of the file, or the name of a database in memory.
    :param parent: the directory to make it in; None for the system's temporary directory.
    :raises OSError: it cannot be made.
    """
    key = os.getpid(), database, parent
    with _turn:
        directory = _directories.get(key)
        if directory is None:
            directory = _directories[key] = _Directory(tempfile.mkdtemp(prefix="osiris-duckdb-", dir=parent))
        directory.users += 1
        return directory.path


def give_back(path: str) -> None:
    """Remove a directory of :func:`borrow` once its last user has given it back.

    :param path: of the directory; another one is left alone.
    """
    with _turn:
        key = next((key for key, directory in _directories.items() if directory.path == path), None)
        if key is None:
            return
        _directories[key].users -= 1
        if _directories[key].users > 0:
            return
        del _directories[key]
    shutil.rmtree(path, ignore_errors=True)


@atexit.register
def _remove_all() -> None:
    for directory in _directories.values():
        shutil.rmtree(directory.path, ignore_errors=True)
