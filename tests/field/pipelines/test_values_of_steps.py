"""What steps return is not changed on its way into Arrow: what would be is refused, and a lost index is said."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.drivers.data import to_reader
from osiris_provider.errors import DataError

DAY, NOON = dt.date(2024, 1, 1), dt.datetime.fromisoformat("2024-01-01T12:00:00")
ZONED = NOON.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))
FINE = pd.Timestamp("2024-01-01T00:00:00.123456789")
BENT: list[tuple[list[Any], str]] = [
    (["a", None, b"b"], "row 3 has bytes, and rows before it have text"),
    ([b"b", bytearray(b"c"), "a"], "row 3 has text, and rows before it have bytes"),
    ([DAY, NOON], "row 2 has times without a time zone, and rows before it have days without a time"),
    ([NOON, ZONED], "row 2 has times with a time zone, and rows before it have times without a time zone"),
    ([[DAY], [DAY, NOON]], "row 2 has times without a time zone"),
    ([{"d": DAY}, {}, {"d": NOON}], "row 3 has times without a time zone"),
    ([{"d": [{"e": "a"}]}, {"d": [{"e": b"a"}]}], "row 2 has bytes"),
    (
        [dt.time(12), dt.time(12, tzinfo=dt.timezone.utc)],
        "row 2 has a time of day with a time zone, which would be lost",
    ),
    ([NOON, FINE], "row 2 has nanoseconds, which would be cut"),
    ([pd.Timedelta(1001, "ns")], "row 1 has nanoseconds, which would be cut"),
]


def rows_of(values: list[Any]) -> list[dict[str, Any]]:
    return [{"n": number, "v": value} for number, value in enumerate(values)]


@pytest.mark.parametrize(("values", "said"), BENT, ids=[said[:50] for _, said in BENT])
def test_values_that_would_be_others_are_refused(values: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=f"Step s: its rows: column v: {said}"):
        to_reader(rows_of(values), "s")
    frame = pd.DataFrame({"n": range(len(values)), "v": pd.Series(values, dtype="object")})
    table = None
    try:
        table = to_reader(frame, "s").read_all()
    except DataError as error:
        assert f"Step s: its frame: column v: {said}" in str(error)  # noqa: PT017 - or it is kept, see below
    # pandas' own times keep their nanoseconds.
    assert table is None or (said.endswith("cut") and str(table["v"].type).endswith("[ns]"))


KEPT: list[list[Any]] = [
    ["a", None, "b"],
    [b"a", None],
    [DAY, None],
    [NOON, None],
    [ZONED, ZONED.astimezone(dt.timezone.utc)],
    [dt.time(12), None],
    [{"d": DAY, "e": NOON, "f": "a", "g": b"a"}, {"d": None}],
    [[DAY], None, []],
    [dt.timedelta(1)],
    [1, 2],
]


@pytest.mark.parametrize("values", KEPT, ids=str)
def test_values_of_one_kind_are_kept(values: list[Any]) -> None:
    expected = pa.array(values).to_pylist()
    assert to_reader(rows_of(values)).read_all()["v"].to_pylist() == expected
    frame = pd.DataFrame({"v": pd.Series(values, dtype="object")})
    assert to_reader(frame).read_all()["v"].to_pylist() == expected


def test_periods_and_objects_that_arrow_takes_for_something_else_are_refused() -> None:
    frame = pd.DataFrame({"v": pd.period_range("2024-01", periods=2, freq="M")})
    with pytest.raises(DataError, match="Step s: its frame: column v: periods would be numbers"):
        to_reader(frame, "s")
    assert to_reader(frame.astype({"v": str})).read_all()["v"].to_pylist() == ["2024-01", "2024-02"]
    with pytest.raises(DataError, match="Step s: its frame: column v holds objects of Python"):
        to_reader(pl.DataFrame({"v": pl.Series([object()], dtype=pl.Object)}), "s")
    with pytest.raises(DataError, match="column v holds objects"):
        to_reader(iter([pl.DataFrame({"v": pl.Series([object()], dtype=pl.Object)})]), "s").read_all()


CATEGORIES: list[tuple[list[Any], Any]] = [
    (["a", None, "b"], pl.Categorical),
    (["a", None, "b"], pl.Enum(["a", "b"])),
    ([["a"], None, ["b"]], pl.List(pl.Categorical)),
    ([{"c": "a"}, {"c": None}], pl.Struct({"c": pl.Categorical})),
]


@pytest.mark.parametrize(("values", "dtype"), CATEGORIES, ids=str)
def test_categories_of_polars_are_texts_in_parquet(values: list[Any], dtype: Any) -> None:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype)})
    for data in (frame, iter([frame])):
        file = pa.BufferOutputStream()
        pq.write_table(to_reader(data).read_all(), file)
        assert pq.read_table(pa.BufferReader(file.getvalue()))["v"].to_pylist() == values


@pytest.mark.parametrize(
    "dtype",
    [pl.Int128, pl.List(pl.Int128), pl.Array(pl.Int128, 1), pl.Struct({"a": pl.Int8, "b": pl.List(pl.Int128)})],
    ids=str,
)
def test_integers_of_polars_that_arrow_has_not_are_refused_by_the_name_of_their_column(dtype: Any) -> None:
    with pytest.raises(DataError, match=r"Step s: its frame: column v is of type .*Arrow has no Int128") as raised:
        to_reader(pl.DataFrame({"n": [1], "v": pl.Series([None], dtype=dtype)}), "s")
    assert (raised.value.step, raised.value.column) == ("s", "v")


@pytest.mark.parametrize("column", [pl.Series("v", [1]), pa.chunked_array([[1]])], ids=["polars", "Arrow"])
def test_a_column_alone_is_no_table(column: Any) -> None:
    with pytest.raises(DataError, match=r"Step s: its result of type .* is not tabular .*; return a frame") as raised:
        to_reader(column, "s")
    assert raised.value.step == "s"


LOST = "Step s: its frame: the index of the frame is left out"
V = {"v": [1, 2]}
INDEXES: list[tuple[Any, bool]] = [
    (pd.DataFrame(V), False),
    (pd.DataFrame({"v": [1, 2, 3]})[lambda frame: frame.v > 1], False),
    (pd.DataFrame(V, index=pd.Index(["x", "y"], name="k")), False),
    (pd.DataFrame(V).set_index("v", drop=False), False),
    (pd.DataFrame(V, index=["x", "y"]), True),
    (pd.DataFrame(V, index=pd.date_range("2024-01-01", periods=2)), True),
    (pd.DataFrame(V, index=np.array([0.5, 1.5])), True),
    (pd.DataFrame(V, index=pd.Index([7, 8], name="v")), True),
    (pd.DataFrame(V, index=pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["k", None])), True),
]


@pytest.mark.parametrize("number", range(len(INDEXES)))
def test_an_index_that_is_left_out_is_said(number: int, caplog: pytest.LogCaptureFixture) -> None:
    frame, is_lost = INDEXES[number]
    with caplog.at_level(logging.WARNING):
        assert to_reader(frame, "s").read_all().num_rows == 2
    assert (LOST in caplog.text) is is_lost
