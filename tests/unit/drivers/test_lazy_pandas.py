"""pyarrow does not import pandas for us, and knows it as ever once somebody has imported it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

STEP = """
import importlib.machinery
import sys
# As tracers do, which want to be asked first.
sys.meta_path.insert(0, importlib.machinery.PathFinder)
from pathlib import Path
import pyarrow as pa
from osiris_provider.drivers import get_driver
from osiris_provider.runtime.staging import Staging
from upath import UPath
class Context:
    load_id = state = None
    def log_metric(self, *_, **__): pass
folder = Path(sys.argv[1])
types = {"id": pa.int64(), "name": pa.string(), "at": pa.timestamp("us")}
table = pa.table({name: pa.nulls(2, dtype) for name, dtype in types.items()})
connection = {"family": "duckdb", "alias": "d", "path": str(folder / "d.duckdb")}
def run(driver, inputs, **config):
    return get_driver(driver).run(step_id="s", config=config, inputs=inputs, ctx=Context())
staging = Staging(folder.as_uri(), UPath)
staged = staging.read(staging.write(["d", "r", "t", "0", "1"], table.to_reader()))
run("duckdb.writer", {"read": staged}, table="t", resolved_connection=connection)
assert run("duckdb.extractor", {}, table="t", resolved_connection=connection)["data"].read_all().num_rows == 2
"""
AFTER = {
    "nobody imports it": """
import duckdb
# Before 2.0 DuckDB imports it itself, to know whether a parameter is one of its values.
assert 'pandas' not in sys.modules or duckdb.__version__ < "2", [name for name in sys.modules if 'pandas' in name][:5]
""",
    "a series": """
import pandas as pd
assert pd.__spec__.loader is pd.__loader__ and type(pd.__loader__).__module__ != "osiris_provider.drivers.lazy_pandas"
assert pa.array(pd.Series([1.0, float("nan")]), from_pandas=True).null_count == 1
assert pa.array(pd.Series([1.0, None])).null_count == 1
assert pa.array([1, pd.NA, None, pd.NaT], from_pandas=True).null_count == 3
""",
    "a frame of a result": """
frame = staged["df"]
assert list(frame["id"].isna()) == [True, True]
assert pa.Table.from_pandas(frame).num_rows == 2
""",
    "a table as a frame": "assert len(pa.table({'a': [1, 2]}).to_pandas()) == 2",
    "in another thread": """
import threading
def use():
    import pandas as pd
    results.append(pa.array(pd.Series([1.0, None])).null_count)
results = []
thread = threading.Thread(target=use); thread.start(); thread.join()
assert results == [1]
""",
}


FORKS = """
import json, os, traceback
problems = {}
for name, code in json.loads(sys.argv[2]).items():
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            exec(code)
        except BaseException:
            os.write(write, traceback.format_exc().encode())
        os._exit(0)
    os.close(write)
    os.wait()
    problems[name] = os.read(read, 10000).decode()
print(json.dumps(problems))
"""


def test_pandas_is_there_when_it_is_wanted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STEP + FORKS, str(tmp_path), json.dumps(AFTER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, dict.fromkeys(AFTER, "")), done.stderr


OTHER_PYARROW = """
import sys
import pyarrow as pa
from osiris_provider.drivers.lazy_pandas import leave_pandas_out
class Known:
    if sys.argv[1] == "other names":
        have_pandas = None
    elif sys.argv[1] == "raises":
        have_pandas = property(lambda self: __import__("pandas"))
pa.lib._pandas_api = Known()
leave_pandas_out()
import pandas as pd
assert pa.array(pd.Series([1.0, None])).null_count == 1
"""


@pytest.mark.parametrize("kind", ["no names", "other names", "raises"])
def test_another_pyarrow_does_as_it_does(kind: str) -> None:
    command = [sys.executable, "-c", OTHER_PYARROW, kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
