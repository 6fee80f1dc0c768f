"""What the processes that parse pipelines import, open and read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.pipeline_files import write_pipeline

LOADER = "from osiris_provider.airflow_dags import load_dags\n\nload_dags('pipelines/', globals())\n"
CANARY = "c4n4ry-p4ssword"


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A DAGs folder with a loader and a folder of pipelines."""
    folder = tmp_path / "dags"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "load.py").write_text(LOADER)
    return folder


WATCHED = """
import sys
from airflow.sdk import DAG, Asset, BaseOperator, ObjectStoragePath, Param, TaskGroup
from osiris_provider.airflow_dags import load_dags
before, seen, opened = set(sys.modules), [], 0
def watch(event, args):
    global opened
    if event.startswith("socket."):
        seen.append(event)
    if event == "open":
        opened += str(args[0]).endswith(".yaml")
        if str(args[0]).endswith("osiris_connections.yaml"):
            seen.append("connections")
sys.addaudithook(watch)
space = {"__file__": LOADER}
load_dags("pipelines", space)
heavy = {"pyarrow", "duckdb", "numpy", "pymysql", "psycopg2", "requests", "pandas", "polars", "boto3", "urllib3"}
print(seen, sorted(heavy & (set(sys.modules) - before)), len(space) - 1, opened)
"""
"""Makes DAGs; prints what it asked of the network and of connections, what it imported, and how many DAGs there are."""


def test_two_hundred_pipelines_open_no_socket_read_no_secret_and_import_nothing_heavy(dags: Path) -> None:
    for number in range(200):
        write_pipeline(dags / "pipelines", name=f"p{number:03}.yaml")
    home = dags.parent
    for folder in (home, dags, dags / "pipelines"):
        (folder / "osiris_connections.yaml").write_text("connections: {mysql: {shop: {password: ${CANARY}}}}\n")
    own = {**os.environ, "OSIRIS_HOME": str(home), "AIRFLOW_HOME": str(home), "CANARY": CANARY}
    program = WATCHED.replace("LOADER", repr(str(dags / "load.py")))
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home, env=own)
    assert done.stdout.splitlines()[-1:] == ["[] [] 200 200"], done.stderr


OF_A_TASK = """
import sys
from osiris_provider.airflow_dags import load_dags
space = {"__file__": LOADER}
load_dags("pipelines", space)
from osiris_provider.drivers.sql.config import QueryConfig, TableConfig, WriteConfig
from osiris_provider.pipelines.model import OmlPipelineModel, OmlStepModel
models = (QueryConfig, TableConfig, WriteConfig, OmlPipelineModel, OmlStepModel)
root = "osiris_provider.drivers."
print(len(space) - 1, [model.__name__ for model in models if model.__pydantic_complete__])
print(*(name.removeprefix(root) for name in sys.modules if name.startswith(root)))
"""
"""Makes a DAG; prints how many there are, which models were built for nothing, and what was imported of drivers."""


def test_on_a_worker_the_drivers_of_other_steps_are_imported_no_further_than_their_configs(dags: Path) -> None:
    families = {"mysql": "@mysql.shop", "postgres": "@postgres.shop", "duckdb": "@duckdb.shop"}
    steps = "".join(
        f"  - {{id: from_{name}, driver: {name}.extractor, config: {{connection: '{reference}', table: t}}}}\n"
        f"  - {{id: to_{name}, driver: {name}.writer, config: {{connection: '{reference}', table: u}}}}\n"
        for name, reference in families.items()
    )
    for name in ("one", "two"):
        (dags / "pipelines" / f"{name}.yaml").write_text(f"steps:\n{steps}")
    own = {**os.environ, "AIRFLOW_HOME": str(dags.parent), "_AIRFLOW_PARSING_CONTEXT_DAG_ID": "two"}
    command = [sys.executable, "-W", "ignore", "-c", OF_A_TASK.replace("LOADER", repr(str(dags / "load.py")))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=dags.parent, env=own)
    assert done.stdout.splitlines()[-2:-1] == ["1 []"], done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {f"{name}.{kind}" for name in families for kind in ("extractor", "writer")} < loaded
    of_drivers = {name for name in loaded if name.split(".")[0] in {*families, "sql"} and "." in name}
    needed = {f"{name}.{kind}" for name in families for kind in ("config", "extractor", "names", "writer")}
    needed |= {f"sql.{name}" for name in ("base", "config", "incremental", "values", "values.special_values", "writer")}
    assert of_drivers - needed - {"duckdb.inputs", "duckdb.types"} == set()
