"""What ``osiris connections validate`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from osiris_provider.connections.file import Problem


def as_lines(path: Path, problems: Sequence[Problem], warnings: Sequence[Problem]) -> Iterator[str]:
    """Yield a line for each problem and warning, as compilers write them, and the count.

    :param path: of the file.
    :param problems: what must be mended.
    :param warnings: what should be looked at.
    """
    for problem in problems:
        yield f"{_location(path, problem)}: {problem.message}"
    for warning in warnings:
        yield f"{_location(path, warning)}: warning: {warning.message}"
    counts = f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}"
    yield f"{path}: {counts if problems or warnings else 'ok'}"


def _location(path: Path, problem: Problem) -> str:
    where = f"{path}:{problem.line or 1}"
    return f"{where}: {problem.reference}" if problem.reference else where


def _count(problems: Sequence[Problem], what: str) -> str:
    return f"{len(problems)} {what}{'' if len(problems) == 1 else 's'}"


def as_object(path: Path, problems: Sequence[Problem], warnings: Sequence[Problem]) -> dict[str, Any]:
    """Return the same for programs.

    :param path: of the file.
    :param problems: what must be mended.
    :param warnings: what should be looked at.
    """
    return {
        "file": str(path),
        "problems": [_as_dict(problem) for problem in problems],
        "warnings": [_as_dict(warning) for warning in warnings],
    }


def _as_dict(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "reference": problem.reference,
        "field": problem.field,
        "message": problem.message,
    }
