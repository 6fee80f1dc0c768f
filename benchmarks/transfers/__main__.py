"""The whole way from one database into another: ``scripts/bench transfers --help``.

Each contestant is a command of its own, start of Python and all, in alternation with the others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.servers.process import Server

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.servers import KINDS, cpu_seconds
from benchmarks.transfers.airflow_tasks import Tasks, Usage
from benchmarks.transfers.contestants import (
    TABLE,
    TARGET,
    Command,
    Way,
    as_tasks,
    dlt,
    ingestr,
    osiris,
    pgloader,
    sling,
    unstaged,
)

HEADS = ("", "rows/s", "of best peer", "CPU s, client + servers", "peak RSS")
LONGEST = 60
"""Seconds, after which a contestant has no further round with a table."""
PREFACE = """\
Written by `scripts/bench transfers --write`: a table of ten columns goes from one database into another, each
contestant a command of its own, in alternation, {rounds} rounds. Given is the median, and everything is counted:
starting Python, connecting, reading, writing and the commit. `osiris pipelines run` stages each result as Parquet on
the disk, as Airflow does; `without staging` hands the rows from extractor to writer in memory: the difference is what
staging costs. The two Airflow tasks, extractor and writer, run one after the other with LocalExecutor, each in a
process of its own, after all others; counted is from the start of the first to the end of the second, as Airflow
notes them, with the scheduler's time between them. Where a number of rows stands, the table was smaller; who has
taken {seconds} seconds for a table has no further round. MariaDB is the source because pgloader does not log in to
MySQL 8 and later. sling writes to DuckDB through files of CSV: its other way needs an extension from the net. What it
means: so long does a table take until it is in the other database, and so much of that is staging.

{machine}

"""


@dataclass
class Contestant:
    """Someone who transfers, and what was measured of it.

    :param transfer: brings the rows over.
    :param at_most: rows that it is given; the slow ones get fewer.
    :param apart: it runs after the others, as it leaves processes running.
    """

    label: str
    transfer: Callable[[Way], Usage]
    is_peer: bool = True
    max_rows: int | None = None
    only_from: str | None = None
    apart: bool = False
    rates: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    problem: str = ""

    def size(self, rows: int) -> int:
        """Return how many rows of a table it is given."""
        return min(self.max_rows or rows, rows)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates) if self.rates else 0.0

    def line(self, best: float) -> tuple[str, ...]:
        label = f"{self.label}, at most {self.max_rows:,} rows" if self.max_rows else self.label
        if not self.rates:
            return label, self.problem, "", "", ""
        label += f", {self.problem}" if self.problem else ""
        cpu = f"{statistics.median(self.client):.1f} + {statistics.median(self.servers):.1f}"
        compared = f"{self.rate / best:.2f}" if best else ""
        return label, f"{self.rate / 1000:.0f} k", compared, cpu, f"{max(self.peak_mib):.0f} MiB"


def contestants() -> dict[str, Contestant]:
    return {
        "osiris": Contestant("osiris pipelines run", command(osiris), is_peer=False),
        "unstaged": Contestant("osiris, without staging", command(unstaged), is_peer=False),
        "tasks": Contestant("osiris, two Airflow tasks", as_tasks, is_peer=False, apart=True),
        "pgloader": Contestant("pgloader", command(pgloader), only_from="mariadb"),
        "sling": Contestant("sling", command(sling)),
        "dlt": Contestant("dlt, pyarrow", command(dlt), max_rows=200_000),
        "ingestr": Contestant("ingestr", command(ingestr)),
    }


def command(command_of: Callable[[Way], Command]) -> Callable[[Way], Usage]:
    """Return what runs a command and takes its figures."""

    def run(way: Way) -> Usage:
        words, variables = command_of(way)
        with tempfile.TemporaryFile("w+") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                words, stdout=output, stderr=output, env={**os.environ, **variables}, cwd=way.directory
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read()
        if process.returncode != 0:
            sys.stderr.write(said[-2000:])
            lines = said.strip().splitlines() or ["it said nothing"]
            return Usage(problem=f"failed: {lines[-1][:80]}".replace("|", "/"))
        return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    return run


@contextmanager
def opened(source: str, rows: int) -> Iterator[tuple[list[Server], Way]]:
    """Start the servers, with a table of so many rows; MySQL's kind goes into PostgreSQL, and that into DuckDB."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="osiris-bench-")))
        kind = KINDS[source]
        servers = [stack.enter_context(kind.make())]
        target = None
        if kind.family == "mysql":
            servers.append(stack.enter_context(KINDS["postgres"].make()))
            target = replace(servers[1].admin, database=servers[1].app.database)
        address = replace(servers[0].admin, database=servers[0].app.database)
        kind.build(address, TABLE, rows)
        tasks = Tasks(directory)
        stack.callback(tasks.close)
        yield servers, Way(source, kind.family, address, target, directory, tasks)


