"""What a step gets of the one before it, as a table of DuckDB and as a pandas frame: every value is what it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.data import to_reader
from osiris_provider.drivers.duckdb.extractor import DuckDBProcessor
from osiris_provider.errors import DataError
from osiris_provider.runtime.staging import Staging
from osiris_provider.testing.context import RecordingContext
from upath import UPath

WIDE = Decimal("12345678901234567890123456789012345678.9")
"""39 digits."""
FITS = Decimal("1234567890123456789012345678901234567.8")
SUM_OF_TWO = Decimal("2469135780246913578024691357802469133.6")
BIG = 2**53 + 1


def staged(folder: Path, table: pa.Table, run: str = "run") -> Mapping[str, Any]:
    staging = Staging(folder.as_uri(), UPath)
    return staging.read(staging.write(("dag", run, "task", "0", "1"), table.to_reader(max_chunksize=2)))


def process(given: Mapping[str, Any], query: str = "SELECT * FROM e") -> pa.Table:
    config = {"query": query}
    return (
        DuckDBProcessor()
        .run(step_id="p", config=config, inputs={"e": given}, ctx=RecordingContext())["data"]
        .read_all()
    )


@pytest.mark.parametrize("how", ["path", "dataset", "table", "data"])
def test_a_decimal_keeps_its_digits_or_is_refused_with_its_row(tmp_path: Path, how: str) -> None:
    def given(*values: Decimal | None) -> Mapping[str, Any]:
        table = pa.table({"v": pa.array(values, pa.decimal256(41, 1)), "l": pa.array([[value] for value in values])})
        result = staged(tmp_path, table.set_column(1, "l", table["l"].cast(pa.list_(pa.decimal256(41, 1)))))
        return result if how == "path" else {"data": result[how]}

    kept = process(given(None, FITS, -FITS))
    assert kept["v"].to_pylist() == [None, FITS, -FITS]
    assert kept["l"].to_pylist() == [[None], [FITS], [-FITS]]
    assert process(given(FITS, FITS), "SELECT sum(v - 1) AS v FROM e")["v"].to_pylist() == [SUM_OF_TWO]
    with pytest.raises(DataError, match=r"Step p: input e: column v, row 3: as decimal256\(41, 1\) .*38 digits.*CAST"):
        process(given(None, FITS, WIDE))


@pytest.mark.parametrize("run", ["region=eu", "x"])
def test_a_folder_that_looks_like_a_partition_is_no_column(tmp_path: Path, run: str) -> None:
    folder = tmp_path / "a=7"
    rows = [{"a": 1, "region": "us"}]
    assert process(staged(folder, pa.Table.from_pylist(rows), run)).to_pylist() == rows


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_duration_is_an_interval(tmp_path: Path, unit: str) -> None:
    table = pa.table({"v": pa.array([dt.timedelta(hours=-30, seconds=1), None], pa.duration(unit))})
    read = process(staged(tmp_path, table), "SELECT v::VARCHAR AS v, v + INTERVAL 1 HOUR AS later FROM e")
    assert read.to_pylist() == [{"v": "-29:59:59", "later": "-28:59:59"}, {"v": None, "later": None}]


def test_whole_numbers_of_a_frame_stay_whole_where_values_are_missing(tmp_path: Path) -> None:
    table = pa.table(
        {
            "s": ["", None],
            "i": pa.array([BIG, None], pa.int64()),
            "full": [BIG, BIG + 2],
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "l": [[BIG, None], None],
            "f": [0.5, None],
        }
    )
    frame = staged(tmp_path, table)["df"]
    assert list(frame) == table.schema.names
    assert [str(frame[name].dtype) for name in ("i", "full", "u", "f")] == ["Int64", "int64", "UInt64", "float64"]
    assert (frame["i"][0], frame["u"][0], list(frame["l"][0])) == (BIG, 2**64 - 1, [BIG, None])
    assert to_reader(frame).read_all().to_pylist() == table.to_pylist()
