"""The files that a new folder of pipelines begins with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from osiris_provider.connections.reader import FILE_NAME
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.settings import find_file
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError, OsirisError, PipelineConfigError
from osiris_provider.pipelines.schema import pipeline_schema

REFERENCE = "@duckdb.reports"
"""The connection that the pipeline writes to."""
SCHEMA = "pipeline.schema.json"
PIPELINE = """\
# yaml-language-server: $schema=../pipeline.schema.json
# The file's name is the DAG's id. Run it: osiris pipelines run pipelines/orders.yaml
schedule: "@daily"
start_date: 2026-01-01
params:
  least: {type: integer, default: 100, description: Orders below this price are left out}
steps:
  - id: orders
    driver: duckdb.processor
    config:
      # In your own pipeline: an extractor, such as mysql.extractor with a connection and a table.
      query: |
        SELECT * FROM (VALUES (1, 'CZ', 120), (2, 'SK', 80), (3, 'CZ', 200), (4, 'PL', 150))
          AS orders (id, country, price)
  - id: by_country
    driver: duckdb.processor
    inputs: [orders]
    config: {query: by_country.sql, params: ["${params.least}"]}
  - id: store
    driver: duckdb.writer
    inputs: [by_country]
    config: {connection: "@duckdb.reports", table: by_country, write_mode: replace}
"""
SQL = """\
SELECT country, count(*) AS orders, sum(price) AS total
FROM orders
WHERE price >= ?
GROUP BY country
ORDER BY country
"""
LOADER = '''\
"""Every pipeline of the folder beside this file as a DAG."""

from osiris_provider.airflow_dags import load_dags

load_dags("pipelines/", globals())
'''


def write_starter(folder: Path) -> tuple[list[Path], str]:
    """Write a pipeline, its SQL, the loader, the schema and, where there is none, a connections file.

    The connections file is in the working directory, where it is found.

    :param folder: Airflow's DAGs folder, or an empty one.
    :return: what was written, and what a connections file that was there already still needs; empty if that is nothing.
    :raises PipelineConfigError: one of the files is there already, or cannot be written; then nothing is.
    """
    family = {"duckdb": {"reports": {"path": str(folder.absolute() / "reports.duckdb")}}}
    files = {
        folder / "pipelines" / "orders.yaml": PIPELINE,
        folder / "pipelines" / "by_country.sql": SQL,
        folder / "load_pipelines.py": LOADER,
        folder / SCHEMA: json.dumps(pipeline_schema(), indent=1) + "\n",
    }
    taken = [path for path in files if os.path.lexists(path)]
    problem = f"{taken[0]} is there already; name another folder, or remove it" if taken else ""
    if not _has_connections():
        files[Path(FILE_NAME)] = f"version: 1\n{_yaml({'connections': family}, flow=False)}"
    if not problem:
        try:
            _write_all(files)
            return list(files), _missing(family)
        except OSError as error:
            problem = f"{folder} cannot be written to: {error.strerror}"
    raise PipelineConfigError(f"{problem}.", file=str(folder))  # noqa: EM102 - two beginnings, one end


def _write_all(files: Mapping[Path, str]) -> None:
    """Write new files, or none of them, whatever comes between."""
    with ExitStack() as undo:
        for path, text in files.items():
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir()
                undo.callback(folder.rmdir)
            with path.open("x", encoding="utf-8") as file:
                undo.callback(path.unlink)
                file.write(text)
        undo.pop_all()


def _has_connections() -> bool:
    try:
        find_file()
    except ConnectionNotFoundError:
        return False
    except ConnectionConfigError:
        # There is one, with which something is wrong.
        return True
    return True


def _missing(family: Mapping[str, Any]) -> str:
    """Return what to add to the connections file, so that the pipeline finds its connection."""
    try:
        resolve_connection(REFERENCE)
    except ConnectionNotFoundError as error:
        return f"{error} Add it there, below connections: {_yaml(family, flow=True).strip()[1:-1]}"
    except OsirisError as error:
        return str(error)
    return ""


def _yaml(value: Mapping[str, Any], *, flow: bool) -> str:
    import yaml

    # A path stays in one line, in its own letters.
    return str(yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, width=10_000))
