"""Rare types of Arrow become common ones with the same values."""

from __future__ import annotations

import uuid
from decimal import Decimal
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
    (pa.array([Decimal("1.50"), None], pa.decimal32(5, 2)), pa.decimal128(5, 2)),
    (pa.array([Decimal("1.50"), None], pa.decimal64(18, 2)), pa.decimal128(18, 2)),
    (pa.array([Decimal("1.50"), None], pa.decimal128(38, 2)), pa.decimal128(38, 2)),
    (pa.array([Decimal("1.50"), None], pa.decimal256(38, 2)), pa.decimal256(38, 2)),
    # Of hundreds: with the digits before the point, perhaps more than 128 bits have, or any.
    (pa.array([Decimal("15E2"), None], pa.decimal128(36, -2)), pa.decimal128(38, 0)),
    (pa.array([Decimal("15E2"), None], pa.decimal128(37, -2)), pa.decimal256(39, 0)),
    (pa.array([Decimal("15E2"), None], pa.decimal256(75, -2)), pa.decimal256(76, 0)),
    (pa.array([[1.5, 2], None], pa.list_(pa.float32(), 2)), pa.list_(pa.float32(), 2)),
]


@pytest.mark.parametrize(("column", "dtype"), COLUMNS, ids=lambda one: str(getattr(one, "type", one))[:60])
def test_the_values_stay(column: pa.Array, dtype: pa.DataType) -> None:
    actual = normalized(column)
    assert (actual.type, actual.to_pylist()) == (dtype, column.to_pylist())


def test_types_of_others_are_their_text_or_what_they_are_stored_as() -> None:
    given = uuid.UUID(int=1)
    unique = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([given.bytes, None], pa.binary(16)))
    assert normalized(unique).equals(pa.array([str(given), None]))
    tensors = pa.FixedShapeTensorArray.from_storage(
        pa.fixed_shape_tensor(pa.float16(), [2]), pa.array([[1.5, 2.5]], pa.list_(pa.float16(), 2))
    )
    assert normalized(tensors).type == pa.list_(pa.float16(), 2)
    kinds = pa.ExtensionArray.from_storage(pa.opaque(pa.string_view(), "kind", "of others"), VIEWS)
    assert normalized(kinds).equals(pa.array(VALUES))
