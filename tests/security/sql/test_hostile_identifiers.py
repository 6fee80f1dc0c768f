"""Names of tables and columns that would be SQL if they were not quoted are names, in every family."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

NAMES = [
    't"; DROP TABLE kept; --',
    "t`; DROP TABLE kept; --",
    "t'); DROP TABLE kept; --",
    "%s %(a)s {} $1 ?",
    'a"b`c\'d"" ``',
    "x]; y",
    "/* x */ -- y",
]


@pytest.fixture(params=["mysql", "postgres", "duckdb"])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    family = request.param
    if family == "duckdb":
        yield {"family": family, "alias": "x", "path": str(tmp_path / "x.duckdb")}
    else:
        yield {"family": family, "alias": "x", **asdict(request.getfixturevalue(f"{family}_database"))}
    close_all()


def _write(connection: dict[str, Any], table: str, rows: pa.Table, **config: Any) -> None:
    step = {
        "resolved_connection": connection,
        "table": table,
        "write_mode": "replace",
        "create_if_missing": True,
        **config,
    }
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="w", config=step, inputs={"input": {"data": rows}}, ctx=RecordingContext())


def _read(connection: dict[str, Any], **config: Any) -> pa.Table:
    driver = get_driver(f"{connection['family']}.extractor")
    step = {"resolved_connection": connection, **config}
    return driver.run(step_id="r", config=step, inputs={}, ctx=RecordingContext())["data"].read_all()


def test_names_are_names(connection: dict[str, Any]) -> None:
    kept = pa.table({"a": [1]})
    _write(connection, "kept", kept)
    for name in NAMES:
        rows = pa.table({name: [1, 2], "other": ["x", "y"]})
        _write(connection, name, rows, write_mode="upsert", primary_key=[name])
        _write(connection, name, rows, primary_key=[name])
        read = _read(connection, table=name)
        assert sorted(read.column(name).to_pylist()) == [1, 2]
        assert read.column_names == [name, "other"]
    assert _read(connection, table="kept").num_rows == 1
