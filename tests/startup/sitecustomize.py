"""Python imports this when it starts, in each process that the tests start: PYTHONPATH names its directory."""

from __future__ import annotations

import atexit
import gc
import sys


def _look_for_no_garbage() -> None:
    # DuckDB says on stderr what has stayed of it, and tests read what a command says there.
    if "duckdb" not in sys.modules:
        gc.freeze()


# Garbage that a process ends with goes with it. To look for it among all of Airflow, as the interpreter does several
# times before it ends, takes as long as to import a third of it. What is registered first is called last.
atexit.register(_look_for_no_garbage)
# While Airflow is imported, objects by the million come to stay, and none of them is garbage.
gc.set_threshold(10_000)
