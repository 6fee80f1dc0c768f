"""Tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import printable
from osiris_provider.storage.cleanup import OldFile

COLOURS = {
    "ok": "green",
    "auth": "red",
    "permission": "red",
    "network": "yellow",
    "timeout": "yellow",
    "unknown": "magenta",
}
NARROW = 90
WIDE = 140
"""Columns below which a table, or one with many columns, would break words."""
PIPE_WIDTH = 10_000
"""Columns where the output is no terminal: lines are not folded, so that ``grep`` finds them."""


def render(table: RenderableType) -> str:
    """Return a table as text, coloured and as wide as stdout allows.

    :param table: to be shown.
    """
    console = Console(file=sys.stdout, width=_width())
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _width() -> int:
    return get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def near(path: Path) -> Path:
    """Return a path as it is written from the working directory, if it lies below that."""
    with suppress(ValueError):
        return path.absolute().relative_to(Path.cwd())
    return path


def doctor_table(verdicts: Iterable[Verdict]) -> RenderableType:
    """Return the verdicts of doctor as a table; on a narrow terminal each message has lines of its own.

    :param verdicts: of doctor.
    """
    if _width() < NARROW:
        return Group(*(_stacked(*_verdict(verdict)) for verdict in verdicts))
    table = _table("family", "alias", "status")
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("message", overflow="ellipsis")
    for one in verdicts:
        status = Text(one.category, style=COLOURS[one.category])
        latency = "" if one.latency_ms is None else f"{one.latency_ms:.1f} ms"
        table.add_row(_cell(one.family), _cell(one.alias or ""), status, latency, _cell(_message(one)))
    return table


def _verdict(verdict: Verdict) -> tuple[Text, list[str]]:
    head = _cell(verdict.reference).append("  ")
    head.append(verdict.category, style=COLOURS[verdict.category])
    if verdict.latency_ms is not None:
        head.append(f"  {verdict.latency_ms:.1f} ms")
    return head, [_message(verdict)]


def _message(verdict: Verdict) -> str:
    # A note is a sentence, and says what "exists" tells programs.
    details = ", ".join(f"{name} {value}" for name, value in verdict.server.items() if name not in ("note", "exists"))
    return "; ".join(filter(None, (verdict.message, details, str(verdict.server.get("note", "")))))


def list_table(listed: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> RenderableType:
    """Return the list of connections as a table; on a narrow terminal each has lines of its own.

    :param listed: in the shape of CONN-021.
    :param sources: where each stands, as ``file:line``.
    """
    if _width() < NARROW:
        pairs = zip(listed, sources, strict=True)
        return Group(*(_stacked(_cell(_name(one)), [_public(one), source]) for one, source in pairs))
    table = _table("family", "alias", "default")
    table.add_column("public fields", overflow="ellipsis")
    table.add_column("source", overflow="ellipsis")
    for connection, source in zip(listed, sources, strict=True):
        default = "yes" if connection.get("default") else ""
        cells = (connection["family"], connection["alias"], default, _public(connection), source)
        table.add_row(*map(_cell, cells))
    return table


def _reference(named: Mapping[str, Any]) -> str:
    return f"@{named['family']}.{named['alias']}" if named["alias"] else str(named["family"])


def _name(connection: Mapping[str, Any]) -> str:
    name = _reference(connection)
    return f"{name}  default" if connection.get("default") else name


def _public(connection: Mapping[str, Any]) -> str:
    public = {name: value for name, value in connection.items() if name not in ("family", "alias", "default")}
    return "  ".join(f"{name}={value}" for name, value in public.items())


def _stacked(head: Text, lines: Iterable[str]) -> RenderableType:
    """Return a line and what belongs to it, indented; words are not broken, those that do not fit are cut with dots."""
    head.overflow = "ellipsis"
    below = [_cell(line) for line in lines if line]
    for text in below:
        text.overflow = "ellipsis"
    return Group(head, *(Padding(text, (0, 0, 0, 2)) for text in below))


def state_table(entries: Iterable[Mapping[str, Any]]) -> RenderableType:
    """Return state as a table with a line for each run; on a narrow terminal each has lines of its own.

    :param entries: as the commands show them in JSON.
    """
    if _width() < WIDE:
        return Group(*(_stacked(*_state_lines(entry)) for entry in entries))
    table = _table("dag", "task", "index")
    for name in ("source", "column", "began at", "reached", "run", "written"):
        table.add_column(name, overflow="ellipsis")
    for entry in entries:
        index = "" if entry["map_index"] < 0 else entry["map_index"]
        values = ["" if entry[name] is None else entry[name]["value"] for name in ("began_at", "reached")]
        cells = [entry["dag_id"], entry["task_id"], index, entry["source"], entry["column"], *values]
        table.add_row(*map(_cell, [*cells, entry["run_id"], entry["written_at"]]))
    return table


def _state_lines(entry: Mapping[str, Any]) -> tuple[Text, list[str]]:
    began, reached = ("none" if entry[name] is None else entry[name]["value"] for name in ("began_at", "reached"))
    index = "" if entry["map_index"] < 0 else f" {entry['map_index']}"
    head = _cell(f"{entry['dag_id']} {entry['task_id']}{index}")
    return head, [
        f"{entry['source']} by {entry['column']}",
        f"{began} to {reached}",
        entry["run_id"],
        entry["written_at"],
    ]


def removed_table(removed: Sequence[OldFile]) -> Table:
    """Return what was removed from staging as a table with a line for each DAG.

    :param removed: the files.
    """
    table = _table("dag")
    for name in ("files", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    by_dag: dict[str, list[int]] = {}
    for old in removed:
        by_dag.setdefault(old.path.partition("/")[0], []).append(old.bytes)
    for dag, sizes in sorted(by_dag.items()):
        table.add_row(_cell(dag), str(len(sizes)), f"{sum(sizes):,}")
    return table


def _table(*short: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in short:
        table.add_column(name, no_wrap=True)
    return table


def _cell(value: object) -> Text:
    # Text, not str: rich would take square brackets for markup.
    return Text(printable(value))
