"""Parsing the connections file once for as long as its text stays the same."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from osiris_provider.connections.file import ConnectionsFile, Problem, parse
from osiris_provider.connections.reader import read_text
from osiris_provider.connections.settings import find_file
from osiris_provider.connections.trust import distrust, is_read_only
from osiris_provider.errors import ConnectionConfigError

log = logging.getLogger(__name__)

FileArgument = str | os.PathLike[str] | None

_SHOWN_PROBLEMS = 5
_TURN = threading.Lock()
_LONGEST_TURN = 1.0
"""Seconds. The lock may have been held when this process was forked."""
_FRESH = 1.0
"""Seconds after which a file is read again, whatever the file system says of it."""
_TICK = 2.0
"""Seconds: the coarsest clock of a file system, FAT's."""


def read_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file with all its problems; read only if it may have changed, parsed only if its text has.

    :param file: path of the connections file; None looks in the standard locations (CONN-001).
    :raises ConnectionConfigError: there is no file, or it cannot be read at all.
    """
    path = find_file(file)
    latest = _LATEST.setdefault(path, _Latest())
    known = latest.known
    if known is not None and known.is_fresh(path):
        return known.file
    # Looked at before it is read: what changes meanwhile is another state than this.
    reading = time.time(), time.monotonic()
    state = _state_of(path)
    text = read_text(path)
    version = hashlib.sha256(text.encode()).digest()
    with _in_turn():
        known = latest.known
        file_known = known.file if known is not None and known.version == version else parse(path, text)
        latest.known = _Known(version, file_known, state, *reading)
    return file_known


def files_read() -> list[ConnectionsFile]:
    """Return what this process knows of each file that it has read."""
    return [latest.known.file for latest in list(_LATEST.values()) if latest.known is not None]


def load_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file; see :func:`read_connections`.

    :param file: path of the connections file; None looks in the standard locations.
    :raises ConnectionConfigError: there is no file, it cannot be read, or its structure is wrong. What is wrong with
        a single connection only is left in ``problems``, so that it breaks no other.
    """
    known = read_connections(file)
    problems = known.problems_of(None)
    if problems:
        raise invalid(None, known.path, problems)
    _warn_of_others(known.path)
    return known


@lru_cache(maxsize=16)
def _warn_of_others(path: Path) -> None:
    """Log once what :func:`find_file` would refuse, had no one named the file, if it can be corrected here."""
    problem = None if is_read_only(path) else distrust(path)
    if problem:
        log.warning("Connections file %s: %s. Correct owner and mode (chown, chmod go-w).", path, problem)


def invalid(reference: str | None, path: Path, problems: Sequence[Problem]) -> ConnectionConfigError:
    """Return the exception for what is wrong with a file or with a connection of it.

    :param reference: of the connection, else None.
    :param path: of the file.
    :param problems: at least one.
    """
    first = problems[0]
    message = "; ".join(_located(reference, path, problems))
    return ConnectionConfigError(message, reference=reference, file=str(path), line=first.line, field=first.field)


def _located(reference: str | None, path: Path, problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems[:_SHOWN_PROBLEMS]:
        where = f"{path}:{problem.line}" if problem.line else str(path)
        yield f"{where}: {reference + ': ' if reference else ''}{problem.message.removesuffix('.')}"
    if len(problems) > _SHOWN_PROBLEMS:
        yield f"and {len(problems) - _SHOWN_PROBLEMS} more; run: osiris connections validate"


@contextmanager
def _in_turn() -> Iterator[None]:
    """Let one thread parse at a time: all that see a new file at once would keep a triggerer's event loop waiting."""
    mine = _TURN.acquire(timeout=_LONGEST_TURN)
    try:
        yield
    finally:
        if mine:
            _TURN.release()


_State = tuple[int, ...]


def _state_of(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@dataclass(frozen=True)
class _Known:
    """A file as it was read.

    :param version: digest of its text.
    :param state: what the file system said of it just before.
    :param read_at: seconds since 1970, when it was read.
    :param read_on: the same by the monotonic clock.
    """

    version: bytes
    file: ConnectionsFile
    state: _State | None
    read_at: float
    read_on: float

    def is_fresh(self, path: Path) -> bool:
        """Return whether the file need not be read again.

        Two edits within a tick of the file system's clock leave the same state (git calls such a file racy): a file
        that had just been changed is read again. So is any other after :data:`_FRESH`, as the clock of a file server
        may not be ours.
        """
        if self.state is None or time.monotonic() - self.read_on > _FRESH:
            return False
        changed = self.state[-1] / 1e9
        return changed < self.read_at - _TICK and self.state == _state_of(path)


@dataclass
class _Latest:
    known: _Known | None = None


_LATEST: dict[Path, _Latest] = {}
"""By path; a process reads one file, or few."""
