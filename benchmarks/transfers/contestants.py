"""Those who bring a table from one database into another: each is a command of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.servers import Address

from benchmarks.servers import KINDS
from benchmarks.transfers.airflow_tasks import PIPELINE, Tasks, Usage
from benchmarks.urls import DRIVERS, url_of

TABLE = "bench"
TARGET = "bench_copy"


@dataclass(frozen=True)
class Way:
    """From where to where.

    :param address: of the source.
    :param target: of the target, if it is a server.
    :param directory: to work in.
    :param tasks: of a running Airflow.
    """

    source: str
    family: str
    address: Address
    target: Address | None
    directory: Path
    tasks: Tasks

    @property
    def title(self) -> str:
        return f"{KINDS[self.source].label} → {'PostgreSQL' if self.target else 'DuckDB'}"

    @property
    def target_family(self) -> str:
        return "postgres" if self.target else "duckdb"

    @property
    def duckdb(self) -> str:
        """Path of the target, where it is no server."""
        return str(self.directory / "target.duckdb")

    def source_url(self, scheme: str) -> str:
        return url_of(scheme, self.address)

    def target_url(self, scheme: str = "postgresql") -> str:
        return url_of(scheme, self.target) if self.target else f"duckdb:///{self.duckdb}"


Command = tuple[Sequence[str], Mapping[str, str]]
"""Arguments and further variables."""


def osiris(way: Way) -> Command:
    prepare(way)
    program = str(Path(sys.executable).with_name("osiris"))
    return [program, "pipelines", "run", str(way.directory / PIPELINE)], {"OSIRIS_HOME": str(way.directory)}


def unstaged(way: Way) -> Command:
    prepare(way)
    code = (
        "import sys, json; from osiris_provider import resolve_connection, get_driver\n"
        "class Context:\n"
        "    load_id = None\n"
        "    def log_metric(self, *a, **k): pass\n"
        "def run(step, driver, config, inputs):\n"
        "    config = {**config, 'resolved_connection': resolve_connection(config['connection'])}\n"
        "    return get_driver(driver).run(step_id=step, config=config, inputs=inputs, ctx=Context())\n"
        "one, other = json.loads(sys.argv[1])\n"
        "run('write', *other, {'read': run('read', *one, {})})\n"
    )
    steps = [(step["driver"], step["config"]) for step in pipeline(way)["steps"]]
    return [sys.executable, "-c", code, json.dumps(steps)], {"OSIRIS_HOME": str(way.directory)}


def as_tasks(way: Way) -> Usage:
    prepare(way)
    return way.tasks.run()


def pipeline(way: Way) -> dict[str, list[dict[str, Any]]]:
    target = way.target_family
    read = {"connection": f"@{way.family}.source", "table": TABLE}
    write = {"connection": f"@{target}.target", "table": TARGET, "create_if_missing": True}
    return {
        "steps": [
            {"id": "read", "driver": f"{way.family}.extractor", "config": read},
            {"id": "write", "driver": f"{target}.writer", "inputs": ["read"], "config": write},
        ]
    }


def prepare(way: Way) -> None:
    """Write the pipeline and its connections; JSON is YAML."""
    target = (
        {"postgres": {"target": asdict(way.target)}} if way.target else {"duckdb": {"target": {"path": way.duckdb}}}
    )
    families = {way.family: {"source": asdict(way.address)}, **{k: v for k, v in target.items() if k != way.family}}
    if way.family in target:
        families[way.family] |= target[way.family]
    connections = way.directory / "osiris_connections.yaml"
    connections.write_text(json.dumps({"version": 1, "connections": families}))
    connections.chmod(0o600)
    (way.directory / PIPELINE).write_text(json.dumps(pipeline(way)))


def pgloader(way: Way) -> Command:
    script = way.directory / "copy.load"
    script.write_text(
        f"LOAD DATABASE FROM {way.source_url('mysql')} INTO {way.target_url()}\n"
        f"WITH include drop, create tables, no foreign keys, create no indexes\n"
        f"INCLUDING ONLY TABLE NAMES MATCHING '{TABLE}'\n"
        f"ALTER SCHEMA '{way.address.database}' RENAME TO 'public'\n"
        f"ALTER TABLE NAMES MATCHING '{TABLE}' RENAME TO '{TARGET}';\n"
    )
    return [path_of("pgloader"), "--quiet", str(script)], {}


def sling(way: Way) -> Command:
    source = way.source_url("mysql") if way.family == "mysql" else f"{way.source_url('postgresql')}?sslmode=disable"
    words = ["run", "--src-conn", source, "--src-stream", f"SELECT * FROM {TABLE}"]
    target = f"{way.target_url()}?sslmode=disable" if way.target else f"duckdb://{way.duckdb}?copy_method=csv_files"
    words += ["--tgt-conn", target, "--tgt-object", f"{'public' if way.target else 'main'}.{TARGET}"]
    variables = {"SLING_DISABLE_TELEMETRY": "true"}
    if not way.target:
        # Else it fetches the program, and its extensions, from the net.
        variables |= {"DUCKDB_PATH": path_of("duckdb"), "DUCKDB_USE_INSTALLED_EXTENSIONS": "true"}
    return [sling_program(), *words, "--mode", "full-refresh"], variables


def sling_program() -> str:
    """Return the path of the program in its own package; the command of PyPI's ``sling`` would fetch one."""
    spec = find_spec("sling_linux_amd64")
    if spec is None or spec.origin is None:
        return path_of("sling")
    return str(Path(spec.origin).parent / "bin" / "sling-linux-amd64")


