"""Tables for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from osiris_provider.cli.output import plain
from osiris_provider.connectors.fleet import Report
from osiris_provider.storage.cleanup import OldFile

COLOURS = {
    "ok": "green",
    "auth": "red",
    "permission": "red",
    "network": "yellow",
    "timeout": "yellow",
    "unknown": "magenta",
}
PIPE_WIDTH = 10_000
"""Columns where the output is no terminal: lines are not folded, so that ``grep`` finds them."""


def render(table: Table) -> str:
    """Return a table as text, coloured and as wide as stdout allows.

    :param table: to be shown.
    """
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def doctor_table(reports: Iterable[Report]) -> Table:
    """Return the verdicts of doctor as a table.

    :param reports: in the shape of CONN-020.
    """
    table = _table("family", "alias", "status")
    table.add_column("latency", justify="right", no_wrap=True)
    table.add_column("message", overflow="fold")
    for report in reports:
        status = Text(report["category"], style=COLOURS[report["category"]])
        latency = "" if report["latency_ms"] is None else f"{report['latency_ms']:.1f} ms"
        table.add_row(_cell(report["family"]), _cell(report["alias"] or ""), status, latency, _cell(_message(report)))
    return table


def _message(report: Report) -> str:
    if not report["ok"]:
        return str(report["message"])
    details = ", ".join(f"{name} {value}" for name, value in report["details"].items())
    return f"{report['message']}{'; ' if details else ''}{details}"


def list_table(listed: Sequence[Mapping[str, Any]], sources: Sequence[str]) -> Table:
    """Return the list of connections as a table.

    :param listed: in the shape of CONN-021.
    :param sources: where each stands, as ``file:line``.
    """
    table = _table("family", "alias", "default")
    table.add_column("public fields", overflow="fold")
    table.add_column("source", overflow="fold")
    for connection, source in zip(listed, sources, strict=True):
        public = {name: value for name, value in connection.items() if name not in ("family", "alias", "default")}
        fields = "  ".join(f"{name}={value}" for name, value in public.items())
        default = "yes" if connection.get("default") else ""
        table.add_row(_cell(connection["family"]), _cell(connection["alias"]), default, _cell(fields), _cell(source))
    return table


def marks_table(marks: Iterable[Mapping[str, Any]]) -> Table:
    """Return high-water marks as a table with a line for each run.

    :param marks: as the commands show them in JSON.
    """
    table = _table("dag", "task", "index")
    for name in ("source", "column", "began at", "reached", "run", "written"):
        table.add_column(name, overflow="fold")
    for mark in marks:
        index = "" if mark["map_index"] < 0 else mark["map_index"]
        values = ["" if mark[name] is None else mark[name]["value"] for name in ("began_at", "reached")]
        cells = [mark["dag_id"], mark["task_id"], index, mark["source"], mark["column"], *values]
        table.add_row(*map(_cell, [*cells, mark["run_id"], mark["written_at"]]))
    return table


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
    return Text(plain(value))
