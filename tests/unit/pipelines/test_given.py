"""Files of others that take the place of a step: their times are what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.drivers.data import to_reader
from osiris_provider.errors import DataError
from osiris_provider.pipelines.run.given import given_data

DAY = 86_400 * 10**6
AFTER_2262 = 2_932_896 * DAY
"""9999-12-31, which has no nanoseconds in 64 bits."""


def legacy(folder: Path, **columns: pa.Array) -> Path:
    """A file whose times are of type INT96."""
    file = folder / "given.parquet"
    pq.write_table(pa.table(columns), file, use_deprecated_int96_timestamps=True)
    return file


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("us", [AFTER_2262, 5, None, -719_162 * DAY], "us"),
        ("us", [1, -1, None], "ns"),
        ("ns", [1, -1, -DAY * 1000 - 1, None], "ns"),
    ],
)
def test_times_of_int96_are_of_any_year_and_keep_their_digits(
    tmp_path: Path, unit: str, values: list[Any], expected: str
) -> None:
    times = pa.array(values, pa.int64()).cast(pa.timestamp(unit))
    lists = pa.ListArray.from_arrays(range(len(times) + 1), times)
    read = to_reader(given_data("s", legacy(tmp_path, v=times, l=lists))).read_all()
    assert read.schema.types == [pa.timestamp(expected), pa.list_(pa.field("element", pa.timestamp(expected)))]
    assert read["v"].cast(times.type).to_pylist() == times.to_pylist()
    assert read["l"].combine_chunks().flatten().cast(times.type).equals(times)


def test_times_of_int96_that_no_type_of_arrow_has_are_refused(tmp_path: Path) -> None:
    file = legacy(tmp_path, fine=pa.array([1], pa.timestamp("ns")), far=pa.array([AFTER_2262], pa.timestamp("us")))
    with pytest.raises(DataError, match=r"Step s: .*: columns fine, far have times with nanoseconds, and times that"):
        given_data("s", file)
