"""Which files of a folder are pipelines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from osiris_provider.connections.reader import FILE_NAME, try_read_text
from osiris_provider.pipelines.file import SUFFIXES

IGNORE_FILE = ".airflowignore"

Ignores = Callable[[str], bool]
"""Whether a path below the folder of an ignore file, with ``/`` at the end of a directory, is left out."""


def find_pipelines(folder: Path, ignore_syntax: str = "glob") -> list[Path]:
    """Return the ``.yaml`` and ``.yml`` files of a folder and of those in it, in the order of their names.

    What ``.airflowignore`` says is left out, and so are hidden files and a connections file.

    :param folder: that holds them.
    :param ignore_syntax: of ``.airflowignore``, as Airflow's ``[core] dag_ignore_file_syntax`` has it.
    """
    return sorted(_below(folder, folder, [], ignore_syntax))


def _below(root: Path, folder: Path, above: list[tuple[Path, Ignores]], syntax: str) -> Iterator[Path]:
    text, problem = try_read_text(folder / IGNORE_FILE)
    ignores = above if problem else [*above, (folder, _parsed(text, syntax))]
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            is_folder = entry.is_dir()
            if entry.name.startswith(".") or entry.name == FILE_NAME or _ignored(path, is_folder, ignores):
                continue
            if is_folder and not entry.is_symlink():
                yield from _below(root, path, ignores, syntax)
            elif path.suffix in SUFFIXES and not is_folder:
                yield path


def _ignored(path: Path, is_folder: bool, ignores: list[tuple[Path, Ignores]]) -> bool:
    end = "/" if is_folder else ""
    return any(ignored(f"{path.relative_to(base).as_posix()}{end}") for base, ignored in ignores)


def _parsed(text: str, syntax: str) -> Ignores:
    if syntax == "regexp":
        lines = [re.sub(r"\s*#.*", "", line).strip() for line in text.splitlines()]
        patterns = [re.compile(line) for line in lines if line]
        return lambda path: any(pattern.search(path) for pattern in patterns)
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(text.splitlines())
    return spec.match_file
