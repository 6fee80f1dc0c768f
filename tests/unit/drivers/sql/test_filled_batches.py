"""Small batches are put together before they are sent, large ones stay as they are."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.write import filled

WIDTH = 8
"""Bytes of a row."""


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=30),
    rows=st.integers(min_value=1, max_value=30),
    size=st.integers(min_value=1, max_value=60),
    unit=st.integers(min_value=1, max_value=10),
)
def test_the_same_rows_in_batches_as_the_limits_allow(sizes: list[int], rows: int, size: int, unit: int) -> None:
    values = pa.array(range(sum(sizes)), pa.int64())
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    batches = [
        pa.RecordBatch.from_arrays([values.slice(start, count)], names=["n"])
        for start, count in zip(starts, sizes, strict=True)
    ]
    actual = list(filled(iter(batches), rows, size=size * WIDTH, unit=unit))
    assert [value for batch in actual for value in batch["n"].to_pylist()] == values.to_pylist()
    limit = rows // unit * unit or rows
    for batch in actual[:-1]:
        assert batch.num_rows == limit or size <= batch.num_rows + max(sizes) + unit
        assert batch.num_rows <= limit
        assert batch.num_rows % unit == 0 or batch.num_rows < unit


def test_a_batch_that_is_full_does_not_wait_for_the_next() -> None:
    asked: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            asked.append(number)
            yield pa.record_batch({"n": [number] * 5})

    coming = filled(batches(), 5)
    next(coming)
    assert asked == [0]
