"""Rare types of Arrow become common ones with the same values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from osiris_provider.drivers.sql.values.normalize import normalized

VALUES = ["a", None, "b", "a"]
VIEWS, LARGE = pa.array(VALUES, pa.string_view()), pa.array(VALUES, pa.large_string())
INDEXES = pa.array([0, None, 2, 0], pa.uint8())
COLUMNS: list[tuple[pa.Array, Any]] = [
    (VIEWS, pa.string()),
    (LARGE, pa.large_string()),
    (pa.array([b"a"], pa.binary_view()), pa.binary()),
    (pa.array(VALUES).dictionary_encode(), pa.string()),
    (pa.DictionaryArray.from_arrays(INDEXES, VIEWS), pa.string()),
    (pa.DictionaryArray.from_arrays(INDEXES, LARGE).slice(1), pa.large_string()),
    (pc.run_end_encode(pa.array(VALUES)).slice(1), pa.string()),
    (pa.array([1.5, None], pa.float16()), pa.float32()),
]


@pytest.mark.parametrize(("column", "dtype"), COLUMNS, ids=lambda one: str(getattr(one, "type", one))[:60])
def test_the_values_stay(column: pa.Array, dtype: pa.DataType) -> None:
    actual = normalized(column)
    assert (actual.type, actual.to_pylist()) == (dtype, column.to_pylist())
