"""Running a DAG in this process as ``dag.test`` does, with an end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.versions import BUNDLE, serve_the_newest_api_alone

DEADLINE = 60.0
"""Seconds; a run of these tests takes one or two."""


class UnfinishedRunError(AssertionError):
    """A DAG run did not come to its end."""


def run_to_the_end(dag: Any, deadline: float = DEADLINE, **options: Any) -> Any:
    """Run a DAG and return its run.

    ``dag.test`` goes round for as long as a task is up for a retry that has to wait: for ever, as far as a test is
    concerned. It also leaves the ``AIRFLOW_CTX_*`` of its last task in the environment.

    :param deadline: seconds after which no further task is looked for.
    :param options: of ``dag.test``.
    :raises UnfinishedRunError: the deadline has passed; it says what the tasks are at.
    """
    with pytest.MonkeyPatch.context() as monkeypatch, _context_variables_removed():
        serve_the_newest_api_alone(monkeypatch)
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", _empty_bundle())
        _bound(monkeypatch, time.monotonic() + deadline)
        return dag.test(**options)


def _empty_bundle() -> str:
    """Return the setting of a folder without DAGs: ``dag.test`` reads all files of the bundle before each run."""
    folder = Path(os.environ["AIRFLOW_HOME"], "no_dags")
    folder.mkdir(exist_ok=True)
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps([{"name": BUNDLE, "classpath": bundle, "kwargs": {"path": str(folder)}}])


def _bound(monkeypatch: pytest.MonkeyPatch, end: float) -> None:
    from airflow.models.dagrun import DagRun

    update_state = DagRun.update_state

    def update_in_time(run: Any, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() > end:
            message = f"The run is not at its end: { ({ti.task_id: str(ti.state) for ti in run.get_task_instances()}) }"
            raise UnfinishedRunError(message)
        return update_state(run, *args, **kwargs)

    monkeypatch.setattr(DagRun, "update_state", update_in_time)


@contextmanager
def _context_variables_removed() -> Iterator[None]:
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]:
            del os.environ[name]
