"""Writers side by side: ``python -m benchmarks.writers``, or ``scripts/bench --writers``.

Everybody appends the same rows to an empty table that is there already, each in a process of its own, in alternation.
We and the peers start from one staged Parquet file; the server's own client starts from the text that it likes best,
made of that file before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.servers import Address
from tests.servers.process import Server

from benchmarks.contestants import DRIVERS, url_of
from benchmarks.servers import KINDS, Kind

Work = Callable[[], object]
TICKS = os.sysconf("SC_CLK_TCK")
SOURCE, TARGET = "bench", "bench_copy"
NOWHERE = Address("", 0, "", "", "")
HEADS = ("", "rows/s", "of bare load", "CPU s, client + server", "peak RSS")


@dataclass(frozen=True)
class Place:
    """Where the rows are, and where they go.

    :param directory: has ``data.parquet``, and ``data.csv`` or ``data.tsv``.
    """

    family: str
    address: Address
    directory: Path

    @property
    def parquet(self) -> str:
        return str(self.directory / "data.parquet")


def osiris(place: Place, **config: Any) -> Work:
    from osiris_provider.connectors import get_connector
    from osiris_provider.drivers import get_driver
    from osiris_provider.staging import StagedData, Staging
    from upath import UPath

    class Context:
        load_id = "bench"

        def log_metric(self, name: str, value: float, **about: Any) -> None:
            """Take no notice."""

    driver = get_driver(f"{place.family}.writer")
    connection: dict[str, Any] = {"family": place.family, "alias": "bench", "path": str(place.directory / "db.duckdb")}
    if place.family in KINDS:
        connection = {"family": place.family, "alias": "bench", **asdict(place.address)}
    staging = Staging(place.directory.as_uri(), UPath)
    staged = staging.read(StagedData(f"{place.directory.as_uri()}/data.parquet", 0, 0, []))
    inputs = {"extract": staged}
    get_connector(place.family).close_client(get_connector(place.family).create_client(connection))

    def work() -> None:
        step = {"table": TARGET, "resolved_connection": connection, **config}
        driver.run(step_id="bench", config=step, inputs=inputs, ctx=Context())

    return work


def psql_copy(place: Place) -> Work:
    one = place.address
    command = [shutil.which("psql") or "psql", "-X", "-q", "-h", one.host, "-p", str(one.port), "-U", one.user]
    command += ["-c", f"\\copy {TARGET} FROM '{place.directory}/data.csv' (FORMAT csv)", one.database]
    return lambda: subprocess.run(command, env={"PGPASSWORD": one.password}, check=True)


def mariadb_load(place: Place) -> Work:
    one = place.address
    command = [shutil.which("mariadb") or "mariadb", "--no-defaults", "--local-infile=1", f"--host={one.host}"]
    command += ["--protocol=tcp", f"--port={one.port}", f"--user={one.user}", "--skip-ssl"]
    statement = f"LOAD DATA LOCAL INFILE '{place.directory}/data.tsv' INTO TABLE {TARGET} CHARACTER SET utf8mb4"
    command += [f"--execute={statement}", one.database]
    return lambda: subprocess.run(command, env={"MYSQL_PWD": one.password}, check=True)


def adbc(place: Place) -> Work:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from adbc_driver_postgresql import dbapi

    def work() -> None:
        file = pq.ParquetFile(place.parquet)
        reader = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
        with dbapi.connect(url_of("postgresql", place.address)) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(TARGET, reader, mode="append")
            connection.commit()

    return work


def pandas(place: Place) -> Work:
    import pandas as pd
    import sqlalchemy

    url = url_of(DRIVERS[place.family], place.address)

    def work() -> None:
        frame = pd.read_parquet(place.parquet)
        frame.to_sql(TARGET, sqlalchemy.create_engine(url), if_exists="append", index=False, chunksize=10_000)

    return work


def dlt(place: Place) -> Work:
    import dlt as library
    import pyarrow.parquet as pq

    url = url_of(DRIVERS[place.family], place.address)
    destination = library.destinations.postgres(url) if place.family == "postgres" else None

    def work() -> None:
        pipeline = library.pipeline(
            "bench",
            pipelines_dir=str(place.directory / "pipelines"),
            destination=destination or library.destinations.sqlalchemy(url),
            dataset_name="bench_dlt" if destination else "app",
        )
        batches = (batch for batch in pq.ParquetFile(place.parquet).iter_batches())
        kind = {"loader_file_format": "csv"} if destination else {}
        pipeline.run(batches, table_name="bench_dlt", write_disposition="append", **kind)

    return work


def read_parquet(place: Place) -> Work:
    import duckdb

    def work() -> None:
        with closing(duckdb.connect(str(place.directory / "db.duckdb"))) as database:
            database.execute(f"INSERT INTO {TARGET} FROM read_parquet('{place.parquet}')")

    return work


@dataclass(frozen=True)
class Contestant:
    """Someone who writes; the first of a family is what the others are compared with."""

    label: str
    family: str
    prepare: Callable[[Place], Work]
    at_most: int | None = None
    """Rows that it is given; the slow ones get fewer."""


CONTESTANTS = {
    "pg-bare": Contestant("psql: COPY of a CSV file", "postgres", psql_copy),
    "pg-osiris": Contestant("osiris", "postgres", osiris),
    "pg-adbc": Contestant("ADBC ingest", "postgres", adbc),
    "pg-dlt": Contestant("dlt, csv", "postgres", dlt),
    "pg-pandas": Contestant("pandas.to_sql", "postgres", pandas, 100_000),
    "my-bare": Contestant("mariadb: LOAD DATA of a text file", "mysql", mariadb_load),
    "my-osiris": Contestant("osiris, LOAD DATA", "mysql", lambda place: osiris(place, engine="load_data")),
    "my-insert": Contestant("osiris, INSERT", "mysql", lambda place: osiris(place, engine="insert"), 200_000),
    "my-pandas": Contestant("pandas.to_sql", "mysql", pandas, 200_000),
    "my-dlt": Contestant("dlt, sqlalchemy", "mysql", dlt, 100_000),
    "db-bare": Contestant("INSERT … FROM read_parquet", "duckdb", read_parquet),
    "db-osiris": Contestant("osiris", "duckdb", osiris),
}


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
        fewer = f", {self.one.at_most:,} rows" if self.one.at_most else ""
        seconds = f"{statistics.median(self.client):.1f} + {statistics.median(self.server):.1f}"
        ratio = rate / statistics.median(bare.rates) if bare.rates else 0.0
        return (
            f"{self.one.label}{fewer}",
            f"{rate / 1000:.0f} k",
            f"{ratio:.2f}",
            seconds,
            f"{max(self.peak_mib):.0f} MiB",
        )


@contextmanager
def opened(family: str, rows: int) -> Iterator[tuple[Server | None, Place]]:
    """A place with files of so many rows, and the server that it needs."""
    with tempfile.TemporaryDirectory(prefix="osiris-bench-") as directory:
        kind = KINDS.get(family, KINDS["postgres"])
        with kind.make() as server:
            address = replace(server.admin, database=server.app.database)
            place = Place(family, address, Path(directory))
            make_files(kind, place, rows)
            yield (server if family in KINDS else None), place


def make_files(kind: Kind, place: Place, rows: int) -> None:
    """Make the rows on the server, extract them, and make the text that its client likes."""
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq
    from osiris_provider.drivers.mysql.text import lines_of
    from osiris_provider.drivers.sql.write import sliced

    from benchmarks import contestants

    source = "postgres" if place.family == "duckdb" else place.family
    kind.build(place.address, SOURCE, rows)
    contestants.osiris(source, place.address, SOURCE, place.directory)()
    staged = next(place.directory.glob("bench/*.parquet"))
    staged.rename(place.parquet)
    file = pq.ParquetFile(place.parquet)
    if place.family == "postgres":
        options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
        with pacsv.CSVWriter(str(place.directory / "data.csv"), file.schema_arrow, write_options=options) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch)
    if place.family == "mysql":
        with (place.directory / "data.tsv").open("wb") as lines:
            for batch in sliced(file.iter_batches(), 65_536):
                lines.write(bytes(lines_of(batch)) + b"\n")


def empty_target(place: Place) -> None:
    """Make the target anew, like the source and without rows."""
    if place.family == "duckdb":
        import duckdb

        with closing(duckdb.connect(str(place.directory / "db.duckdb"))) as database:
            for table in (TARGET, "_osiris_loads"):
                database.execute(f"DROP TABLE IF EXISTS {table}")
            database.execute(f"CREATE TABLE {TARGET} AS FROM read_parquet('{place.parquet}') LIMIT 0")
        return
    with closing(KINDS[place.family].connect(place.address)) as connection, connection.cursor() as cursor:
        for table in (TARGET, "_osiris_loads", "bench_dlt"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
        like = f"LIKE {SOURCE}" if place.family == "mysql" else f"(LIKE {SOURCE})"
        cursor.execute(f"CREATE TABLE {TARGET} {like}")
        connection.commit()


def compare(family: str, rows: int, names: Sequence[str], rounds: int) -> dict[str, Figures]:
    """Run all in alternation."""
    figures = {name: Figures(CONTESTANTS[name]) for name in names if CONTESTANTS[name].family == family}
    sizes = sorted({min(one.one.at_most or rows, rows) for one in figures.values()}, reverse=True)
    for size in sizes:
        chosen = {name: one for name, one in figures.items() if min(one.one.at_most or rows, rows) == size}
        with opened(family, size) as (server, place):
            for number in range(rounds):
                for name, one in chosen.items():
                    empty_target(place)
                    measure(name, server, place, size, one)
                    sys.stderr.write(f"{family}, round {number + 1}: {name} {one.problem or 'done'}\n")
    return figures


def measure(name: str, server: Server | None, place: Place, rows: int, figures: Figures) -> None:
    """Run one in a process of its own and take its figures."""
    busy = _cpu_seconds(server)
    said = {"address": asdict(place.address if server else NOWHERE), "directory": str(place.directory)}
    command = [sys.executable, "-m", "benchmarks.writers", "--run", name]
    environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false"}
    done = subprocess.run(
        command,
        input=json.dumps(said),
        capture_output=True,
        check=False,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    if done.returncode:
        figures.problem = "failed: " + done.stderr.strip().rpartition("\n")[2][:80]
        return
    result = json.loads(done.stdout.splitlines()[-1])
    figures.rates.append(rows / result["seconds"])
    figures.client.append(result["cpu"])
    figures.server.append(_cpu_seconds(server) - busy)
    figures.peak_mib.append(result["peak_mib"])


def _cpu_seconds(server: Server | None) -> float:
    """Return what a server and the processes that it started have used, whether they have ended or not."""
    if server is None:
        return 0.0
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == server.pid:
            total += sum(map(int, words[11:15]))
        elif int(words[1]) == server.pid:
            total += sum(map(int, words[11:13]))
    return total / TICKS


def tables(rows: int, rounds: int, only: Sequence[str] = ()) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield title and lines of a table for each family."""
    for family, label in (("postgres", "PostgreSQL"), ("mysql", "MariaDB"), ("duckdb", "DuckDB")):
        figures = compare(family, rows, list(only or CONTESTANTS), rounds)
        if figures:
            bare = next(iter(figures.values()))
            yield f"Writing to {label}, {rows:,} rows", [one.line(bare) for one in figures.values()]


def run(name: str) -> None:
    """Be a contestant: told where on standard input, tell the figures on standard output."""
    import pyarrow.parquet  # noqa: F401 - before the clock starts, for everybody

    said = json.load(sys.stdin)
    one = CONTESTANTS[name]
    work = one.prepare(Place(one.family, Address(**said["address"]), Path(said["directory"])))
    began, busy = time.perf_counter(), os.times()
    work()
    seconds, after = time.perf_counter() - began, os.times()
    # What getrusage tells may be the peak of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak = int(status["VmHWM"].split()[0]) / 1024
    json.dump({"seconds": seconds, "cpu": sum(after[:4]) - sum(busy[:4]), "peak_mib": peak}, sys.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers")
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--only", action="append", choices=list(CONTESTANTS), help="default: all; may be given again")
    parser.add_argument("--run", choices=list(CONTESTANTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run)
        return
    for title, lines in tables(options.rows, options.rounds, options.only or ()):
        Console().print(rich_table(title, lines))


def rich_table(title: str, lines: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*HEADS, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines:
        table.add_row(*line, style="bold" if line[0].startswith("osiris") else "")
    return table


if __name__ == "__main__":
    main()
