"""The figures as one table, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table

from benchmarks.machine import load, machine, markdown_table, versions
from benchmarks.reading.measure import LIMIT, Figures

HEADS = ("", "rows/s", "of best peer", "of server's limit", "CPU", "peak RSS")


@dataclass(frozen=True)
class Section:
    """All figures of one table on one server."""

    title: str
    rows: int
    figures: dict[str, Figures]

    def lines(self) -> list[tuple[str, ...]]:
        """Return the table's lines, the fastest first."""
        best = max((one.rate(self.rows) for one in self.figures.values() if one.is_peer), default=0.0)
        limit = self.figures[LIMIT].rate(self.rows)
        ordered = sorted(self.figures.items(), key=lambda item: -item[1].rate(self.rows))
        return [self._line(name, one, best, limit) for name, one in ordered]

    def _line(self, name: str, one: Figures, best: float, limit: float) -> tuple[str, ...]:
        if one.problem:
            return one.label, one.problem, *[""] * (len(HEADS) - 2)
        rate = one.rate(self.rows)
        compared = f"{rate / best:.2f}" if best and name != LIMIT else ""
        memory = f"{max(one.peak_mib):.0f} MiB" if one.peak_mib else ""
        cpu = f"{statistics.median(one.cpu_seconds):.2f} s"
        return one.label, f"{rate / 1000:.0f} k", compared, f"{rate / limit:.2f}", cpu, memory


def rich_table(section: Section) -> Table:
    table = Table(*HEADS, title=section.title)
    for column in table.columns[1:]:
        column.justify = "right"
    for line in section.lines():
        table.add_row(*line, style="bold" if line[0].startswith("osiris") else "")
    return table


def markdown(sections: Iterable[Section], rounds: int) -> str:
    """Return the section about reading."""
    preface = _PREFACE.format(rounds=rounds, machine=machine(), load=load(), versions=versions())
    return "\n".join([preface, *(markdown_table(section.title, HEADS, section.lines()) for section in sections)])


_PREFACE = """\
Written by `scripts/bench --write`: a table is built once on a throwaway server on this machine, then every contestant
reads all of it into a Parquet file, each in a process of its own, in alternation, {rounds} rounds. Given is the median;
starting Python and importing libraries is not counted, connecting is. CPU is what the contestant's process used,
without the server; on a machine that others use it says more than the time. The memory is the most that the process
held at any time. The server's limit is the time its own client needs to throw the same table away.

Server and contestant share the machine: {machine}; its load average when this was written: {load}.
{versions}.

The table has ten columns: `int`, `bigint`, `smallint`, three texts (one with NULLs, quotes and commas),
`decimal(12, 2)`, `double`, a timestamp with microseconds, and an `int` of which a third is NULL.

MySQL offers TLS, so `osiris` reads through it; the peers, the client and `osiris, without TLS` do not.

How far reading PostgreSQL can get was measured beside it: its process works 0.8 s to 0.9 s for a million rows for
every reader; server and client share two cores, so 0.9 s is the least. The best peer has taken 0.95 s on a quiet
machine; 1.2 times as fast would be 0.79 s. In the binary format the server works a tenth less. `osiris` itself, on a
busy machine, works some 1.06 s: 0.22 s take the rows, of which psycopg2 and the kernel, row by row, need 0.13 s; 0.40
s make Arrow of them, of which Arrow needs 0.13 s to split them, 0.17 s for the values, and 0.04 s go for numbers that
Arrow would crash at; 0.43 s write Parquet, of which zstd needs 0.17 s. Of ten million rows each costs about as much.
"""
