"""Stage a table, or read it: ``python -m tests.airflow.operators.exchange write``, or ``… read REFERENCE``."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
from osiris_provider.operators.osiris import default_staging
from osiris_provider.runtime.staging import StagedData

if __name__ == "__main__":
    staging = default_staging()
    if sys.argv[1] == "write":
        table = pa.table({"n": range(100_000)})
        print(json.dumps(staging.write(("dag", "run", "extract", "0", "1"), table.to_reader()).as_dict()))  # noqa: T201 - the same
    else:
        staged = StagedData.parse(json.loads(sys.argv[2]))
        assert staged is not None
        print(sum(staging.read(staged)["table"]["n"].to_pylist()))  # noqa: T201 - the parent reads it
