"""The bounds that a writer keeps to are DuckDB's own, of each of its types of integers."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.tables import columns_of

NAMES = [f"{sign}{name}" for sign in ("", "U") for name in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")]


@pytest.mark.parametrize("name", NAMES)
def test_duckdb_takes_each_bound_and_nothing_beyond_it(name: str) -> None:
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE t (n {name})")
        (column,) = columns_of(database.cursor(), "t", pa.schema([("n", pa.int64())]))
        low, high = column.limits.low, column.limits.high
        assert low is not None
        assert high is not None
        taken = "SELECT n, TRY_CAST(n AS {}) IS NOT NULL FROM (VALUES ('{}'), ('{}'), ('{}'), ('{}')) AS v(n)"
        answers = database.execute(taken.format(name, low - 1, low, high, high + 1)).fetchall()
    assert [is_taken for _, is_taken in answers] == [False, True, True, False]
