"""Reading the connections file once for as long as it stays the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from osiris_provider.connections.file import ConnectionsFile, Problem, read_file
from osiris_provider.connections.settings import find_file
from osiris_provider.errors import ConnectionConfigError

FileArgument = str | os.PathLike[str] | None

_SETTLED_NS = 2_000_000_000
"""Two edits that follow each other faster than a file system's clock ticks leave the same time on a file."""
_TURN = threading.Lock()
_LONGEST_TURN = 1.0
"""Seconds. The lock may have been held when this process was forked, or by a thread whose file system hangs."""


def read_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file with all its problems; cached on its identity, so an edit is seen at once.

    :param file: path of the connections file; None looks in the usual places (CONN-001).
    :raises ConnectionConfigError: there is no file, or it cannot be read at all.
    """
    path = find_file(file)
    try:
        found = path.stat()
    except OSError:
        return read_file(path)
    with _in_turn():
        if abs(time.time_ns() - found.st_mtime_ns) < _SETTLED_NS:
            return read_file(path)
        return _read_version(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def load_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file; see :func:`read_connections`.

    :param file: path of the connections file; None looks in the usual places.
    :raises ConnectionConfigError: there is no file, it cannot be read, or its structure is wrong. What is wrong with
        a single connection only is left in ``problems``, so that it breaks no other.
    """
    known = read_connections(file)
    problems = known.problems_of(None)
    if problems:
        raise invalid(None, known.path, problems)
    return known


def invalid(reference: str | None, path: Path, problems: Sequence[Problem]) -> ConnectionConfigError:
    """Return the exception for what is wrong with a file or with a connection of it.

    :param reference: of the connection, else None.
    :param path: of the file.
    :param problems: at least one.
    """
    first = problems[0]
    message = "; ".join(_placed(reference, path, problems))
    return ConnectionConfigError(message, reference=reference, file=str(path), line=first.line, field=first.field)


def _placed(reference: str | None, path: Path, problems: Sequence[Problem], most: int = 5) -> Iterator[str]:
    for problem in problems[:most]:
        where = f"{path}:{problem.line}" if problem.line else str(path)
        yield f"{where}: {reference + ': ' if reference else ''}{problem.message}"
    if len(problems) > most:
        yield f"and {len(problems) - most} more; run: osiris connections validate"


@contextmanager
def _in_turn() -> Iterator[None]:
    """Let one thread parse at a time: all that see a new file at once would keep a triggerer's event loop waiting."""
    mine = _TURN.acquire(timeout=_LONGEST_TURN)
    try:
        yield
    finally:
        if mine:
            _TURN.release()


@lru_cache(maxsize=16)
def _read_version(path: Path, *_identity: int) -> ConnectionsFile:
    return read_file(path)
