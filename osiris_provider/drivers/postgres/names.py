"""Names that PostgreSQL would cut: it keeps 63 bytes of each, and says so in a notice only."""

from __future__ import annotations

from collections.abc import Iterable

from osiris_provider.errors import DataError, DriverConfigError

MAX_BYTES = 63
"""NAMEDATALEN - 1 of all servers that are not built otherwise."""


def check_config_names(step_id: str, table: str | None, names: Iterable[str | None] = ()) -> None:
    """Check the names in a step's config.

    :param table: perhaps with its schema before it.
    :param names: of columns; those that are None are passed over.
    :raises DriverConfigError: names the first that is too long.
    """
    named = [("table", part) for part in (table or "").split(".")] + [("column", name) for name in names if name]
    for what, name in named:
        if is_too_long(name):
            message = f"Step {step_id}: {what} {_shown(name)}"
            raise DriverConfigError(message, step=step_id)


def check_column_names(step_id: str, names: Iterable[str]) -> None:
    """Check the names of an input's columns.

    :raises DataError: names the first that is too long; nothing has been written yet.
    """
    for name in names:
        if is_too_long(name):
            message = f"Step {step_id}: column {_shown(name)} Nothing was written."
            raise DataError(message, step=step_id, column=name)


def is_too_long(name: str) -> bool:
    """Return whether PostgreSQL would cut a name.

    :param name: of a table, a schema or a column.
    """
    return len(name.encode("utf-8", "surrogatepass")) > MAX_BYTES


def _shown(name: str) -> str:
    size = len(name.encode("utf-8", "surrogatepass"))
    return f"{name} has a name of {size} bytes; PostgreSQL would cut it to {MAX_BYTES}. Choose a shorter one."
