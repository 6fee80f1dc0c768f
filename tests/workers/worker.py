"""A Celery worker of Airflow, in a home and a working directory of its own, as on a machine of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
from celery import Celery
from typing_extensions import Self

from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import until

START_SECONDS = 120.0


class Worker:
    """One worker; use it as a context manager.

    :param airflow: whose tasks it runs.
    :param name: of the worker in Celery.
    :param queues: that it listens to.
    :param home: its AIRFLOW_HOME and working directory.
    """

    def __init__(self, airflow: AirflowServer, name: str, queues: str, home: Path) -> None:
        self.name = name
        self.home = home
        self._airflow = airflow
        self._queues = queues
        self._celery = Celery(broker=airflow.environment["AIRFLOW__CELERY__BROKER_URL"])
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        options = ["--queues", self._queues, "--celery-hostname", f"{self.name}@%h", "--concurrency", "2"]
        mortal = [shutil.which("setpriv") or "setpriv", "--pdeathsig", "TERM"]
        # A restarted machine has lost its process ids, too.
        (self.home / "airflow-worker.pid").unlink(missing_ok=True)
        with (self.home / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*mortal, sys.executable, "-m", "airflow", "celery", "worker", *options, "--skip-serve-logs"],
                cwd=self.home,
                env={
                    **self._airflow.environment,
                    "AIRFLOW_HOME": str(self.home),
                    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._is_ready, f"worker {self.name}", START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._celery.close()

    def kill(self) -> None:
        """Kill the worker and all processes that it started, as when its machine is switched off."""
        if self._process is None:
            return
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self._process.pid)
            # Stopped, it can start no more of them in the meantime.
            worker.send_signal(signal.SIGSTOP)
            for process in [worker, *worker.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        self._process = None

    def tasks(self) -> list[str]:
        """Return the ids of the tasks that it runs at present."""
        active = self._inspect("active") or []
        return [json.loads(task["args"][0])["ti"]["task_id"] for task in active]

    def has_log_of(self, dag_id: str, task_id: str, attempt: int) -> bool:
        """Return whether it ran a try of a task: each worker has its own directory of logs."""
        return bool(list(self.home.glob(f"logs/dag_id={dag_id}/*/task_id={task_id}/attempt={attempt}.log")))

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            msg = f"worker {self.name} ended:\n{(self.home / 'worker.log').read_text()[-4000:]}"
            raise RuntimeError(msg)
        return bool(self._inspect("ping"))

    def _inspect(self, what: str) -> list[dict[str, list[str]]] | None:
        host = f"{self.name}@{os.uname().nodename}"
        answers = getattr(self._celery.control.inspect([host], timeout=2), what)() or {}
        actual: list[dict[str, list[str]]] | None = answers.get(host)
        return actual
