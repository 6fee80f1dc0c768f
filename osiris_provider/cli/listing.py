"""The list of connections as plain text: what rich makes of thousands of lines takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

from osiris_provider.connections.reference import reference_to
from osiris_provider.messages import printable

PIPE_WIDTH = 10_000
"""Columns where the output is no terminal: lines are not folded, so that ``grep`` finds them."""
GAP = "   "
RULE = "─"
_IN_COLUMNS: Final = frozenset({"family", "alias", "default"})
LIST_HEADS: Final = ("family", "alias", "default", "public fields", "source")


def list_text(listed: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> str | None:
    """Return the list of connections as a table; None if it needs the care of rich.

    :param listed: in the shape of CONN-021.
    :param sources: where each stands, as ``file:line``.
    """
    return aligned(LIST_HEADS, [list_row(*pair) for pair in zip(listed, sources, strict=True)])


def near(path: Path) -> Path:
    """Return a path as it is written from the working directory, if it lies below that."""
    # It may lie elsewhere, or somebody has removed the directory.
    with suppress(ValueError, FileNotFoundError):
        return path.absolute().relative_to(Path.cwd())
    return path


def list_row(connection: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Return the cells of a connection, for :data:`LIST_HEADS`."""
    default = "yes" if connection.get("default") else ""
    return connection["family"], connection["alias"], default, public(connection), source


def named(connection: Mapping[str, Any]) -> str:
    """Return the reference of a connection, and whether it is the default."""
    name = reference_to(connection["family"], connection["alias"])
    return f"{name}  default" if connection.get("default") else name


def public(connection: Mapping[str, Any]) -> str:
    """Return the public fields of a connection on one line."""
    return "  ".join([f"{name}={value}" for name, value in connection.items() if name not in _IN_COLUMNS])


def width() -> int:
    """Return how many columns the output has."""
    return get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Return a table as rich lays it out, without colours; None if it is too wide, or has letters of other widths.

    :param heads: of the columns.
    :param rows: cells for each column; what a terminal would obey is taken out.
    """
    cells = [tuple(heads), *map(_printable, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    total = sum(widths) + len(GAP) * (len(widths) - 1)
    if total > width() or not all("".join(row).isascii() for row in cells):
        return None
    shape = GAP.join(f"{{:{size}}}" for size in widths)
    head, *lines = (shape.format(*row).rstrip() for row in cells)
    rule = RULE if (sys.stdout.encoding or "").lower().startswith("utf") else "-"
    return "\n".join([head, rule * total, *lines])


def _printable(row: Sequence[str]) -> tuple[str, ...]:
    # All cells at once, of most rows.
    return tuple(map(str.strip if "".join(row).isprintable() else printable, row))
