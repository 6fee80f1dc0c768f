"""The character U+0000 is looked for in all that can have it, also in a part of a column, and nowhere else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres.nul import without_nul
from osiris_provider.errors import DataError

NESTED = pa.list_(pa.struct([("a", pa.string())]))
NAMED = pa.struct([("k\0", pa.int8())])
# Type of the column in the table, Arrow type, a value that has it, and the same without it.
HAVE: list[tuple[str, pa.DataType, Any, Any]] = [
    ("text", pa.string(), "a\0b\0", "ab"),
    ("json", pa.large_string(), "\0", ""),
    ("jsonb", pa.string(), '"a\0b"', '"ab"'),
    ("jsonb", pa.string(), '"a\\u0000\\u0000b"', '"ab"'),
    ("jsonb", pa.large_string(), '"\\\\\\u0000"', '"\\\\"'),
    ("jsonb", pa.string(), "\\u0000", ""),
    ("jsonb", NESTED, [{"a": None}, {"a": "b\0"}], '[{"a": null}, {"a": "b"}]'),
    ("", NESTED, [{"a": "b\0"}], '[{"a": "b"}]'),
    ("jsonb", NAMED, {"k\0": 1}, '{"k": 1}'),
]
HAVE_NOT: list[tuple[str, pa.DataType, Any]] = [
    ("text", pa.string(), "a\\u0000"),
    ("json", pa.string(), '"\\u0000"'),
    ("jsonb", pa.string(), '"\\\\u0000"'),
    ("jsonb", pa.string(), '"\\\\\\\\u0000"'),
    # As JSON writes it, these types take it.
    ("json", NESTED, [{"a": "b\0"}]),
    ("text", NAMED, {"k\0": 1}),
    ("bytea", pa.binary(), b"\0"),
    ("int2", pa.int16(), 0),
    ("jsonb", NESTED, [{"a": "b"}]),
]


def looked_at(kind: str, column: pa.Array, **config: Any) -> pa.RecordBatch:
    """Return the second of two batches."""
    batch = pa.record_batch({"n": range(len(column)), "v": column})
    settings: Any = SimpleNamespace(table="t", **config)
    fine = pa.record_batch({"n": range(5), "v": pa.nulls(5, column.type)})
    return list(without_nul(iter([fine, batch]), settings, {"n": "int8", "v": kind}))[1]


@pytest.mark.parametrize(("kind", "dtype", "value", "stripped"), HAVE)
def test_it_is_refused_with_the_row_of_the_whole_input_or_left_out(
    kind: str, dtype: pa.DataType, value: Any, stripped: str
) -> None:
    column = pa.array([None, value, value], dtype)
    for config in ({}, {"strip_nul": False}):
        with pytest.raises(DataError, match=r"Table t: column v, row 7 of the input: .*U\+0000.*strip_nul") as raised:
            looked_at(kind, column, **config)
        assert (raised.value.column, raised.value.row) == ("v", 7)
    batch = looked_at(kind, column, strip_nul=True)
    assert batch.to_pydict() == {"n": [0, 1, 2], "v": [None, stripped, stripped]}


@pytest.mark.parametrize(("kind", "dtype", "value"), HAVE_NOT)
@pytest.mark.parametrize("strip", [True, False])
def test_what_has_none_stays_as_it_is(kind: str, dtype: pa.DataType, value: Any, strip: bool) -> None:
    column = pa.array([None, value, value], dtype)
    assert looked_at(kind, column, strip_nul=strip)["v"].equals(column)


@pytest.mark.parametrize("dtype", [pa.string(), pa.large_string()])
def test_only_the_part_that_is_sent_is_looked_at(dtype: pa.DataType) -> None:
    column = pa.array(["\0", "a", "b", "\0"], dtype)
    assert looked_at("text", column.slice(1, 2))["v"].to_pylist() == ["a", "b"]
    assert looked_at("text", column.slice(1, 0))["v"].to_pylist() == []
    assert looked_at("jsonb", column.slice(1, 2))["v"].to_pylist() == ["a", "b"]
    for part in (column.slice(0, 2), column.slice(2), column.slice(3)):
        with pytest.raises(DataError):
            looked_at("text", part)


def test_a_struct_that_is_never_there_has_no_name() -> None:
    column = pa.array([None, None], NAMED)
    assert looked_at("jsonb", column)["v"].equals(column)
