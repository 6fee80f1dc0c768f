"""Writers side by side: ``scripts/bench writers --help``.

Each runs in a process of its own, in alternation with the others.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.servers import Address
from tests.servers.process import Server

from benchmarks.document import ROOT, put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.servers import KINDS, Kind, cpu_seconds
from benchmarks.writing.contestants import CONTESTANTS, TARGET, Contestant, Target, psql

SOURCE = "bench"
NOWHERE = Address("", 0, "", "", "")
HEADS = ("", "rows/s", "of bare load", "CPU s, client + server", "peak RSS")
PREFACE = """\
Written by `scripts/bench writers --write`: everybody appends the rows of the same Parquet file to an empty table that
is there already, each in a process of its own, in alternation, {rounds} rounds. Given is the median; starting Python
and importing libraries is not counted; connecting, reading and decoding the file, and the commit are. A bare load is
what the server's own client does with a text of the same rows, made before the clock starts; with a binary file, which
costs neither side a conversion, it is what PostgreSQL takes at the most. Where a number of rows stands, the table was
smaller; dlt creates one of its own.

A server does the work of one connection on one processor, so the rows divided by its CPU time are about the most that
any client can get. MySQL and MariaDB take 1.5 to 2 times as long for the values of INSERTs as for the lines of LOAD
DATA. Statements of 1 or 4 MiB, numbers without quotes, and sending the next statement before the last is answered save
7 % of that at the most; so do prepared statements on MySQL.

{machine}

