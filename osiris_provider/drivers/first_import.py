"""Importing what this package's drivers work with: once for many tasks, or without threads that no driver needs."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module

from osiris_provider.connections.registry import own_points
from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.registry import GROUP, get_driver

log = logging.getLogger(__name__)

LIBRARIES = ("pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "psycopg2", "pgpq", "pymysql")
"""What drivers import when they run, without DuckDB, whose 1.x starts a thread that would not survive a fork."""

ALLOCATOR = "JE_ARROW_MALLOC_CONF"
"""Settings of the allocator that comes with pyarrow. Its thread does not survive a fork, and Python warns of it."""

VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""Any of them tells NumPy's OpenBLAS how many threads to have."""


def preload() -> None:
    """Import this package's drivers and their libraries, for tasks whose processes are forked from this one.

    Takes half a second and some 80 MiB, which these processes share. NumPy is imported as anybody's import does it: a
    task that is not of this package may have work for its threads, which start again after a fork.
    """
    os.environ.setdefault(ALLOCATOR, "background_thread:false")
    for name in LIBRARIES:
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001, PERF203 - six rounds; one that is broken may raise anything
            log.debug("A task that needs %s imports it itself: %r", name, error)
    for driver in own_points(GROUP):
        get_driver(driver)


def import_for(driver: Driver) -> None:
    """Import NumPy for a driver of this package, which all of them need for pyarrow, without threads of its own.

    OpenBLAS starts a thread for each core when it is imported, for products of matrices; they look for work for a
    while, and that takes a small step longer than its work does. Somebody else's driver may multiply matrices, so
    nothing is done for it; nor where NumPy is imported already, or one of :data:`VARIABLES` is set.

    :param driver: that is going to run, in a process that runs nothing else.
    """
    is_own = type(driver).__module__.startswith("osiris_provider.")
    if not is_own or "numpy" in sys.modules or any(name in os.environ for name in VARIABLES):
        return
    os.environ[VARIABLES[0]] = "1"
    try:
        import numpy as np  # noqa: F401 - it is read when it is imported
    finally:
        # Processes that the task starts decide for themselves.
        del os.environ[VARIABLES[0]]
