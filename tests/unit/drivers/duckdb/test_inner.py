"""Values within texts that become lists, structs and maps of DuckDB: each is found, with what its type takes."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.tables import columns_of


def values_in(kind: str, *texts: str | None) -> list[tuple[str, int, str]] | None:
    """Return the values within, each with the digits that its type keeps and its row; None if nothing is looked at."""
    with duckdb.connect() as cursor:
        cursor.execute(f"CREATE TABLE t (v {kind})")
        (column,) = columns_of(cursor, "t", pa.schema([]))
    inner = column.limits.inner
    if inner is None:
        return None
    split: Any = inner.split(pa.array(texts, pa.string()))
    return [(str(inner.limits[index].scale), row, text) for index, row, text in split]


@pytest.mark.parametrize(
    ("kind", "texts", "values"),
    [
        ("DECIMAL(4,1)[]", ["[1.25, NULL, 2]", None, "[]"], [("1", 0, "1.25"), ("1", 0, "2")]),
        ("DECIMAL(4,1)[2]", ["[1.25, 2]"], [("1", 0, "1.25"), ("1", 0, "2")]),
        ("DECIMAL(4,1)[][]", ["[[1], NULL, [2, 3]]"], [("1", 0, "1"), ("1", 0, "2"), ("1", 0, "3")]),
        (
            'STRUCT(a DECIMAL(4,1), s VARCHAR, "B c" DECIMAL(4,2))',
            ["{'a': 1.25, 's': x, 'B c': 3}", None, "{'a': NULL, 's': x, 'B c': 4}"],
            [("1", 0, "1.25"), ("2", 0, "3"), ("2", 2, "4")],
        ),
        (
            "MAP(DECIMAL(4,1), DECIMAL(4,2))",
            ["{1.25=2, 3=NULL}", "{}"],
            [("1", 0, "1.25"), ("2", 0, "2"), ("1", 0, "3")],
        ),
        ("STRUCT(l DECIMAL(4,1)[])[]", ["[{'l': [1, 2]}, NULL]"], [("1", 0, "1"), ("1", 0, "2")]),
        ("MAP(VARCHAR, DECIMAL(4,1)[2])", ["{k=[1, 2]}"], [("1", 0, "1"), ("1", 0, "2")]),
        (
            "STRUCT(size VARCHAR, a DECIMAL(4,1), key DECIMAL(4,2))",
            ["{'size': x, 'a': 1, 'key': 2}"],
            [("1", 0, "1"), ("2", 0, "2")],
        ),
        ("STRUCT(a DECIMAL(4,1), size DECIMAL(4,2))", ["{'a': 1, 'size': 2}"], [("1", 0, "1"), ("2", 0, "2")]),
        # A text that is no such value has none; the insert refuses it.
        ("DECIMAL(4,1)[]", ["x", "[1]"], [("1", 1, "1")]),
    ],
)
def test_each_value_within_is_found(kind: str, texts: list[str | None], values: list[tuple[str, int, str]]) -> None:
    assert values_in(kind, *texts) == values


@pytest.mark.parametrize("kind", ["DECIMAL(4,1)", "VARCHAR[]", "STRUCT(a VARCHAR, b BLOB[])", "MAP(VARCHAR, UUID)"])
def test_what_duckdb_cannot_bend_is_not_looked_at(kind: str) -> None:
    assert values_in(kind) is None
