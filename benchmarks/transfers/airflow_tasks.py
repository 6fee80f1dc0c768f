"""A pipeline as tasks of a running Airflow with LocalExecutor, for ``scripts/bench transfers``.

The peers' requirements clash with Airflow's, so that Airflow runs in the environment of the tests: :class:`Tasks`
starts this module there, writes a line to it for each run, and reads a line of figures.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "bin" / "python"
NOTES = "notes.jsonl"
PIPELINE = "copy.yaml"
LONGEST_RUN = 1200.0
"""Seconds."""


@dataclass(frozen=True)
class Usage:
    """What a run took.

    :param seconds: from its start to its end.
    :param cpu: seconds, of the client's processes.
    :param peak_mib: the most that one of them held.
    :param problem: why there are no figures.
    """

    seconds: float = 0.0
    cpu: float = 0.0
    peak_mib: float = 0.0
    problem: str = ""


class Tasks:
    """Runs the pipeline of a directory as tasks; Airflow is started when the first run is asked for.

    :param directory: with the pipeline and its connections.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None

    def run(self) -> Usage:
        """Run the tasks once.

        :raises FileNotFoundError: Airflow is not installed.
        """
        if not PYTHON.exists():
            message = "Airflow in .venv (scripts/test makes it)"
            raise FileNotFoundError(message)
        if self._process is None:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", "benchmarks.transfers.airflow_tasks", str(self._directory)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError
        with suppress(BrokenPipeError):
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return Usage(**json.loads(answer)) if answer else Usage(problem="Airflow did not start")

    def close(self) -> None:
        """Stop Airflow."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(120)


def serve(directory: Path) -> None:
    """Start Airflow and run the tasks for each line of stdin."""
    from tests.servers import PostgresServer
    from tests.servers.airflow import AirflowServer

    settings = {
        "OSIRIS_HOME": str(directory),
        "TRANSFER_PIPELINE": str(directory / PIPELINE),
        "TRANSFER_NOTES": str(directory / NOTES),
    }
    with PostgresServer() as metadata:
        metadata.create_database("airflow")
        dags = Path(__file__).with_name("dags")
        with AirflowServer(metadata.app_on("airflow"), dags, settings) as airflow:
            for _ in sys.stdin:
                sys.stdout.write(json.dumps(asdict(_run(airflow, directory / NOTES))) + "\n")
                sys.stdout.flush()


def _run(airflow: Any, notes: Path) -> Usage:
    rest = airflow.rest()
    run = rest.trigger("transfer")
    state = rest.finished("transfer", run, LONGEST_RUN)
    tasks = rest.get(f"/dags/transfer/dagRuns/{run}/taskInstances")["task_instances"]
    # As `osiris pipelines run` leaves nothing behind.
    shutil.rmtree(airflow.home / "staging", ignore_errors=True)
    if state != "success":
        sys.stderr.write(airflow.log_tails())
        return Usage(problem=f"the run is {state}")
    used = [line for line in map(json.loads, notes.read_text().splitlines()) if line["run"] == run]
    begun = min(_moment(task["start_date"]) for task in tasks)
    ended = max(_moment(task["end_date"]) for task in tasks)
    return Usage(ended - begun, sum(line["cpu"] for line in used), max(line["peak_mib"] for line in used))


def _moment(written: str) -> float:
    return datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
