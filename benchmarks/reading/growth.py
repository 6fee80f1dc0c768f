"""How rate and memory change with rows, columns and the width of texts: ``scripts/bench growth --help``.

For each size a table is read from PostgreSQL into staging, and from there written into another table, each size in a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.servers import Address, PostgresServer

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.servers import KINDS

TARGET = "growth_copy"
HEADS = ("", "MB of values", "read rows/s", "MB/s", "peak RSS", "written rows/s", "MB/s", "peak RSS")
PREFACE = """\
Written by `scripts/bench growth --write`: PostgreSQL → staging → PostgreSQL, one process for each line. MB are those of
the values in Arrow. What it means: memory does not grow with the number of rows, and grows with the width of a row only
as far as a row group of 16 MiB; the more bytes a row has, the fewer rows and the more MB come in a second. Below each
table is how far apart its figures are, and where that is more than one and a half times, why.

{machine}

"""


FLAT = 1.5
"""How many times the least the most of a curve may be, to be called flat."""
CURVES = {"Read": (3, "MB/s"), "Written": (6, "MB/s"), "Memory of reading": (4, "MiB"), "Memory of writing": (7, "MiB")}
"""Their columns of the table."""
WHY = {
    "Rows": (
        "What a step does once, such as to connect and to finish its file, is most of its time at 10,000 rows and "
        "little of it from a million on. Memory is that of a few batches, however many follow."
    ),
    "Columns": (
        "All tables have as many values, so that rows are fewer where they are wider, and MB/s are what to compare. A "
        "batch is 1 MiB of the server's text: the wider its rows the fewer it has, and each of its columns costs some "
        "microseconds of its own, which shows from some 200 columns on."
    ),
    "Width of texts": (
        "Of short texts each row and value costs, of long ones each byte. From 2 kB on PostgreSQL compresses a text "
        "and keeps it beside the table: it unpacks each that is read and packs each that is written, one by one. "
        "Of texts of 1 MB a batch has two, and as many batches are held as of short texts."
    ),
}
"""Why a curve is not flat."""


@dataclass(frozen=True)
class Size:
    """A table.

    :param label: for the line.
    :param rows: it has.
    :param columns: SQL for each row ``i``.
    """

    label: str
    rows: int
    columns: str


def by_rows(limit: int) -> list[Size]:
    return [Size(f"{rows:,} rows", rows, _mixed(10)) for rows in (10**4, 10**5, 10**6, 10**7) if rows <= limit]


def by_columns(values: int) -> list[Size]:
    return [Size(f"{number} columns", values // number, _mixed(number)) for number in (5, 20, 50, 100, 200, 500)]


def by_width(total: int) -> list[Size]:
    widths = {"10 B": 10, "100 B": 100, "1 kB": 1000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}
    return [
        Size(f"texts of {label}", min(total // width, 1_000_000), f"i AS id, repeat(chr(65 + i % 26), {width}) AS text")
        for label, width in widths.items()
    ]


def _mixed(number: int) -> str:
    kinds = (
        "i::bigint * {n}",
        "md5((i + {n})::text)",
        "sqrt(i + {n})",
        "timestamp '2020-01-01' + i * interval '{n} seconds'",
        "(i % 100000 / 100.0 + {n})::numeric(12, 2)",
    )
    return ", ".join(f"{kinds[n % len(kinds)].format(n=n)} AS c{n}" for n in range(number))


@contextmanager
def source(address: Address, size: Size) -> Iterator[str]:
    """Build the table, and drop it and its copy at the end."""
    with closing(KINDS["postgres"].connect(address)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(
            f"CREATE UNLOGGED TABLE growth AS SELECT {size.columns} FROM generate_series(1, {size.rows}) AS i"
        )
        cursor.execute("ANALYZE growth")
        yield "growth"
        cursor.execute(f"DROP TABLE growth; DROP TABLE IF EXISTS {TARGET}, growth_warm")


def measure(address: Address, size: Size) -> tuple[str, ...]:
    """Return a line of the table."""
    with source(address, size) as table, tempfile.TemporaryDirectory(prefix="osiris-bench-") as directory:
        said = json.dumps({"address": asdict(address), "table": table, "directory": directory})
        command = [sys.executable, "-m", "benchmarks.reading.growth", "--run"]
        done = subprocess.run(command, input=said, capture_output=True, check=False, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return size.label, "failed: " + done.stderr.strip().rpartition("\n")[2][:80], *[""] * (len(HEADS) - 2)
    actual = json.loads(done.stdout.splitlines()[-1])
    megabytes = actual["bytes"] / 1e6
    cells = [size.label, f"{megabytes:,.0f}"]
    for what in ("read", "write"):
        seconds, peak = actual[what]
        cells += [f"{size.rows / seconds:,.0f}", f"{megabytes / seconds:.0f}", f"{peak:.0f} MiB"]
    sys.stderr.write(f"{cells}\n")
    return tuple(cells)


def spread(lines: Sequence[tuple[str, ...]]) -> str:
    """Return for each curve how far its figures are apart, and whether that is flat."""
    said = []
    for name, (column, unit) in CURVES.items():
        figures = [float(line[column].split()[0].replace(",", "")) for line in lines if line[column]]
        if figures:
            flat = max(figures) <= FLAT * min(figures)
            said.append(f"- {name}: {min(figures):,.0f} to {max(figures):,.0f} {unit}{', flat' if flat else ''}\n")
    return "".join(said)


def run() -> None:
    """Read and write; reads where from standard input, prints the figures on standard output."""
    import psycopg2  # noqa: F401 - before the clock starts
    import pyarrow.parquet  # noqa: F401 - the same
    from osiris_provider.drivers import get_driver
    from osiris_provider.runtime.staging import Staging
    from upath import UPath

    said = json.load(sys.stdin)
    count = 0

    class Context:
        load_id = state = None

        def log_metric(self, name: str, value: float, **_about: Any) -> None:
            nonlocal count
            count = int(value) if name == "bytes_read" else count

    connection = {"family": "postgres", "alias": "bench", **said["address"]}
    staging = Staging(Path(said["directory"]).as_uri(), UPath)

    def step(driver: str, inputs: dict[str, Any], **config: Any) -> Any:
        config |= {"resolved_connection": connection}
        return get_driver(f"postgres.{driver}").run(step_id="bench", config=config, inputs=inputs, ctx=Context())

    def read(try_number: str, **what: str) -> Any:
        return staging.write(["d", "r", "t", "0", try_number], step("extractor", {}, **what)["data"])

    # Both import their libraries when they meet the first rows.
    warm = {"read": staging.read(read("0", query="SELECT 1 AS one"))}
    step("writer", warm, table="growth_warm", create_if_missing=True)

    staged, *reading = timed(lambda: read("1", table=said["table"]))
    inputs = {"read": staging.read(staged)}
    _, *writing = timed(lambda: step("writer", inputs, table=TARGET, create_if_missing=True))
    json.dump({"bytes": count, "read": reading, "write": writing}, sys.stdout)


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what it returns, its seconds, and the most memory that the process held meanwhile, in MiB."""
    # Begins the peak again.
    Path("/proc/self/clear_refs").write_text("5")
    began = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - began
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return result, seconds, int(status["VmHWM"].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench growth", description="Rate and memory by size.")
    parser.add_argument("--rows", type=int, default=10**7, help="of the longest table; default: 10000000")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    if options.run:
        run()
        return
    groups = {
        "Rows": by_rows(options.rows),
        "Columns": by_columns(min(10**7, options.rows * 2)),
        "Width of texts": by_width(min(5 * 10**8, options.rows * 50)),
    }
    parts = []
    with PostgresServer() as server:
        address = replace(server.admin, database=server.app.database)
        for title, sizes in groups.items():
            lines = [measure(address, size) for size in sizes]
            parts.append(f"{markdown_table(title, HEADS, lines)}\n{spread(lines)}\n{fill(WHY[title], 120)}\n")
            sys.stdout.write(parts[-1] + "\n")
    if options.write:
        put("Growth", PREFACE.format(machine=machine_and_versions()) + "\n".join(parts))


if __name__ == "__main__":
    main()
