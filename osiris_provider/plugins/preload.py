"""Imports drivers and their libraries before Airflow's LocalExecutor forks the processes of tasks.

They have them then: it is most of what a small step costs beyond an empty task. A process that forks no task imports
nothing.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from importlib import import_module
from typing import Any

from airflow.configuration import conf
from airflow.listeners import hookimpl

log = logging.getLogger(__name__)

LIBRARIES = ("pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "psycopg2", "pgpq", "pymysql", "duckdb")
"""What drivers work with; of a client that is not installed there are no steps."""

ALLOCATOR = "JE_ARROW_MALLOC_CONF"
"""Settings of the allocator that comes with pyarrow. Its thread does not survive a fork, and Python warns of it."""


@hookimpl
def on_starting(component: Any) -> None:
    """Import this package's drivers and :data:`LIBRARIES` in the scheduler, if it forks the processes of tasks.

    :param component: the job that Airflow has started; it does not know its kind yet, so the command says it.
    """
    del component
    if sys.argv[1:2] == ["scheduler"] and _forks_tasks():
        _import()


def _forks_tasks() -> bool:
    is_local = "LocalExecutor" in conf.get("core", "executor") and multiprocessing.get_start_method() == "fork"
    return is_local and conf.getboolean("osiris", "preload", fallback=True)


def _import() -> None:
    # Here, because each process of Airflow loads plugins.
    from osiris_provider.connections.registry import own_points
    from osiris_provider.drivers.registry import GROUP, get_driver

    os.environ.setdefault(ALLOCATOR, "background_thread:false")
    for name in LIBRARIES:
        try:
            import_module(name)
        except ImportError as error:  # noqa: PERF203 - seven rounds
            log.debug("A process of a task imports %s itself: %s", name, error)
    for driver in own_points(GROUP):
        get_driver(driver)
