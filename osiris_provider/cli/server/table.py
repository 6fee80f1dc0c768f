"""A table for people, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence

from osiris_provider.cli.listing import aligned
from osiris_provider.messages import printable


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; one that is too wide, or has letters of other widths, has no columns.

    :param heads: of the columns.
    :param rows: cells for each column.
    """
    text = aligned(heads, rows)
    return "\n".join("  ".join(map(printable, row)) for row in [heads, *rows]) if text is None else text
