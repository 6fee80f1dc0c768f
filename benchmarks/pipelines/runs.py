"""What ``osiris pipelines run`` takes for 8 steps: ``python -m benchmarks.pipelines.runs --help``.

Starting Python and importing libraries is counted: each run is the command in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from tests.servers import Address, MySQLServer, PostgresServer

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.servers import KINDS

SIZES = (100_000, 10_000_000)
ROUNDS = 5
HEADS = ("rows", "time", "CPU", "peak RSS")
PREFACE = """\
Written by `python -m benchmarks.pipelines.runs --write`: MySQL and PostgreSQL are read, three queries of DuckDB join,
group and filter the rows, and the results are written to PostgreSQL, MySQL and a DuckDB file, all by one
`osiris pipelines run` with the servers on the same machine. Time and CPU, without the servers', are medians of {rounds}
runs (one for the largest), from the start of the command to its end; the memory is the most that the process held.
What it means: a laptop runs it, and memory does not grow with the rows.

{machine}

"""
PIPELINE = """\
steps:
  - {id: orders, driver: mysql.extractor, config: {connection: "@mysql.shop", table: orders}}
  - {id: countries, driver: postgres.extractor, config: {connection: "@postgres.reports", table: countries}}
  - {id: named, driver: duckdb.processor, inputs: [orders, countries],
     config: {query: "SELECT o.*, c.name FROM orders AS o JOIN countries AS c USING (country)"}}
  - {id: by_country, driver: duckdb.processor, inputs: [named],
     config: {query: "SELECT name, count(*) AS orders, sum(price) AS total FROM named GROUP BY name"}}
  - {id: dear, driver: duckdb.processor, inputs: [named],
     config: {query: "SELECT id, price FROM named WHERE price > 500"}}
  - {id: store, driver: postgres.writer, inputs: [by_country],
     config: {connection: "@postgres.reports", table: by_country, write_mode: replace, create_if_missing: true}}
  - {id: store_back, driver: mysql.writer, inputs: [dear],
     config: {connection: "@mysql.shop", table: dear, write_mode: replace, create_if_missing: true}}
  - {id: keep, driver: duckdb.writer, inputs: [named],
     config: {connection: "@duckdb.shop", table: named, write_mode: replace}}
"""
ORDERS = """
    CREATE TABLE orders (id int NOT NULL, country char(2), price int)
    SELECT seq AS id, elt(1 + seq % 3, 'CZ', 'SK', 'PL') AS country, seq % 1000 AS price
    FROM JSON_TABLE(CONCAT('[0', REPEAT(',0', {rows} - 1), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers
"""
COUNTRIES = """
    CREATE TABLE countries AS SELECT * FROM (VALUES ('CZ', 'Czechia'), ('SK', 'Slovakia'), ('PL', 'Poland'))
        AS listed (country, name)
"""


def write_folder(folder: Path, mysql: Address, postgres: Address) -> None:
    """Write the pipeline and its connections."""
    families = {
        "mysql": {"shop": asdict(mysql)},
        "postgres": {"reports": asdict(postgres)},
        "duckdb": {"shop": {"path": str(folder / "shop.duckdb")}},
    }
    file = folder / "osiris_connections.yaml"
    file.write_text(json.dumps({"version": 1, "connections": families}))
    file.chmod(0o600)
    (folder / "orders.yaml").write_text(PIPELINE)


def fill(mysql: Address, rows: int) -> None:
    """Build the table of orders."""
    with closing(KINDS["mysql"].connect(mysql)) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS orders")
        cursor.execute(ORDERS.format(rows=rows))
        connection.commit()


def run(folder: Path) -> tuple[float, float, float]:
    """Run the command; return its seconds, its seconds of CPU, and the most memory that it held in MiB."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OSIRIS"))}
    # Modules are compiled once, as they are where a package is installed.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update(OSIRIS_HOME=str(folder), HOME=str(folder), PYTHONPYCACHEPREFIX=str(folder / "compiled"))
    command = [sys.executable, "-m", "osiris_provider", "pipelines", "run", str(folder / "orders.yaml")]
    began = time.perf_counter()
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        if status:
            raise SystemExit((folder / "said").read_text())
    sys.stderr.write((folder / "said").read_text())
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def lines(sizes: tuple[int, ...]) -> list[tuple[str, ...]]:
    """Return the lines of the table."""
    measured: list[tuple[str, ...]] = []
    with (
        tempfile.TemporaryDirectory(prefix="osiris-bench-") as name,
        MySQLServer(["--local-infile=ON", "--max-allowed-packet=64M"]) as mysql,
        PostgresServer() as postgres,
    ):
        folder = Path(name)
        # The application's password holds letters that PyMySQL cannot send.
        source, target = (replace(server.admin, database=server.app.database) for server in (mysql, postgres))
        write_folder(folder, source, target)
        with closing(KINDS["postgres"].connect(target)) as connection, connection.cursor() as cursor:
            cursor.execute(COUNTRIES)
            connection.commit()
        fill(source, 10)
        run(folder)
        for rows in sizes:
            fill(source, rows)
            figures = [run(folder) for _ in range(1 if rows > SIZES[0] else ROUNDS)]
            seconds, cpu, peak = zip(*figures, strict=True)
            measured.append((f"{rows:,}", f"{median(seconds):.1f} s", f"{median(cpu):.1f} s", f"{max(peak):.0f} MiB"))
            sys.stderr.write(f"{measured[-1]}\n")
    return measured


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines.runs", description="What a run costs.")
    parser.add_argument("--rows", type=int, action="append", help=f"default: {SIZES}; may be given again")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    table = markdown_table("Eight steps", HEADS, lines(tuple(options.rows or SIZES)))
    sys.stdout.write(table)
    if options.write:
        put("Runs of pipelines", PREFACE.format(rounds=ROUNDS, machine=machine_and_versions()) + table)


if __name__ == "__main__":
    main()
