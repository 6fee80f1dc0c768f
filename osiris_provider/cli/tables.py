"""Tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from osiris_provider.cli import listing
from osiris_provider.cli.listing import LIST_HEADS, list_row, named, public
from osiris_provider.connectors.expiry import WARN_DAYS, expiring, expiry_sentence
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.messages import printable
from osiris_provider.runtime.cleanup import OldFile

COLOURS = {
    "ok": "green",
    "auth": "red",
    "permission": "red",
    "network": "yellow",
    "timeout": "yellow",
    "unknown": "magenta",
}
_IN_WORDS = ("note", "exists", "expires")
"""Details that are said in a sentence: a note is one, and says what "exists" tells programs."""
NARROW = 90
WIDE = 140
"""Columns below which a table, or one with many columns, would break words."""


def render(table: RenderableType) -> str:
    """Return a table as text, coloured and as wide as stdout allows.

    :param table: to be shown.
    """
    console = Console(file=sys.stdout, width=listing.width())
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def doctor_table(verdicts: Iterable[Verdict], warn_days: float = WARN_DAYS) -> RenderableType:
    """Return the verdicts of doctor as a table; on a narrow terminal each message has lines of its own.

    :param verdicts: of doctor.
    :param warn_days: what expires within so many days is named.
    """
    if listing.width() < NARROW:
        return Group(*(_stacked(*_verdict(verdict, warn_days)) for verdict in verdicts))
    table = _table("family", "alias", "status")
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("message", overflow="ellipsis")
    for one in verdicts:
        status = Text(one.category, style=COLOURS[one.category])
        latency = "" if one.latency_ms is None else f"{one.latency_ms:.1f} ms"
        table.add_row(_cell(one.family), _cell(one.alias or ""), status, latency, _cell(_message(one, warn_days)))
    return table


def _verdict(verdict: Verdict, warn_days: float) -> tuple[Text, list[str]]:
    head = _cell(verdict.reference).append("  ")
    head.append(verdict.category, style=COLOURS[verdict.category])
    if verdict.latency_ms is not None:
        head.append(f"  {verdict.latency_ms:.1f} ms")
    return head, [_message(verdict, warn_days)]


def _message(verdict: Verdict, warn_days: float) -> str:
    ends = ", ".join(map(expiry_sentence, expiring(verdict.server, warn_days)))
    details = ", ".join(f"{name} {value}" for name, value in verdict.server.items() if name not in _IN_WORDS)
    return "; ".join(filter(None, (verdict.message, ends, details, str(verdict.server.get("note", "")))))


def list_table(listed: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> RenderableType:
    """Return the list of connections as a table; on a narrow terminal each has lines of its own.

    :param listed: in the shape of CONN-021.
    :param sources: where each stands, as ``file:line``.
    """
    pairs = zip(listed, sources, strict=True)
    if listing.width() < NARROW:
        return Group(*(_stacked(_cell(named(one)), [public(one), source]) for one, source in pairs))
    table = _table(*LIST_HEADS[:3])
    for name in LIST_HEADS[3:]:
        table.add_column(name)
    for pair in pairs:
        table.add_row(*map(_cell, list_row(*pair)))
    return table


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
    if listing.width() < WIDE:
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