def ingestr(way: Way) -> Command:
    words = ["ingest", "--yes", "--source-uri", way.source_url(DRIVERS[way.family]), "--dest-uri", way.target_url()]
    schema = way.address.database if way.family == "mysql" else "public"
    words += ["--source-table", f"{schema}.{TABLE}", "--dest-table", f"{'public' if way.target else 'main'}.{TARGET}"]
    return [path_of("ingestr"), *words], {"DISABLE_TELEMETRY": "true"}


def dlt(way: Way) -> Command:
    code = (
        "import dlt, sys, sqlalchemy; from dlt.sources.sql_database import sql_table\n"
        "def doubles(source):\n"
        "    for column in source.columns:\n"
        "        if isinstance(column.type, sqlalchemy.Double):\n"
        "            column.type = sqlalchemy.Double(asdecimal=False)\n"
        "to = sys.argv[2]\n"
        "to = dlt.destinations.duckdb(to[10:]) if to.startswith('duckdb') else dlt.destinations.postgres(to)\n"
        "pipeline = dlt.pipeline('bench', pipelines_dir=sys.argv[3], destination=to, dataset_name='bench_dlt')\n"
        "rows = sql_table(credentials=sys.argv[1], table='bench', backend='pyarrow', chunk_size=100_000,\n"
        "                 table_adapter_callback=doubles)\n"
        "pipeline.run(rows, table_name='bench_copy', write_disposition='replace')\n"
    )
    pipelines = way.directory / "dlt"
    # From the last round it would know that its table is there, which has been dropped.
    shutil.rmtree(pipelines, ignore_errors=True)
    words = [way.source_url(DRIVERS[way.family]), way.target_url(), str(pipelines)]
    return [sys.executable, "-c", code, *words], {"RUNTIME__DLTHUB_TELEMETRY": "false"}


def path_of(program: str) -> str:
    """Return the path of a peer's program.

    :raises FileNotFoundError: it is not installed.
    """
    here = Path(sys.executable).parent
    path = shutil.which(program, path=f"{here}:{here.parent / 'peers' / 'bin'}:{os.environ['PATH']}")
    if path is None:
        raise FileNotFoundError(program)
    return path
