"""What is wrong with a pipeline: where it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osiris_provider.connections.reference import MAX_LOCATION, shown
from osiris_provider.errors import PipelineConfigError, Where

MAX_PROBLEMS = 100
"""Of a file. The author of one that has more fixes these first; a hostile file costs no more time than that."""

Location = tuple["str | int", ...]
"""The keys and indexes that lead to a value of the file."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    :param file: the YAML, or a ``.sql`` file beside it.
    :param line: from 1.
    :param step: that it concerns, None if it concerns the pipeline.
    :param field: of the step or pipeline, with dots.
    """

    file: Path
    line: int
    message: str
    step: str | None = None
    field: str | None = None

    def __str__(self) -> str:
        """Return ``file:line: step: message``."""
        step = f"{self.step}: " if self.step else ""
        return f"{self.file}:{self.line}: {step}{self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "file": str(self.file),
            "line": self.line,
            "step": self.step,
            "field": self.field,
            "message": self.message,
        }


class TooManyProblemsError(Exception):
    """There are so many that looking for more is of no use."""


@dataclass
class Problems:
    """Collects what is wrong with one file.

    :param file: that most of it stands in.
    :param lines: where each value of the file stands.
    """

    file: Path
    lines: dict[Location, int] = field(default_factory=dict)
    items: list[Problem] = field(default_factory=list)

    def line(self, location: Location) -> int:
        """Return the line of a value, or of what it would stand in."""
        for end in range(len(location), 0, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 1

    def add(self, location: Location, message: str, step: str | None = None) -> None:
        """Take one problem at a value of the file.

        :raises TooManyProblemsError: it is one too many.
        """
        self.add_at(self.file, self.line(location), message, step, ".".join(map(str, location)) or None)

    def add_at(self, file: Path, line: int, message: str, step: str | None = None, field: str | None = None) -> None:
        """Take one problem at a line.

        :raises TooManyProblemsError: it is one too many.
        """
        named = None if step is None else shown(step)
        problem = Problem(file, line, message, named, None if field is None else shown(field, MAX_LOCATION))
        if problem in self.items:
            return
        if len(self.items) >= MAX_PROBLEMS:
            raise TooManyProblemsError(self.sorted())
        self.items.append(problem)

    def sorted(self) -> list[Problem]:
        """Return all, the file's own first, by line."""
        return sorted(self.items, key=lambda problem: (problem.file != self.file, str(problem.file), problem.line))


def error_of(problems: Sequence[Problem]) -> PipelineConfigError:
    """Return the exception for what is wrong with a pipeline.

    :param problems: at least one.
    """
    first = problems[0]
    message = "\n".join(map(str, problems))
    every = [problem.as_dict() for problem in problems]
    where = Where(file=str(first.file), line=first.line, step=first.step, field=first.field)
    return PipelineConfigError(message, problems=every, **where)


def listed(names: Iterable[str], limit: int = 20) -> str:
    """Return names with commas, not too many of them.

    :param names: to be listed.
    :param limit: the most names.
    """
    every = list(names)
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return (", ".join(map(shown, every[:limit])) or "none") + more
