"""Has Airflow's scheduler import what drivers need before its LocalExecutor forks the processes of tasks.

It is most of what a small step costs beyond an empty task. A process that forks no task imports nothing.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from airflow.configuration import conf
from airflow.listeners import hookimpl


@hookimpl
def on_starting(component: Any) -> None:
    """Import drivers and their libraries in the scheduler, if it forks the processes of tasks.

    :param component: the job that Airflow has started; it does not know its kind yet, so the command says it. It is
        the same command in the processes of tasks, each of which is another component.
    """
    if type(component).__name__ == "Job" and sys.argv[1:2] == ["scheduler"] and _forks_tasks():
        # Here, because each process of Airflow loads plugins.
        from osiris_provider.drivers import preload

        preload()


def _forks_tasks() -> bool:
    is_local = "LocalExecutor" in conf.get("core", "executor") and multiprocessing.get_start_method() == "fork"
    return is_local and conf.getboolean("osiris", "preload", fallback=True)
