"""Which files of a folder are pipelines."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from osiris_provider.connections.reader import FILE_NAME, try_read_text
from osiris_provider.errors import PipelineConfigError
from osiris_provider.messages import printable
from osiris_provider.pipelines.file import SUFFIXES

log = logging.getLogger(__name__)

IGNORE_FILE = ".airflowignore"

T = TypeVar("T")

Ignores = Callable[[str], bool]
"""Whether a path below the folder of an ignore file, with ``/`` at the end of a directory, is left out."""


def find_pipelines(folder: Path, ignore_syntax: str = "glob", top: Path | None = None) -> list[Path]:
    """Return the ``.yaml`` and ``.yml`` files of a folder and of those in it, in the order of their names.

    What ``.airflowignore`` says is left out, and so are hidden files and a connections file.

    :param folder: that holds them.
    :param ignore_syntax: of ``.airflowignore``, as Airflow's ``[core] dag_ignore_file_syntax`` has it.
    :param top: a folder above, such as that of DAGs: ignore files from there down count too, but for those that leave
        out all of ``folder``, which somebody asks for.
    :raises PipelineConfigError: the folder cannot be read. One within it is left out, with a warning.
    """
    return sorted(_below(folder, folder, _above(folder, top, ignore_syntax), ignore_syntax, _from_top(folder, top)))


def _from_top(folder: Path, top: Path | None) -> str:
    """Return the path of a folder from the top, with ``/`` at its end; nothing if it is not below."""
    resolved = folder.resolve()
    if top is None or not resolved.is_relative_to(top.resolve()):
        return ""
    parts = resolved.relative_to(top.resolve()).parts
    return "".join(f"{part}/" for part in parts)


def _above(folder: Path, top: Path | None, syntax: str) -> list[tuple[Path, Ignores]]:
    """Return the ignore files above a folder, by the folder as it is written: those of its paths are compared."""
    if top is None:
        return []
    resolved, end = folder.resolve(), top.resolve()
    if not resolved.is_relative_to(end):
        return []
    ignoring: list[tuple[Path, Ignores]] = []
    for above in resolved.parents[: len(resolved.relative_to(end).parts)]:
        way = resolved.relative_to(above).as_posix()
        ignores = _read_ignores(above / IGNORE_FILE, syntax, _from_top(above, top))
        if ignores is not None and not ignores(f"{way}/"):
            ignoring.append((folder, partial(_from_above, ignores, way)))
    return ignoring


def _from_above(ignores: Ignores, way: str, path: str) -> bool:
    return ignores(f"{way}/{path}")


def _below(root: Path, folder: Path, above: list[tuple[Path, Ignores]], syntax: str, way: str) -> Iterator[Path]:
    own = _read_ignores(folder / IGNORE_FILE, syntax, way)
    ignores = above if own is None else [*above, (folder, own)]
    for entry in _entries(root, folder):
        path = folder / entry.name
        is_folder = _is_folder(entry)
        if entry.name.startswith(".") or entry.name == FILE_NAME or _ignored(path, is_folder, ignores):
            continue
        if is_folder and not entry.is_symlink():
            yield from _below(root, path, ignores, syntax, f"{way}{entry.name}/")
        elif path.suffix in SUFFIXES and not is_folder:
            yield path


def _entries(root: Path, folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder has; of one below ``root`` that cannot be read, as ``lost+found``, nothing but a warning."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = error.strerror
    if folder == root:
        message = f"The folder {folder} cannot be read: {reason}."
        raise PipelineConfigError(message, file=str(folder))
    log.warning("Folder %s is left out, as it cannot be read: %s.", folder, reason)
    return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself, or where this user may not look.
        return False


def _ignored(path: Path, is_folder: bool, ignores: list[tuple[Path, Ignores]]) -> bool:
    end = "/" if is_folder else ""
    return any(ignored(f"{path.relative_to(base).as_posix()}{end}") for base, ignored in ignores)


def _read_ignores(file: Path, syntax: str, way: str) -> Ignores | None:
    """Return what an ignore file says, None if there is none. What cannot be read of it leaves nothing out.

    :param way: from the top to its folder. Airflow compares regular expressions with paths from the top, all of them.
    """
    text, problem = try_read_text(file)
    if problem is None:
        # As Airflow reads both syntaxes.
        lines = [re.sub(r"\s*#.*", "", line) for line in text.splitlines()]
        return _parsed(file, [line for line in lines if line], syntax, way)
    if os.path.exists(file):
        log.warning("File %s leaves nothing out: it %s.", file, problem)
    return None


def _parsed(file: Path, lines: list[str], syntax: str, way: str) -> Ignores:
    if syntax == "regexp":
        patterns = _compile(file, lines, re.compile)
        return lambda path: any(pattern.search(way + path.rstrip("/")) for pattern in patterns)
    from pathspec import GitIgnoreSpec

    specs = _compile(file, lines, lambda line: GitIgnoreSpec.from_lines([line]))
    return GitIgnoreSpec([pattern for spec in specs for pattern in spec.patterns]).match_file


def _compile(file: Path, lines: list[str], compiled: Callable[[str], T]) -> list[T]:
    """Return what the lines are compiled to, but for those that are wrong: Airflow logs a warning, too, and goes on."""
    result: list[T] = []
    for line in lines:
        with _warning(file, line):
            result.append(compiled(line))
    return result


@contextmanager
def _warning(file: Path, line: str) -> Iterator[None]:
    try:
        yield
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        log.warning("Ignoring invalid pattern '%s' in %s: %s", printable(line), file, printable(error))
