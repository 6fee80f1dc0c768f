"""Two hundred pipelines, three of them broken, in a real DAG processor with Airflow's own intervals."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline_files import ORDERS, write_pipeline

LOADER = "from osiris_provider.airflow_dags import load_dags\n\nload_dags('pipelines/', globals())\n"
BROKEN = {
    "p010": (ORDERS.replace("owner", "ower"), "pipelines/p010.yaml:2: key ower is unknown"),
    "p100": (ORDERS.replace("table: orders", "tabel: orders"), "pipelines/p100.yaml:6: orders: config field tabel"),
    "p199": (ORDERS.replace("steps:", "steps: ["), "pipelines/p199.yaml:"),
}
MAX_FOR_ERRORS = 35.0
MAX_FOR_FIX = 360.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    pipelines = tmp_path / "dags" / "pipelines"
    pipelines.mkdir(parents=True)
    (tmp_path / "dags" / "load.py").write_text(LOADER)
    for number in range(200):
        name = f"p{number:03}"
        write_pipeline(pipelines, BROKEN.get(name, (ORDERS, ""))[0], name=f"{name}.yaml")
    return tmp_path


@pytest.fixture
def processor(home: Path) -> Iterator[None]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OSIRIS"))}
    environment.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(home / "dags"),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        PATH=f"{Path(sys.executable).parent}:{environment['PATH']}",
    )
    command = [sys.executable, "-m", "airflow"]
    subprocess.run([*command, "db", "migrate"], env=environment, check=True, capture_output=True)
    with (home / "processor.log").open("wb") as output:
        process = subprocess.Popen(
            [*command, "dag-processor"], env=environment, stdout=output, stderr=output, start_new_session=True
        )
    yield
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


def asked(home: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True, timeout=30)) as database:
        return database.execute(query).fetchall()


def waited(what: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds
        time.sleep(0.5)
    return time.monotonic() - began


def active(home: Path) -> int:
    return int(asked(home, "SELECT count(*) FROM dag WHERE NOT is_stale")[0][0])


@pytest.mark.usefixtures("processor")
def test_three_broken_pipelines_take_no_other_down(home: Path) -> None:
    active_after = waited(lambda: active(home) == 197, MAX_FOR_ERRORS)
    waited(lambda: len(asked(home, "SELECT 1 FROM import_error")) == 3, MAX_FOR_ERRORS - active_after)
    errors = dict(asked(home, "SELECT filename, stacktrace FROM import_error"))
    assert sorted(errors) == [f"pipelines/{name}.yaml" for name in sorted(BROKEN)]
    for name, (_, expected) in BROKEN.items():
        assert expected in errors[f"pipelines/{name}.yaml"]
    for name in BROKEN:
        write_pipeline(home / "dags" / "pipelines", name=f"{name}.yaml")
    took = waited(lambda: active(home) == 200 and not asked(home, "SELECT 1 FROM import_error"), MAX_FOR_FIX)
    versions = asked(home, "SELECT dag_id, count(*) FROM dag_version GROUP BY dag_id HAVING count(*) > 1")
    assert versions == []
    sys.stdout.write(f"errors were gone {took:.0f} s after the fix\n")
