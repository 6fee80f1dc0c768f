"""What a step gets of the one before it, as a table of DuckDB and as a pandas frame: every value is what it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
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


@pytest.mark.parametrize("how", ["path", "dataset", "table", "data"])
def test_a_time_keeps_its_digits_or_is_refused_with_its_row(tmp_path: Path, how: str) -> None:
    def given(dtype: pa.DataType, *values: int | None) -> Mapping[str, Any]:
        column = pa.array(values, pa.int64()).cast(dtype)
        result = staged(
            tmp_path, pa.table({"v": column, "l": pa.ListArray.from_arrays(range(len(column) + 1), column)})
        )
        return result if how == "path" else {"data": result[how]}

    kept = process(given(pa.duration("ns"), None, 61_000_001_000))
    assert kept["v"].to_pylist() == [None, "00:01:01.000001"]
    assert kept["l"].to_pylist() == [[None], ["00:01:01.000001"]]
    with pytest.raises(DataError, match=r"Step p: input e: column v, row 3: as duration\[ns\] .*6 digits of a second"):
        process(given(pa.duration("ns"), None, 1000, 1001))
    # Some versions of DuckDB keep nanoseconds of these.
    for dtype in (pa.time64("ns"), pa.timestamp("ns", "UTC"), pa.timestamp("ns")):
        assert process(given(dtype, None, 2000))["v"].cast(dtype).cast(pa.int64()).to_pylist() == [None, 2000]
        try:
            column = process(given(dtype, None, 2000, 2001))["v"]
        except DataError as error:
            assert f"column v, row 3: as {dtype}" in str(error)  # noqa: PT017 - which of the two depends on the version
        else:
            assert column.cast(pa.int64()).to_pylist() == [None, 2000, 2001]


@pytest.mark.parametrize("how", ["path", "dataset", "table", "data"])
def test_half_floats_are_read_exactly(tmp_path: Path, how: str) -> None:
    values = pa.array([1.5, None, -65504.0], pa.float16())
    table = pa.table({"v": values, "l": pa.ListArray.from_arrays([0, 2, 2, 3], values)})
    given = staged(tmp_path, table)
    assert process(given if how == "path" else {"data": given[how]}).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("dtype", [pa.time64("ns"), pa.timestamp("ns", "UTC")], ids=str)
def test_digits_that_only_later_versions_keep_are_refused(monkeypatch: pytest.MonkeyPatch, dtype: pa.DataType) -> None:
    def read(*values: int | None) -> pa.Table:
        column = pa.array(values, pa.int64()).cast(dtype)
        return process({"data": pa.table({"v": column})}, "SELECT v, typeof(v) AS t FROM e")

    monkeypatch.setattr("duckdb.__version__", "1.4.4")
    kept = read(None, 2000)
    assert kept["v"].cast(dtype).cast(pa.int64()).to_pylist() == [None, 2000]
    assert set(kept["t"].to_pylist()) <= {"TIME", "TIMESTAMP WITH TIME ZONE"}
    with pytest.raises(DataError) as raised:
        read(None, 2000, 2001)
    assert (raised.value.column, raised.value.row) == ("v", 3)


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


def parts(folder: Path, *tables: pa.Table) -> Mapping[str, Any]:
    """The input that several mapped tasks leave."""
    staging = Staging(folder.as_uri(), UPath)
    return staging.read(
        *(
            staging.write(("dag", "run", "task", str(number), "1"), table.to_reader())
            for number, table in enumerate(tables)
        )
    )


@pytest.mark.parametrize("key", ["data", "dataset", "table", "df"])
def test_columns_of_one_mapped_task_are_not_left_out_for_those_of_another(tmp_path: Path, key: str) -> None:
    given = parts(tmp_path / "one", pa.table({"a": [1]}), pa.table({"a": [2], "b": [3]}))
    with pytest.raises(DataError, match="it has more columns: b"):
        to_reader(given[key]).read_all()
    given = parts(tmp_path / "two", pa.table({"a": [1], "b": [2]}), pa.table({"b": [4], "a": [3]}))
    assert to_reader(given[key]).read_all().to_pylist() == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


@pytest.mark.parametrize("key", ["data", "dataset", "table", "df"])
def test_a_mapped_task_without_rows_and_columns_is_in_no_others_way(tmp_path: Path, key: str) -> None:
    """Such is what an API gives that has no records for the first of several accounts."""
    nothing, some = pa.table({}), pa.table({"a": [1], "b": [2]})
    for number, tables in enumerate([(nothing, some), (some, nothing), (nothing, some, nothing)]):
        given = parts(tmp_path / str(number), *tables)
        assert to_reader(given[key]).read_all().to_pylist() == [{"a": 1, "b": 2}]
        assert (given["columns"], given["rows"]) == (["a", "b"], 1)
    assert to_reader(parts(tmp_path / "none", nothing, nothing)[key]).read_all().num_rows == 0


def test_rows_as_dicts_keep_what_later_ones_have() -> None:
    rows: list[dict[str, Any]] = [{}, {"a": 1}, {"b": "x", "a": None}, {"c": [1]}]
    every: dict[str, Any] = {"a": None, "b": None, "c": None}
    assert to_reader(rows).read_all().to_pylist() == [{**every, **row} for row in rows]


NAIVE, AWARE = dt.datetime.fromisoformat("2024-01-01T12:00"), dt.datetime.fromisoformat("2024-01-01T12:00+02:00")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([dt.date(2024, 1, 1), NAIVE], "row 2 has times without a time zone, and rows before it have days"),
        ([NAIVE, None, AWARE], "row 3 has times with a time zone, and rows before it have times without a time zone"),
        ([1, "x"], "Could not convert 'x'"),
        ([2**53 + 1, 0.5], "9007199254740993"),
        ([1, 2**70], "too large"),
    ],
)
def test_rows_as_dicts_whose_values_would_change_are_refused(values: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=rf"Step s: its rows: column v: .*{said}"):
        to_reader([{"v": value} for value in values], "s")
    with pytest.raises(DataError, match=r"Step s: its rows: 2 rows without any column"):
        to_reader([{}, {}], "s")


def test_an_index_with_a_name_is_a_column() -> None:
    frame = pd.DataFrame({"r": ["a", "a", "b"], "q": [1, 2, 2], "v": [1, 2, 3]})
    assert to_reader(frame.groupby("r")[["v"]].sum()).read_all().to_pydict() == {"r": ["a", "b"], "v": [3, 3]}
    assert to_reader(frame.groupby(["r", "q"]).sum()).read_all().to_pylist() == frame.to_dict("records")
    kept = frame.set_index("v", drop=False)
    assert to_reader(kept).read_all().to_pylist() == frame.to_dict("records")


FINE = dt.datetime.fromisoformat("2024-01-01T12:00")


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (pa.array([1]), pa.array(["007"])),
        (pa.array(["x"]), pa.array([b"\xff"])),
        (pa.array([True]), pa.array([2])),
        (pa.array([dt.date(2024, 1, 1)]), pa.array([FINE])),
        (pa.array([1.5], pa.float32()), pa.array([0.1])),
        (pa.array([{"x": 1}]), pa.array([{"x": 1, "y": 2}])),
        (pa.array([1], pa.timestamp("s")), pa.array([1], pa.timestamp("s", "Europe/Prague"))),
        (pa.array([1], pa.timestamp("s", "UTC")), pa.array([1], pa.timestamp("s"))),
    ],
    ids=lambda column: str(column.type),
)
def test_a_later_chunk_whose_values_would_change_is_refused(first: pa.Array, later: pa.Array) -> None:
    chunks = iter([pa.table({"v": first}), pa.table({"v": later})])
    with pytest.raises(DataError, match=r"A later chunk does not fit the schema of the first: column v: "):
        to_reader(chunks).read_all()


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (pa.array([1]), pa.array([2, None], pa.int8())),
        (pa.array([1.5]), pa.array([2, None])),
        (pa.array([1.5]), pa.array([0.5, float("nan"), None], pa.float32())),
        (pa.array([1.5], pa.float32()), pa.array([0.5, float("nan"), None])),
        (pa.array(["x"]), pa.array(["y", None]).dictionary_encode()),
        (pa.array([1]), pa.nulls(2)),
        (pa.array([1], pa.timestamp("us", "UTC")), pa.array([1, None], pa.timestamp("s", "Europe/Prague"))),
        (pa.array([Decimal("1.50")]), pa.array([Decimal("2.5"), None])),
    ],
    ids=lambda column: str(column.type),
)
def test_a_later_chunk_whose_values_stay_is_taken(first: pa.Array, later: pa.Array) -> None:
    chunks = iter([pa.table({"v": first}), pa.table({"v": later})])
    read = to_reader(chunks).read_all()["v"].to_pylist()
    assert str(read) == str([*first.to_pylist(), *later.cast(first.type).to_pylist()])
