"""The source files of this repository, parsed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "osiris_provider"
CODE = [
    path
    for folder in ("airflow_provider_osiris", "osiris_provider", "tests", "dags")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(read(path))


@cache
def read(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    """Return a file's path within the repository."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """Return the name under which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
