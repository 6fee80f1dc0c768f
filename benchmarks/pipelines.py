"""What 200 pipelines of 8 steps cost while DAG files are parsed: python -m benchmarks.pipelines.

CPU time of one process, so that other work of the machine counts as little as possible. Needs Airflow, no server.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from osiris_provider.airflow_dags import load_dags
from osiris_provider.pipelines.pipeline import load_pipeline

PIPELINES = 200
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


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "named.sql").write_text("SELECT o.*, c.name FROM orders AS o JOIN countries AS c USING (country)\n")
        files = [folder / f"p{number:03}.yaml" for number in range(PIPELINES)]
        for file in files:
            file.write_text(TEXT)
        load_pipeline(files[0])
        names: dict[str, Any] = {"__file__": str(folder / "load.py")}
        report("read and checked", lambda: [load_pipeline(file) for file in files], PIPELINES)
        report("the same and made DAGs", lambda: load_dags(folder, names), PIPELINES)
        dags = [dag for dag in names.values() if isinstance(dag, DAG)]
        report("serialized by Airflow", lambda: [DagSerialization.to_dict(dag) for dag in dags], PIPELINES)
        os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "p100"
        report("the one of a task, on a worker", lambda: load_dags(folder, {"__file__": names["__file__"]}), 1)


def report(what: str, work: Callable[[], object], number: int) -> None:
    """Do some work and print how long it took.

    :param what: was done.
    :param work: the work.
    :param number: of things that it was done to.
    """
    began = time.process_time()
    work()
    print(f"{what:<32} {(time.process_time() - began) / number * 1000:8.2f} ms each")  # noqa: T201 - the report


if __name__ == "__main__":
    main()
