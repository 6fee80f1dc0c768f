"""What 200 pipelines of 8 steps cost while DAG files are parsed: ``python -m benchmarks.pipelines.parsing --help``.

CPU time, so that other work of the machine counts as little as possible. Needs Airflow, no server. The DAG processor
and a worker parse a file in a child that begins as a fork of a process which has Airflow, and nothing of this package,
in memory: so do the children here, and what they import is counted.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.document import put
from benchmarks.machine import machine_and_versions, markdown_table

PIPELINES = 200
ROUNDS = 5
TEXT = """\
steps:
  - {id: orders, driver: mysql.extractor, config: {connection: "@mysql.shop", table: orders}}
  - {id: countries, driver: postgres.extractor, config: {connection: "@postgres.reports", table: countries}}
  - {id: named, driver: duckdb.processor, inputs: [orders, countries], config: {query: named.sql}}
  - {id: by_country, driver: duckdb.processor, inputs: [named], config: {query: "SELECT name, count(*) FROM named"}}
  - {id: dear, driver: duckdb.processor, inputs: [named], config: {query: "FROM named WHERE price > {{ ds_nodash }}"}}
  - {id: store, driver: postgres.writer, inputs: [by_country], config: {connection: "@postgres.reports", table: a}}
  - {id: back, driver: mysql.writer, inputs: [dear], config: {connection: "@mysql.shop", table: dear}}
  - {id: keep, driver: duckdb.writer, inputs: [named], config: {connection: "@duckdb.shop", table: named}}
"""
LOADER = "from osiris_provider.airflow_dags import load_dags\n\nload_dags('pipelines/', globals())\n"
PREFACE = """\
Written by `python -m benchmarks.pipelines.parsing --write`: CPU time for {pipelines} pipelines of 8 steps that read
from MySQL and PostgreSQL and write to both and to DuckDB. Medians of {rounds} rounds. What it means: a folder of
hundreds of pipelines is parsed in a second or two of each 30.

{machine}

"""


def write_folder(folder: Path, number: int) -> Path:
    """Write a loader and its pipelines; return the loader's path."""
    pipelines = folder / f"with_{number}" / "pipelines"
    pipelines.mkdir(parents=True)
    query = "SELECT o.*, c.name FROM orders AS o JOIN countries AS c USING (country)\n"
    (pipelines / "named.sql").write_text(query)
    for at in range(number):
        (pipelines / f"p{at:03}.yaml").write_text(TEXT)
    loader = pipelines.parent / "load.py"
    loader.write_text(LOADER)
    return loader


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU time of some work in milliseconds."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def in_process(loader: Path) -> dict[str, float]:
    """Return milliseconds a pipeline in a process that has imported everything."""
    from osiris_provider.airflow_dags import load_dags
    from osiris_provider.pipelines.pipeline import load_pipeline

    files = sorted((loader.parent / "pipelines").glob("*.yaml"))
    load_dags("pipelines/", {"__file__": str(loader)})
    # As Airflow's DAG processor does before it begins: what is there already is not looked through for garbage again.
    gc.collect()
    gc.freeze()
    checked = [cpu_of(lambda: [load_pipeline(file) for file in files]) for _ in range(ROUNDS)]
    built = [cpu_of(lambda: load_dags("pipelines/", {"__file__": str(loader)})) for _ in range(ROUNDS)]
    return {"checked": median(checked) / len(files), "built": median(built) / len(files)}


def in_children(work: Callable[[], object]) -> float:
    """Return the CPU time of a child that does some work, in milliseconds."""
    gc.freeze()
    figures = []
    for _ in range(ROUNDS):
        child = os.fork()
        if not child:
            work()
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        if status:
            raise SystemExit(status)
        figures.append((usage.ru_utime + usage.ru_stime) * 1000)
    return median(figures)


def processed(loader: Path) -> float:
    """Return milliseconds of the DAG processor's child for a file."""
    import structlog
    from airflow.dag_processing import manager, processor  # noqa: F401 - the processor's parent has both

    request = processor.DagFileParseRequest(file=str(loader), bundle_path=loader.parent, bundle_name="bench")
    log = structlog.get_logger()

    def parse() -> None:
        result = processor._parse_file(request, log)  # noqa: SLF001 - what the child runs
        if result is None or result.import_errors:
            os._exit(1)
        result.model_dump_json()

    return in_children(parse)


def on_worker(loader: Path) -> float:
    """Return milliseconds of a task's process for the file, until it has its DAG."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.sdk.execution_time import task_runner  # noqa: F401 - the task's process has it

    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "p000"

    def parse() -> None:
        bag = BundleDagBag(dag_folder=str(loader), bundle_path=loader.parent, bundle_name="bench", load_op_links=False)
        if list(bag.dags) != ["p000"]:
            os._exit(1)

    return in_children(parse)


WAYS: dict[str, Callable[[Path], Any]] = {"in": in_process, "processor": processed, "worker": on_worker}


def measured(way: str, loader: Path) -> Any:
    """Return the result of a way to measure, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.pipelines.parsing", "--one", way, str(loader)]
    others = ("AIRFLOW", "OSIRIS", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    # Modules are compiled once, as they are where a package is installed.
    environment.update(AIRFLOW_HOME=str(loader.parent), PYTHONPYCACHEPREFIX=str(loader.parent.parent / "compiled"))
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def lines() -> list[tuple[str, ...]]:
    """Return the lines of the table."""
    with tempfile.TemporaryDirectory(prefix="osiris-bench-") as name:
        one, every = (write_folder(Path(name), number) for number in (1, PIPELINES))
        here = measured("in", every)
        alone, all_of_them = (measured("processor", loader) for loader in (one, every))
        task_alone, task = (measured("worker", loader) for loader in (one, every))
    return [
        ("YAML read and checked", f"{here['checked']:.1f} ms each"),
        ("the same, and made a DAG", f"{here['built']:.1f} ms each"),
        (
            "all in the DAG processor, with imports and Airflow's serialization",
            f"{all_of_them / PIPELINES:.1f} ms each",
        ),
        ("the same for a folder of one", f"{alone:.0f} ms"),
        (f"a task's process until it has its DAG, with imports, one among {PIPELINES}", f"{task:.0f} ms"),
        ("the same for a folder of one", f"{task_alone:.0f} ms"),
    ]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipelines.parsing", description="What parsing costs.")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "LOADER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, loader = options.one
        sys.stdout.write("\n" + json.dumps(WAYS[way](Path(loader))) + "\n")
        return
    table = markdown_table("Parsing", ("", "CPU"), lines())
    sys.stdout.write(table)
    if options.write:
        put("Pipelines", PREFACE.format(pipelines=PIPELINES, rounds=ROUNDS, machine=machine_and_versions()) + table)


if __name__ == "__main__":
    main()
