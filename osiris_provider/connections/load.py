"""Parsing the connections file once for as long as its text stays the same."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from osiris_provider.connections.file import ConnectionsFile, Problem, parse
from osiris_provider.connections.reader import read_text
from osiris_provider.connections.settings import find_file
from osiris_provider.connections.trust import distrust
from osiris_provider.errors import ConnectionConfigError

log = logging.getLogger(__name__)

FileArgument = str | os.PathLike[str] | None

_TURN = threading.Lock()
_LONGEST_TURN = 1.0
"""Seconds. The lock may have been held when this process was forked."""


def read_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file with all its problems; parsed only if its text is another than before.

    A file's time and size say less: two edits within a tick of the file system's clock leave the same.

    :param file: path of the connections file; None looks in the usual places (CONN-001).
    :raises ConnectionConfigError: there is no file, or it cannot be read at all.
    """
    path = find_file(file)
    text = read_text(path)
    version = hashlib.sha256(text.encode()).digest()
    latest = _latest(path)
    with _in_turn():
        known = latest.known
        if known is None or known[0] != version:
            known = latest.known = version, parse(path, text)
    return known[1]


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
    _warn_of_others(known.path)
    return known


@lru_cache(maxsize=16)
def _warn_of_others(path: Path) -> None:
    """Log once what :func:`find_file` would refuse, had nobody named the file."""
    problem = distrust(path)
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


def _located(reference: str | None, path: Path, problems: Sequence[Problem], limit: int = 5) -> Iterator[str]:
    for problem in problems[:limit]:
        where = f"{path}:{problem.line}" if problem.line else str(path)
        yield f"{where}: {reference + ': ' if reference else ''}{problem.message}"
    if len(problems) > limit:
        yield f"and {len(problems) - limit} more; run: osiris connections validate"


@contextmanager
def _in_turn() -> Iterator[None]:
    """Let one thread parse at a time: all that see a new file at once would keep a triggerer's event loop waiting."""
    mine = _TURN.acquire(timeout=_LONGEST_TURN)
    try:
        yield
    finally:
        if mine:
            _TURN.release()


@dataclass
class _Latest:
    known: tuple[bytes, ConnectionsFile] | None = None


@lru_cache(maxsize=16)
def _latest(_path: Path) -> _Latest:
    return _Latest()