"""


@dataclass
class Figures:
    """What was measured of one contestant."""

    one: Contestant
    rates: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    problem: str = ""

    def line(self, bare: Figures) -> tuple[str, ...]:
        if not self.rates:
            return self.one.label, self.problem, "", "", ""
        rate = statistics.median(self.rates)
        fewer = f", {self.one.max_rows:,} rows" if self.one.max_rows else ""
        seconds = f"{statistics.median(self.client):.1f} + {statistics.median(self.server):.1f}"
        ratio = rate / statistics.median(bare.rates) if bare.rates else 0.0
        return (
            f"{self.one.label}{fewer}",
            f"{rate / 1000:.0f} k",
            f"{ratio:.2f}",
            seconds,
            f"{max(self.peak_mib):.0f} MiB",
        )


def bounds(figures: Sequence[Figures], rows: int) -> Iterator[str]:
    """Yield how far the server's own work lets each of our writers get.

    :param figures: of one table; the first are those of the bare load.
    :param rows: of that table.
    """
    ours = [one for one in figures if one.one.label.startswith("osiris")]
    rates = {one.one: statistics.median(one.rates) for one in figures if one.rates and one not in ours}
    if not rates:
        return
    bare = next(iter(rates.values()))
    others = [rate for one, rate in rates.items() if not one.is_bare]
    for one in ours:
        # As the table shows it.
        works = round(statistics.median(one.server or [0.0]), 1)
        if works:
            limit = rows / works
            peer = f", {limit / max(others):.2f} of the best peer" if others else ""
            yield (
                f"{one.one.label}: the server's own work allows about {limit / 1000:.0f} k rows/s, "
                f"{limit / bare:.2f} of the bare load{peer}.\n"
            )


@contextmanager
def opened(name: str, rows: int) -> Iterator[tuple[Server | None, Target]]:
    """A place with files of so many rows, and the server that it needs."""
    with tempfile.TemporaryDirectory(prefix="osiris-bench-") as directory:
        kind = KINDS.get(name, KINDS["postgres"])
        with kind.make() as server:
            address = replace(server.admin, database=server.app.database)
            target = Target(name, address, Path(directory))
            make_files(kind, target, rows)
            yield (server if name in KINDS else None), target


def make_files(kind: Kind, target: Target, rows: int) -> None:
    """Make the rows on the server, extract them, and make the text that its client likes."""
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq
    from osiris_provider.drivers.mysql.bulk.encode import lines_of
    from osiris_provider.drivers.sql.write import sliced

    from benchmarks.reading.contestants import osiris

    source = "postgres" if target.family == "duckdb" else target.family
    kind.build(target.address, SOURCE, rows)
    osiris(source, target.address, SOURCE, target.directory)()
    staged = next(target.directory.glob("bench/*.parquet"))
    Path(target.parquet).parent.mkdir(parents=True)
    staged.rename(target.parquet)
    file = pq.ParquetFile(target.parquet)
    if target.family == "postgres":
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        with pacsv.CSVWriter(str(target.directory / "data.csv"), file.schema_arrow, write_options=options) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch)
        psql(target, f"\\copy {SOURCE} TO '{target.directory}/data.bin' (FORMAT binary)")()
    if target.family == "mysql":
        with (target.directory / "data.tsv").open("wb") as lines:
            for batch in sliced(file.iter_batches(), 65_536):
                lines.write(bytes(lines_of(batch)) + b"\n")


def empty_target(target: Target) -> None:
    """Make the target again, like the source and without rows."""
    if target.family == "duckdb":
        import duckdb

        with closing(duckdb.connect(str(target.directory / "db.duckdb"))) as database:
            for table in (TARGET, "_osiris_loads"):
                database.execute(f"DROP TABLE IF EXISTS {table}")
            database.execute(f"CREATE TABLE {TARGET} AS FROM read_parquet('{target.parquet}') LIMIT 0")
        return
    with closing(KINDS[target.server].connect(target.address)) as connection, connection.cursor() as cursor:
        for table in (TARGET, "_osiris_loads", "bench_dlt"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
        like = f"LIKE {SOURCE}" if target.family == "mysql" else f"(LIKE {SOURCE})"
        cursor.execute(f"CREATE TABLE {TARGET} {like}")
        connection.commit()


def compare(server: str, rows: int, names: Sequence[str], rounds: int) -> dict[str, Figures]:
    """Run all in alternation."""
    figures = {one: Figures(CONTESTANTS[one]) for one in names if CONTESTANTS[one].server == server}
    sizes = sorted({min(one.one.max_rows or rows, rows) for one in figures.values()}, reverse=True)
    for size in sizes:
        chosen = {name: one for name, one in figures.items() if min(one.one.max_rows or rows, rows) == size}
        with opened(server, size) as (running, target):
            for number in range(rounds):
                for name, one in chosen.items():
                    empty_target(target)
                    measure(name, running, target, size, one)
                    sys.stderr.write(f"{server}, round {number + 1}: {name} {one.problem or 'done'}\n")
    return figures


def measure(name: str, server: Server | None, target: Target, rows: int, figures: Figures) -> None:
    """Run one in a process of its own and take its figures."""
    busy = cpu_seconds(server)
    said = {"address": asdict(target.address if server else NOWHERE), "directory": str(target.directory)}
    command = [sys.executable, "-m", "benchmarks.writing", "--run", name]
    environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(
        command,
        input=json.dumps(said),
        capture_output=True,
        check=False,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    if done.returncode:
        figures.problem = "failed: " + done.stderr.strip().rpartition("\n")[2][:80]
        return
    result = json.loads(done.stdout.splitlines()[-1])
    figures.rates.append(rows / result["seconds"])
    figures.client.append(result["cpu"])
    figures.server.append(cpu_seconds(server) - busy)
    figures.peak_mib.append(result["peak_mib"])


def tables(rows: int, rounds: int, only: Sequence[str] = ()) -> Iterator[tuple[str, list[tuple[str, ...]], list[str]]]:
    """Yield title and lines of a table for each family, and what bounds our writers there."""
    for server, label in (("postgres", "PostgreSQL"), ("mysql", "MySQL"), ("mariadb", "MariaDB"), ("duckdb", "DuckDB")):
        figures = compare(server, rows, list(only or CONTESTANTS), rounds)
        if figures:
            bare = next(iter(figures.values()))
            lines = [one.line(bare) for one in figures.values()]
            yield f"Writing to {label}, {rows:,} rows", lines, list(bounds(list(figures.values()), rows))


def run(name: str) -> None:
    """Be a contestant: reads where from standard input, prints the figures on standard output."""
    # Before the clock starts, for everybody.
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 - see above

    said = json.load(sys.stdin)
    one = CONTESTANTS[name]
    work = one.prepare(Target(one.server, Address(**said["address"]), Path(said["directory"])))
    began, busy = time.perf_counter(), os.times()
    work()
    seconds, after = time.perf_counter() - began, os.times()
    # What getrusage tells may be the peak of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak = int(status["VmHWM"].split()[0]) / 1024
    json.dump({"seconds": seconds, "cpu": sum(after[:4]) - sum(busy[:4]), "peak_mib": peak}, sys.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench writers", description="Compare our writers with peers and with bare loads."
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--only", action="append", choices=list(CONTESTANTS), help="default: all; may be given again")
    parser.add_argument("--run", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    if options.run:
        run(options.run)
        return
    parts = []
    for title, lines, said in tables(options.rows, options.rounds, options.only or ()):
        Console(width=110).print(rich_table(title, lines))
        parts.append(markdown_table(title, HEADS, lines))
        parts.extend(said)
    if options.write:
        put("Writing", PREFACE.format(rounds=options.rounds, machine=machine_and_versions()) + "\n".join(parts))


def rich_table(title: str, lines: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*HEADS, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines:
        table.add_row(*line, style="bold" if line[0].startswith("osiris") else "")
    return table


if __name__ == "__main__":
    main()
