"""Tables of plain text: what rich makes of thousands of lines takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size

from osiris_provider.errors import printable

PIPE_WIDTH = 10_000
"""Columns where the output is no terminal: lines are not folded, so that ``grep`` finds them."""
GAP = "   "
RULE = "─"


def width() -> int:
    """Return how many columns the output has."""
    return get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str | None:
    """Return a table as rich lays it out, without colours; None if it is too wide, or has letters of other widths.

    :param heads: of the columns.
    :param rows: cells for each column; what a terminal would obey is taken out.
    """
    cells = [tuple(heads), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    whole = sum(widths) + len(GAP) * (len(widths) - 1)
    if whole > width() or not all(cell.isascii() for row in cells for cell in row):
        return None
    shape = GAP.join(f"{{:{size}}}" for size in widths)
    head, *lines = (shape.format(*row).rstrip() for row in cells)
    return "\n".join([head, RULE * whole, *lines])
