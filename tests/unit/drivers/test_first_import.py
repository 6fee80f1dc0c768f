"""NumPy starts no threads in a task of ours, and as many as it likes where they may have work."""

from __future__ import annotations

import mmap
import subprocess
import sys
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from osiris_provider.drivers.first_import import ALLOCATOR, LIBRARIES, VARIABLES

CODE = """
import os
import sys
from pathlib import Path
{before}
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.first_import import VARIABLES, import_for
class Foreign:
    def run(self, **_arguments): ...
import_for(get_driver({driver}))
print("numpy" in sys.modules, len(list(Path("/proc/self/task").iterdir())), [*filter(os.environ.get, VARIABLES)])
"""


@pytest.mark.parametrize(
    ("before", "driver", "said"),
    [
        ("", '"postgres.extractor"', "True 1 []"),
        ("", '"duckdb.writer"', "True 1 []"),
        ("", "Foreign", "False 1 []"),
        ('os.environ["OMP_NUM_THREADS"] = "2"', '"postgres.extractor"', "False 1 ['OMP_NUM_THREADS']"),
    ],
    ids=["a driver of ours", "another", "a driver of somebody else", "where threads are asked for"],
)
def test_numpy_has_no_threads_in_the_process_of_a_step(before: str, driver: str, said: str) -> None:
    code = CODE.format(before=before, driver=driver)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == said


def test_the_operator_imports_in_that_way_before_it_runs_a_driver() -> None:
    code = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from osiris_provider.errors import OsirisError
from osiris_provider.operators.osiris import OsirisOperator
operator = OsirisOperator(task_id="read", driver="filesystem.csv_extractor", config={"path": "/nowhere.csv"})
task = SimpleNamespace(
    dag_id="d", run_id="r", task_id="read", map_index=-1, try_number=1, max_tries=0, task=SimpleNamespace(retries=0)
)
try:
    operator.execute({"ti": task, "dag_run": None})
except Exception as error:
    names = [one.joinpath("comm").read_text().strip() for one in Path("/proc/self/task").iterdir()]
    print("numpy" in sys.modules, len([name for name in names if name != "jemalloc_bg_thd"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "True 1", done.stdout


def names_in(library: Path) -> set[str]:
    """Return those of our variables whose names stand in a library, as C writes them."""
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return {name for name in (ALLOCATOR, *VARIABLES) if content.find(f"\0{name}\0".encode()) >= 0}


def test_what_is_set_is_what_the_libraries_read() -> None:
    arrow = chain.from_iterable(Path(one).glob("libarrow.so*") for one in pa.get_library_dirs())
    assert ALLOCATOR in set().union(*map(names_in, arrow))
    openblas = (Path(np.__file__).parents[1] / "numpy.libs").glob("*openblas*.so*")
    assert set(VARIABLES) <= set().union(*map(names_in, openblas))


def test_what_is_imported_beforehand_is_there() -> None:
    assert [name for name in LIBRARIES if find_spec(name) is None] == []
