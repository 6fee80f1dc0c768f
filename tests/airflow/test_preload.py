"""The scheduler imports drivers and their libraries before it forks tasks, and no other process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.jobs.job import Job
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from osiris_provider import drivers
from osiris_provider.connections.registry import own_points
from osiris_provider.drivers.first_import import ALLOCATOR, LIBRARIES
from osiris_provider.drivers.registry import GROUP
from osiris_provider.plugins.preload import on_starting

# Airflow makes a job as each of its processes does; one process that has imported Airflow is forked for each case.
CODE = """
import json, os, sys
from pathlib import Path
from airflow.jobs.job import Job

def starts(command, settings):
    sys.argv = ["airflow", *command]
    os.environ.update(settings)
    sys.path.insert(0, settings.get("BROKEN", ""))
    Job()  # type: ignore[no-untyped-call, unused-ignore] # typed in some versions of Airflow
    threads = len(list(Path("/proc/self/task").iterdir()))
    allocator = os.environ.get({allocator!r})
    return [sorted(set({modules}) & set(sys.modules)), threads, allocator]

for case in json.loads(sys.argv[1]):
    if not os.fork():
        print(json.dumps(starts(*case)), flush=True)
        os._exit(0)
    os.wait()
"""
SETTING = "AIRFLOW__OSIRIS__PRELOAD"
EXECUTOR = "AIRFLOW__CORE__EXECUTOR"
# Airflow 3.1 imports psycopg2 itself.
MODULES = sorted({*LIBRARIES, *(point.module for point in own_points(GROUP).values())} - {"psycopg2"})
Start = tuple[list[str], int, str | None]


def started(tmp_path: Path, *cases: tuple[list[str], dict[str, str]]) -> list[Start]:
    """Return what of :data:`MODULES` each has imported, its threads, and the settings of the allocator."""
    code = CODE.format(allocator=ALLOCATOR, modules=MODULES)
    environment = {name: value for name, value in os.environ.items() if name not in (ALLOCATOR, EXECUTOR, SETTING)}
    # NumPy's threads are its own matter; they end before a fork.
    environment |= {"AIRFLOW_HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, json.dumps(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[[")]


def test_the_scheduler_that_forks_tasks_has_imported_what_they_need_and_no_other_process(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "psycopg2.py").write_text("raise ValueError('numpy.dtype size changed')")
    preloaded, own_allocator, several, broken, *others = started(
        tmp_path,
        (["scheduler"], {}),
        (["scheduler", "--num-runs", "1"], {ALLOCATOR: "background_thread:true"}),
        (["scheduler"], {EXECUTOR: "CeleryExecutor,LocalExecutor"}),
        (["scheduler"], {"BROKEN": str(tmp_path / "broken")}),
        # These fork no tasks.
        (["triggerer"], {}),
        (["dag-processor"], {}),
        ([], {}),
        (["scheduler"], {EXECUTOR: "CeleryExecutor"}),
        (["scheduler"], {SETTING: "False"}),
    )
    # Without a thread, which Python would warn of at each fork.
    assert preloaded == (MODULES, 1, "background_thread:false")
    assert own_allocator[::2] == (MODULES, "background_thread:true")
    assert several == preloaded
    # What is broken is for the tasks that need it to say.
    assert broken[0] == [name for name in MODULES if name != "psycopg2"]
    assert others == [([], 1, None)] * 5


def test_the_process_of_a_task_which_has_the_command_of_the_scheduler_imports_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    monkeypatch.setattr(drivers, "preload", lambda: calls.append("preload"))
    on_starting(TaskRunnerMarker())
    assert calls == []
    Job()  # type: ignore[no-untyped-call, unused-ignore] # typed in some versions of Airflow
    assert calls == ["preload"]
