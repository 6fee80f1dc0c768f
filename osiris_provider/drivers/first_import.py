"""Importing what every driver of this package works with, without the threads that no driver has work for."""

from __future__ import annotations

import os
import sys

from osiris_provider.drivers.base import Driver

VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""Any of them tells NumPy's OpenBLAS how many threads to have."""


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
