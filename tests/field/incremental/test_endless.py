"""NaN and infinity as cursor values: said, delivered once, and no end of the stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.testing.state import MemoryState

from tests.field.incremental.test_order import execute, follow, read
from tests.servers import Address

SAID = "Step s: {} rows have a c after the run's start or above all others, such as {}. They are delivered, and do not"
ENDLESS = [
    ("FLOAT8", "1", "2", "NaN"),
    ("FLOAT8", "1", "2", "Infinity"),
    ("REAL", "1", "2", "NaN"),
    ("NUMERIC", "1", "2", "NaN"),
    ("NUMERIC", "1", "2", "Infinity"),
    ("NUMERIC(5, 2)", "1", "2", "NaN"),
    ("DATE", "2024-01-01", "2024-01-02", "infinity"),
    ("TIMESTAMP", "2024-01-01", "2024-01-02", "infinity"),
    ("TIMESTAMPTZ", "2024-01-01", "2024-01-02", "infinity"),
]


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def postgres(postgres_database: Address) -> Iterator[dict[str, Any]]:
    yield {"family": "postgres", "alias": "test", **asdict(postgres_database)}
    close_all()


@pytest.mark.parametrize(("dtype", "first", "second", "endless"), ENDLESS)
def test_rows_above_all_others_come_once_and_are_said(
    postgres: dict[str, Any],
    state: MemoryState,
    dtype: str,
    first: str,
    second: str,
    endless: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    execute(postgres, f"CREATE TABLE t (n INT, c {dtype})", f"INSERT INTO t VALUES (1, '{first}'), (2, '{endless}')")
    # Where Arrow has no such value the column is text.
    config = {"text_columns": ["c"]} if dtype.startswith(("NUMERIC(", "DATE", "TIME")) else {}
    with caplog.at_level(logging.WARNING):
        assert read(postgres, state, **config) == [1, 2]
    said = {"NaN": "nan", "Infinity": "inf"}.get(endless, endless) if dtype in ("FLOAT8", "REAL") else endless
    assert SAID.format(1, said) in caplog.text
    assert read(postgres, state, **config) == []
    execute(postgres, f"INSERT INTO t VALUES (3, '{second}'), (4, '{endless}')")
    assert read(postgres, state, **config) == [3, 4]
    assert state.low is not None
    assert state.low.text.startswith(second)
    # A run that is done again has the same rows, and none that came later.
    execute(postgres, f"INSERT INTO t VALUES (5, '{endless}')")
    again = MemoryState(None, state.low)
    assert read(postgres, again, **config) == [1, 2, 3, 4]
    assert read(postgres, state, **config) == [5]


def test_rows_of_duckdb_above_all_others_come_once(tmp_path: Path, state: MemoryState) -> None:
    path = tmp_path / "t.duckdb"
    with closing(duckdb.connect(str(path))) as client:
        client.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, 1.0::DOUBLE), (2, 'nan'::DOUBLE)) v (n, c)")
    connection = {"family": "duckdb", "alias": "test", "path": str(path)}
    assert read(connection, state) == [1, 2]
    assert read(connection, state) == []
    close_all()


def test_a_source_that_sends_all_in_a_run_done_again_adds_no_rows_above_all_others() -> None:
    state = MemoryState()
    assert len(follow([1.0, float("inf")], state, pa.float64())) == 2
    again = MemoryState(None, state.low)
    assert follow([1.0, float("inf"), 2.0], again, pa.float64()) == [1.0, float("inf")]
    assert follow([1.0, float("nan"), 2.0], MemoryState(None, state.low), pa.float64()) == [1.0]
