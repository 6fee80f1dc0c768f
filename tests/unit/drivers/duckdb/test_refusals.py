"""The row that DuckDB does not take is named, and nothing of what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.config import DuckDBWriteConfig
from osiris_provider.drivers.duckdb.refusals import broken_rule, conversion_error
from osiris_provider.drivers.duckdb.tables import columns_of, unique_keys


@pytest.fixture
def cursor() -> Iterator[Any]:
    with duckdb.connect() as database:
        yield database


@pytest.mark.parametrize(
    ("column", "values", "named", "row"),
    [
        ("n", ["1", None, "c4nary", "x"], "n", 1003),
        ("N", ["c4nary"], "N", 1001),
        ("d", [None, None, "2024-02-30"], "d", 1003),
        ("l", [["1"], ["c4nary"]], "l", 1002),
    ],
)
def test_a_value_that_is_not_turned_into_the_type_of_its_column(
    column: str, values: list[Any], named: str, row: int, cursor: Any
) -> None:
    cursor.execute("CREATE TABLE t (a INT, n INT, d DATE, l INT[])")
    batch = pa.record_batch({"a": range(len(values)), column: values})
    error = conversion_error(cursor, "t", columns_of(cursor, "t", batch.schema), batch, 1000)
    assert (error.table, error.column, error.row) == ("t", named, row)
    assert "DuckDB does not turn " in error.message
    assert "c4nary" not in error.message


def test_where_all_values_can_be_turned_none_is_named(cursor: Any) -> None:
    cursor.execute("CREATE TABLE t (a INT, n INT)")
    batch = pa.record_batch({"a": [1], "n": ["2"]})
    error = conversion_error(cursor, "t", columns_of(cursor, "t", batch.schema), batch, 0)
    assert (error.column, error.row) == (None, None)
    assert error.message == "Table t: a value does not fit its column. Nothing was written."


@pytest.mark.parametrize(
    ("rows", "mode", "column", "row", "said"),
    [
        ({"k": [2, 3, 1], "m": [7, 8, 9]}, "append", "K", 1003, "duplicate key, in the table"),
        ({"k": [2, 3], "m": [7, 1]}, "append", "m, k2", 1002, "duplicate key, in the table"),
        ({"k": [2, 3, 4], "m": [2, -3, -4]}, "append", "(any)", 1002, "it breaks a rule of the table, such as a CHECK"),
        # What a replace takes away first is in the way of no row.
        ({"k": [1, 2], "m": [1, -1]}, "replace", "(any)", 1002, "it breaks a rule"),
        # Rows that go in one by one.
        ({"k": [2, 2], "m": [3, 4]}, "append", None, None, "among rows 1,001 to 1,002 of the input: one breaks a rule"),
    ],
)
def test_a_row_that_breaks_a_rule(
    rows: dict[str, list[int]], mode: Any, column: str | None, row: int | None, said: str, cursor: Any
) -> None:
    cursor.execute(
        "CREATE TABLE t (K INT PRIMARY KEY, m INT CHECK (m > 0), k2 INT DEFAULT 0, UNIQUE (m, k2));"
        "INSERT INTO t VALUES (1, 1, 0)"
    )
    batch = pa.record_batch({name: pa.array(values, pa.int32()) for name, values in rows.items()})
    keys = unique_keys(cursor, "t", pa.schema([]))
    config: Any = DuckDBWriteConfig(table="t", write_mode=mode)
    cursor.begin()
    error = broken_rule(cursor, config, "t", keys, (batch, 1000))
    assert (error.column, error.row) == (column, row)
    assert said in error.message
    # Nothing of what was tried is there.
    assert cursor.execute("FROM t").fetchall() == [(1, 1, 0)]
