"""What docs/airflow.md has Airflow import once for all tasks works in a process that is forked afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

CHILD = """
import os

assert "pyarrow.parquet" in sys.modules
if pid := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet

# All that has threads of its own: OpenBLAS, the pools of Arrow for computing and for files, jemalloc.
square = np.ones((400, 400))
assert (square @ square).sum() == 400.0**3
table = pyarrow.table({"id": list(range(300_000)), "group": [number % 7 for number in range(300_000)]})
pool = pyarrow.jemalloc_memory_pool() if "jemalloc" in pyarrow.supported_memory_backends() else None
pyarrow.parquet.write_table(table, sys.argv[2], row_group_size=10_000)
again = pyarrow.parquet.read_table(sys.argv[2], use_threads=True)
groups = again.group_by("group", use_threads=True).aggregate([("id", "sum")])
assert pyarrow.compute.sum(groups["id_sum"], memory_pool=pool).as_py() == sum(range(300_000))
os._exit(0)
"""


def test_libraries_work_in_a_process_that_is_forked_from_one_that_has_them(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "airflow.md").read_text()
    section = text.partition("## The cost of a step\n")[2].partition("\n## ")[0]
    shown = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(shown) == 1
    command = [sys.executable, "-c", shown[0] + CHILD, "celery", str(tmp_path / "data.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
