"""Texts that become dates and times of DuckDB: all of their digits and their offset are kept, or they are refused."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.field.duckdb.test_types import KNOWN

# A type, a text that it keeps, and one that DuckDB would cut, move or guess.
CASES = [
    ("DATE", "2024-01-02", "2024-01-02 03:04:05"),
    ("TIME", "03:04:05.123456", "03:04:05.1234567"),
    ("TIME", "03:04:05", "03:04:05+02"),
    ("TIMETZ", "03:04:05.123456+02", "03:04:05.1234567+02"),
    ("TIMETZ", "03:04:05+02", "12"),
    ("TIMESTAMP_S", "2024-01-02 03:04:05", "2024-01-02 03:04:05.1"),
    ("TIMESTAMP_MS", "2024-01-02 03:04:05.123", "2024-01-02 03:04:05.1234"),
    ("TIMESTAMP", "2024-01-02 03:04:05.123456", "2024-01-02 03:04:05.1234567"),
    ("TIMESTAMP", "2024-01-02 03:04:05Z", "2024-01-02 03:04:05+05"),
    ("TIMESTAMP_NS", "2024-01-02 03:04:05.123456789", "2024-01-02 03:04:05.1234567891"),
    ("TIMESTAMP_NS", "2024-01-02 03:04:05", "2024-01-02 03:04:05+05"),
    ("TIMESTAMPTZ", "2024-01-02 03:04:05.123456+05:30", "2024-01-02 03:04:05.1234567+05:30"),
    ("TIMESTAMPTZ", "2024-01-02 03:04:05+05:30", "2024-01-02 03:04:05 Europe/Prague"),
    ("TIME_NS", "03:04:05.123456789", "03:04:05.1234567891"),
]


def test_texts_of_dates_and_times(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "path": str(tmp_path / "x.duckdb")}
    cases = {f"t{number}": case for number, case in enumerate(CASES) if case[0] in KNOWN or case[0] != "TIME_NS"}

    def write(table: str, *texts: str | None) -> None:
        config: dict[str, Any] = {"table": table, "resolved_connection": connection}
        inputs = {"e": {"data": pa.table({"v": texts})}}
        DuckDBWriter().run(step_id="w", config=config, inputs=inputs, ctx=RecordingContext())

    with closing(duckdb.connect(connection["path"])) as database:
        for table, (kind, _, _) in cases.items():
            database.execute(f"CREATE TABLE {table} (v {kind})")
    for table, (_, good, bad) in cases.items():
        write(table, good)
        with pytest.raises(DataError, match=r"column v, row 2 of the input: .*Nothing was written"):
            write(table, None, bad)
    close_all()
    with closing(duckdb.connect(connection["path"])) as database:
        for table, (kind, good, _) in cases.items():
            query = f"SELECT count(*), count(*) FILTER (v = '{good}'::{kind}) FROM {table}"
            assert database.execute(query).fetchall() == [(1, 1)], (kind, good)
