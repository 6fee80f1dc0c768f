"""What a step costs beside a task that does nothing: ``scripts/bench steps --help``.

A running Airflow with LocalExecutor runs them in turn; needs Airflow in the environment, as the tests do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from tests.servers import Address, PostgresServer
from tests.servers.airflow import AirflowServer

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table
from benchmarks.servers import KINDS

ROWS = 1000
WHAT = {
    "empty": "empty PythonOperator",
    "read": f"OsirisOperator, postgres.extractor, {ROWS:,} rows into staging",
    "write": f"OsirisOperator, postgres.writer, {ROWS:,} rows from staging",
}
HEADS = ("", "start to finish", "more than the empty one", "CPU of the task's process", "more")
PREFACE = """\
Written by `scripts/bench steps --write`: a DAG whose tasks run one after the other, with LocalExecutor, {rounds}
of each kind in alternation. Given is the median: from the start of a task to its end, as Airflow notes them, and what
its process has used, which parses the DAG file too. What it means: so much does a step cost however few rows it moves.
The connection's password has letters and digits; for one with quotes and letters of other alphabets Airflow compiles
two dozen masks, in two processes. In the second table `[osiris] preload` is off, as if another executor started the
processes of tasks: each imports the libraries itself. See [the cost of a step](airflow.md#the-cost-of-a-step).

{machine}

"""
# What a step does before the first row, in a process that has what a worker has; each line imports what is new.
STAGES = {
    "the operator": "import osiris_provider.operators.osiris",
    "the connection, with its family, and the masks of its secret": (
        "from osiris_provider.hooks.base import resolve; resolve('@postgres.db')"
    ),
    "the driver": "from osiris_provider.drivers import get_driver; driver = get_driver('postgres.extractor')",
    "NumPy, without threads of its own": (
        "from osiris_provider.drivers.first_import import import_for; import_for(driver)"
    ),
    "pyarrow": "import pyarrow",
    "pyarrow's Parquet": "import pyarrow.parquet",
    "pyarrow's CSV, of the extractor": "import pyarrow.csv",
    "psycopg2": "import psycopg2",
    "pgpq, of the writer": "import pgpq",
}
PASSWORD = "hR4tY9wQm2LxZk8J"  # noqa: S105 - of a throwaway server
"""As generators make them."""


@contextmanager
def database() -> Iterator[tuple[PostgresServer, Address]]:
    with PostgresServer() as server:
        server.create_database("airflow")
        KINDS["postgres"].build(server.app, "bench", ROWS)
        KINDS["postgres"].build(server.app, "bench_copy", 1)
        admin = replace(server.admin, database=server.app.database)
        with closing(KINDS["postgres"].connect(admin)) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE bench SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
            connection.commit()
        yield server, replace(server.app, user="bench", password=PASSWORD)


def measure(rounds: int, *, preload: bool) -> list[tuple[str, ...]]:
    """Return the lines of the table.

    :param rounds: tasks of each kind.
    :param preload: whether the scheduler imports the libraries.
    """
    with tempfile.TemporaryDirectory(prefix="osiris-steps-") as name, database() as (server, address):
        directory = Path(name)
        connections(directory, address)
        settings = {
            "OSIRIS_HOME": name,
            "STEPS_ROUNDS": str(rounds),
            "STEPS_FILE": str(directory / "steps.jsonl"),
            "AIRFLOW__OSIRIS__STAGING_URL": (directory / "staging").as_uri(),
            "AIRFLOW__OSIRIS__PRELOAD": str(preload),
        }
        dags = Path(__file__).with_name("dags")
        with AirflowServer(server.app_on("airflow"), dags, settings) as airflow:
            rest = airflow.rest()
            run = rest.trigger("steps")
            state = rest.finished("steps", run, 60 + 30 * rounds)
            tasks = rest.get(f"/dags/steps/dagRuns/{run}/taskInstances", limit=1000)["task_instances"]
            if state != "success":
                raise SystemExit(airflow.log_tails())
        lines = (directory / "steps.jsonl").read_text().splitlines()
    cpu = {line["task"]: line["cpu"] for line in map(json.loads, lines)}
    wall = {one["task_id"]: _seconds(one["start_date"], one["end_date"]) for one in tasks}
    return [_line(kind, wall, cpu) for kind in WHAT]


def _seconds(start: str, end: str) -> float:
    one, other = (datetime.fromisoformat(moment.replace("Z", "+00:00")) for moment in (start, end))
    return (other - one).total_seconds()


def _line(kind: str, wall: dict[str, float], cpu: dict[str, float]) -> tuple[str, ...]:
    cells = [WHAT[kind]]
    for figures in (wall, cpu):
        # The first of each kind finds nothing in the file system's cache.
        own, empty = (statistics.median(_of(figures, name)) for name in (kind, "empty"))
        cells += [f"{1000 * own:.0f} ms", "" if kind == "empty" else f"{1000 * (own - empty):+.0f} ms"]
    return tuple(cells)


def _of(figures: dict[str, float], kind: str) -> list[float]:
    return [seconds for task, seconds in figures.items() if task.startswith(f"{kind}_") and task != f"{kind}_0"]


def connections(directory: Path, address: Address) -> None:
    file = directory / "osiris_connections.yaml"
    file.write_text(json.dumps({"version": 1, "connections": {"postgres": {"db": asdict(address)}}}))
    file.chmod(0o600)


def stages(rounds: int) -> list[tuple[str, ...]]:
    """Return where the time goes before the first row: CPU time of each part, in a process of its own."""
    # A task's process is forked, and what its parent had is not looked through for garbage.
    code = (
        "import gc, json, time, airflow.sdk.execution_time.task_runner, airflow.providers.standard.operators.python\n"
    )
    code += "gc.freeze()\nbegan = time.process_time()\nfound = []\n"
    for stage in STAGES.values():
        code += f"{stage}\nfound.append(time.process_time() - began); began = time.process_time()\n"
    code += "print(json.dumps(found))\n"
    measured: list[list[float]] = []
    with tempfile.TemporaryDirectory(prefix="osiris-steps-") as name:
        connections(Path(name), Address("127.0.0.1", 5432, "bench", PASSWORD, "app"))
        environment = {"OSIRIS_HOME": name, "AIRFLOW_HOME": name, "PATH": "/usr/bin:/bin"}
        for _ in range(rounds + 1):
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment, cwd=name)
            measured.append(json.loads(done.stdout.splitlines()[-1]))
    medians = [statistics.median(values) for values in zip(*measured[1:], strict=True)]
    return [(name, f"{1000 * value:.0f} ms") for name, value in zip(STAGES, medians, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench steps", description="What a step costs.")
    parser.add_argument("--rounds", type=int, default=10, help="tasks of each kind; default: 10")
    parser.add_argument("--stages", action="store_true", help="only where the time goes before the first row")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    parts = []
    if not options.stages:
        parts.append(markdown_table("A step", HEADS, measure(options.rounds, preload=True)))
        alone = measure(options.rounds, preload=False)
        parts.append(markdown_table("A step that imports its libraries itself", HEADS, alone))
    parts.append(markdown_table("Where the time goes before the first row", ("", "CPU"), stages(options.rounds)))
    sys.stdout.write("\n".join(parts))
    if options.write:
        put("Steps", PREFACE.format(rounds=options.rounds, machine=machine_and_versions()) + "\n".join(parts))


if __name__ == "__main__":
    main()
