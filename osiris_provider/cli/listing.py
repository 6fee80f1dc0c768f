"""The list of connections as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from osiris_provider.cli.columns import aligned

LIST_HEADS: Final = ("family", "alias", "default", "public fields", "source")


def list_text(listed: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> str:
    """Return the list of connections as a table, as wide as stdout allows.

    :param listed: in the shape of CONN-021.
    :param sources: where each stands, as ``file:line``.
    """
    text = aligned(LIST_HEADS, [list_row(*pair) for pair in zip(listed, sources, strict=True)])
    if text is not None:
        return text
    from osiris_provider.cli.tables import list_table, render

    return render(list_table(listed, sources))


def near(path: Path) -> Path:
    """Return a path as it is written from the working directory, if it lies below that."""
    with suppress(ValueError):
        return path.absolute().relative_to(Path.cwd())
    return path


def list_row(connection: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Return the cells of a connection, for :data:`LIST_HEADS`."""
    default = "yes" if connection.get("default") else ""
    return connection["family"], connection["alias"], default, public(connection), source


def named(connection: Mapping[str, Any]) -> str:
    """Return the reference of a connection, and whether it is the default."""
    name = f"@{connection['family']}.{connection['alias']}"
    return f"{name}  default" if connection.get("default") else name


def public(connection: Mapping[str, Any]) -> str:
    """Return the public fields of a connection on one line."""
    shown = {name: value for name, value in connection.items() if name not in ("family", "alias", "default")}
    return "  ".join(f"{name}={value}" for name, value in shown.items())