def empty_target(way: Way) -> None:
    if way.target is None:
        Path(way.duckdb).unlink(missing_ok=True)
        return
    with closing(KINDS["postgres"].connect(way.target)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS public.{TARGET} CASCADE")
        cursor.execute("DROP SCHEMA IF EXISTS bench_dlt CASCADE")
        connection.commit()


def rows_of(way: Way) -> int:
    """Return how many rows have arrived; peers put them where they like."""
    if way.target is None:
        import duckdb

        with closing(duckdb.connect(way.duckdb)) as database:
            names = database.execute(
                "SELECT schema_name FROM duckdb_tables() WHERE table_name = ?", [TARGET]
            ).fetchall()
            counts = [database.execute(f'SELECT count(*) FROM "{name}".{TARGET}').fetchone() for (name,) in names]
        return max((int(row[0]) for row in counts if row), default=0)
    with closing(KINDS["postgres"].connect(way.target)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT schemaname FROM pg_tables WHERE tablename = %s", [TARGET])
        total = 0
        for (schema,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{schema}".{TARGET}')
            total = max(total, cursor.fetchone()[0])
    return total


def measure(one: Contestant, servers: Sequence[Server], way: Way, rows: int) -> None:
    """Let one transfer the rows, and take its figures."""
    busy = sum(map(cpu_seconds, servers))
    try:
        usage = one.transfer(way)
    except FileNotFoundError as error:
        one.problem = f"{error} is not installed"
        return
    busy = sum(map(cpu_seconds, servers)) - busy
    one.problem = usage.problem
    if not usage.problem and (arrived := rows_of(way)) != rows:
        one.problem = f"failed: {arrived:,} rows arrived"
    if not one.problem:
        one.rates.append(rows / usage.seconds)
        one.client.append(usage.cpu)
        one.servers.append(busy)
        one.peak_mib.append(usage.peak_mib)


def compare(source: str, rows: int, names: Sequence[str], rounds: int) -> tuple[str, dict[str, Contestant]]:
    """Run all in alternation; return the title and what was measured."""
    known = contestants().items()
    chosen = {name: one for name, one in known if name in names and one.only_from in (None, source)}
    title = ""
    for size in sorted({one.size(rows) for one in chosen.values()}, reverse=True):
        with opened(source, size) as (servers, way):
            title = way.title
            here = [one for one in chosen.values() if one.size(rows) == size]
            for apart in (False, True):
                alternate([one for one in here if one.apart is apart], servers, way, size, rounds)
    return f"{title}, {rows:,} rows", chosen


def alternate(those: Sequence[Contestant], servers: Sequence[Server], way: Way, rows: int, rounds: int) -> None:
    for number in range(rounds):
        for one in those:
            if one.problem or sum(rows / rate for rate in one.rates) > LONGEST:
                continue
            empty_target(way)
            measure(one, servers, way, rows)
            sys.stderr.write(f"{way.title}, round {number + 1}: {one.label} {one.problem or 'done'}\n")


def lines_of(chosen: Sequence[Contestant]) -> list[tuple[str, ...]]:
    best = max((one.rate for one in chosen if one.is_peer), default=0.0)
    return [one.line(best) for one in chosen]


def share_of_staging(chosen: Mapping[str, Contestant]) -> str:
    """Return a sentence about what staging costs."""
    staged, without = (chosen[name].rate if name in chosen else 0.0 for name in ("osiris", "unstaged"))
    if not staged or not without:
        return ""
    share = 1 - staged / without
    return f"Staging's share of the time of `osiris pipelines run` is {100 * max(share, 0.0):.0f} %.\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench transfers", description="Compare the whole way between databases."
    )
    parser.add_argument("--rows", type=int, action="append", help="default: 1000000; may be given again")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--source", action="append", choices=["mariadb", "postgres"], help="default: both")
    parser.add_argument("--only", action="append", choices=list(contestants()), help="default: all; may be given again")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    parts = []
    for rows in options.rows or [1_000_000]:
        for source in options.source or ["mariadb", "postgres"]:
            title, chosen = compare(source, rows, options.only or list(contestants()), options.rounds)
            parts.append(
                markdown_table(title, HEADS, lines_of(list(chosen.values()))) + "\n" + share_of_staging(chosen)
            )
            sys.stdout.write(parts[-1] + "\n")
    if options.write:
        preface = PREFACE.format(rounds=options.rounds, seconds=LONGEST, machine=machine_and_versions())
        put("Transfers", preface + "\n".join(parts))


if __name__ == "__main__":
    main()
