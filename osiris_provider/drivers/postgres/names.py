"""Names: quoted, and those that PostgreSQL would cut. It keeps 63 bytes of each, and says so in a notice only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from osiris_provider.errors import DataError, DriverConfigError

_WIDEST_CHARACTER = 4
MAX_BYTES = 63
"""NAMEDATALEN - 1 of all servers that are not built otherwise."""


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return '"' + name.replace('"', '""') + '"'


def check_config_names(step_id: str, table: str | None, names: Iterable[str | None] = ()) -> None:
    """Check the names in a step's config.

    :param table: perhaps with its schema before it.
    :param names: of columns; those that are None are passed over.
    :raises DriverConfigError: names the first that is too long.
    """
    named = [("table", part) for part in (table or "").split(".")] + [("column", name) for name in names if name]
    for what, name in named:
        if is_too_long(name):
            raise DriverConfigError.in_step(step_id, f"{what} {_shown(name)}")


def check_column_names(step_id: str, names: Iterable[str]) -> None:
    """Check the names of an input's columns.

    :raises DataError: names the first that is too long; nothing has been written yet.
    """
    for name in names:
        if is_too_long(name):
            message = f"column {_shown(name)} Nothing was written."
            raise DataError.in_step(step_id, message, column=name)
        if "\0" in name:
            shown = name.replace("\0", "\\0")
            message = f"the name of column {shown} has the character U+0000. Nothing was written."
            raise DataError.in_step(step_id, message, column=name)


def check_result_names(step_id: str, statement: str, names: Iterable[str]) -> None:
    """Check that no column of a result has a name that the query gave it in full.

    :param statement: the query.
    :param names: of the columns of its result.
    :raises DataError: names the first column whose name was cut.
    """
    for name in names:
        cut = name.encode()[:MAX_BYTES].decode(errors="ignore")
        escaped = re.escape(cut.replace('"', '""'))
        # A character of several bytes is cut as a whole.
        if len(cut.encode()) > MAX_BYTES - _WIDEST_CHARACTER and (
            more := re.search(rf'"({escaped}(?:[^"]|"")+)"|{escaped}\w+', statement, re.IGNORECASE)
        ):
            raise DataError.in_step(step_id, f"column {_shown(more[1] or more[0])}", column=name)


def is_too_long(name: str) -> bool:
    """Return whether PostgreSQL would cut a name.

    :param name: of a table, a schema or a column.
    """
    return len(name.encode()) > MAX_BYTES


def _shown(name: str) -> str:
    size = len(name.encode())
    return f"{name} has a name of {size} bytes; PostgreSQL would cut it to {MAX_BYTES}. Choose a shorter one."
