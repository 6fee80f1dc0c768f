"""Values that DuckDB would bend as it puts them into a column of another type, without a word."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.drivers.duckdb.round_trip import first_bent
from osiris_provider.drivers.duckdb.tables import columns_of

STRUCT = pa.struct([("a", pa.int32()), ("B", pa.float64())])


def bent(kind: str, dtype: pa.DataType, values: list[Any], lossy: Any = "error") -> tuple[str, int, str] | None:
    table = pa.table({"n": range(len(values)), "v w": pa.array(values, dtype)})
    with duckdb.connect() as cursor:
        cursor.execute(f'CREATE TABLE t ("v w" {kind}, other INT, n INT)')
        cursor.register("given", table)
        return first_bent(cursor, "given", table.schema, columns_of(cursor, "t", table.schema), lossy)


@pytest.mark.parametrize(
    ("kind", "dtype", "good", "bad"),
    [
        ("INTEGER[]", pa.list_(pa.float64()), [1.0, None], [1.5]),
        ("INTEGER[2]", pa.list_(pa.float64(), 2), [1.0, 2.0], [1.0, 2.5]),
        ("DECIMAL(4,1)[]", pa.list_(pa.float64()), [0.5], [0.25]),
        ("STRUCT(a INTEGER, b INTEGER)", STRUCT, {"a": 1, "B": 2.0}, {"a": 1, "B": 2.5}),
        ("MAP(VARCHAR, INTEGER)", pa.map_(pa.string(), pa.float64()), [("k", 1.0)], [("k", 1.5)]),
        ("BOOLEAN", pa.int64(), 1, 2),
        ("BOOLEAN", pa.float64(), 0.0, 0.5),
    ],
)
def test_a_value_that_does_not_come_back_is_named_with_its_row(
    kind: str, dtype: pa.DataType, good: Any, bad: Any
) -> None:
    assert bent(kind, dtype, [None, good, good]) is None
    refused = bent(kind, dtype, [None, good, bad, bad])
    assert refused is not None
    assert refused[:2] == ("v w", 3)
    assert refused[2].startswith("the value would be another one as ")
    # Where it is allowed, DuckDB rounds; a truth value is no number, whatever is allowed.
    assert (bent(kind, dtype, [bad], "round") is not None) == (kind == "BOOLEAN")


@pytest.mark.parametrize(
    ("kind", "dtype", "value"),
    [
        # Of the same type, or of one that is not looked at; and what the insert itself refuses.
        ("INTEGER[]", pa.list_(pa.int32()), [1]),
        ("INTEGER", pa.float64(), 1.5),
        ("VARCHAR", pa.list_(pa.int32()), [1]),
        ("INTEGER[]", pa.string(), "[1.5]"),
        ("BOOLEAN", pa.string(), "maybe"),
        ("BOOLEAN", pa.bool_(), True),
    ],
)
def test_what_is_not_looked_at(kind: str, dtype: pa.DataType, value: Any) -> None:
    assert bent(kind, dtype, [value]) is None


def within(*names: str) -> pa.DataType:
    return pa.struct([(name, pa.int32()) for name in names])


@pytest.mark.parametrize(
    ("kind", "dtype", "dropped"),
    [
        ("STRUCT(a INTEGER)", within("a", "b"), "b"),
        ("STRUCT(A INTEGER, c INTEGER)", within("a"), None),
        ("STRUCT(a INTEGER)", within("a", "size"), "size"),
        ("STRUCT(a INTEGER, size INTEGER)", within("a", "size"), None),
        ("STRUCT(a INTEGER)[]", pa.list_(within("a", "b")), "b"),
        ("STRUCT(a INTEGER)[2]", pa.list_(within("a", "b"), 2), "b"),
        ("MAP(VARCHAR, STRUCT(a INTEGER))", pa.map_(pa.string(), within("b")), "b"),
        ("STRUCT(s STRUCT(a INTEGER))", pa.struct([("s", within("a", "b"))]), "b"),
        ("STRUCT(s VARCHAR)", pa.struct([("s", within("a"))]), None),
        ("STRUCT(a INTEGER)[]", pa.list_(within("a")), None),
    ],
)
def test_a_field_that_has_no_place_is_dropped_by_no_one(kind: str, dtype: pa.DataType, dropped: str | None) -> None:
    refused = bent(kind, dtype, [None], "round")
    if dropped is None:
        assert refused is None
    else:
        assert refused is not None
        assert refused[:2] == ("v w", 1)
        assert refused[2].startswith(f"its field {dropped} has no place in ")


def test_each_column_is_looked_at() -> None:
    table = pa.table({"v": pa.array([{"a": 1}], within("a")), "w": pa.array([{"a": 1, "b": 2}], within("a", "b"))})
    with duckdb.connect() as cursor:
        cursor.execute("CREATE TABLE t (v STRUCT(a INTEGER), w STRUCT(a INTEGER))")
        cursor.register("given", table)
        refused = first_bent(cursor, "given", table.schema, columns_of(cursor, "t", table.schema), "round")
    assert refused is not None
    assert refused[0] == "w"
