"""What a processor reads is what the step before gave, in types that DuckDB has, or is refused by row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.duckdb.extractor import DuckDBProcessor
from osiris_provider.drivers.duckdb.inputs import plain_names
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


def process(data: dict[str, Any], **config: Any) -> pa.Table:
    config["query"] = "SELECT * FROM e"
    result = DuckDBProcessor().run(step_id="p", config=config, inputs={"e": data}, ctx=RecordingContext())
    return result["data"].read_all()


def chunks(table: pa.Table) -> dict[str, Any]:
    return {"data": ({"data": table.slice(row, 1)} for row in range(table.num_rows))}


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        ([], {}),
        (["plain", "Plain2"], {}),
        (["group.extract"], {"group_extract": "group.extract"}),
        (["A-b c", "žluť.1"], {"a_b_c": "A-b c", "žluť_1": "žluť.1"}),
        # Another input has the name, or would have it too.
        (["a.b", "a_b"], {}),
        (["a.b", "A_B"], {}),
        (["a.b", "A-B", "c.d"], {"c_d": "c.d"}),
    ],
)
def test_the_plain_spelling_of_a_name_means_one_input(names: list[str], plain: dict[str, str]) -> None:
    assert plain_names(names) == plain


NOON = dt.datetime.fromisoformat("2024-02-29T12:00:00.000001+00:00")
LEAVES: dict[str, tuple[pa.DataType, Any, Any]] = {
    "half": (pa.float16(), 1.5, 1.5),
    "wide": (pa.decimal256(76, 2), Decimal("1.25"), Decimal("1.25")),
    "of 38 digits": (pa.decimal256(40, 38), Decimal("0.5"), Decimal("0.5")),
    "of more": (pa.decimal256(40, 39), Decimal("1.5"), f"1.5{'0' * 38}"),
    "span": (pa.duration("ns"), dt.timedelta(seconds=90), "00:01:30"),
    "clock": (pa.time64("ns"), NOON.time(), NOON.time()),
    "moment": (pa.timestamp("ns", "UTC"), NOON, NOON),
}
"""Types that DuckDB has not, or not in all versions, a value, and how it comes."""
BOXES: dict[str, tuple[Callable[[pa.DataType], pa.DataType], Callable[[Any], Any]]] = {
    "plain": (lambda dtype: dtype, lambda value: value),
    "struct": (lambda dtype: pa.struct([("a", dtype)]), lambda value: {"a": value}),
    "list": (pa.list_, lambda value: [value, None]),
    "large list": (pa.large_list, lambda value: [value, None]),
    "list of two": (lambda dtype: pa.list_(dtype, 2), lambda value: [value, None]),
    "map": (lambda dtype: pa.map_(pa.string(), dtype), lambda value: [("k", value)]),
    "key": (lambda dtype: pa.map_(dtype, pa.bool_()), lambda value: [(value, True)]),
    "deep": (lambda dtype: pa.list_(pa.struct([("a", pa.list_(dtype, 1))])), lambda value: [{"a": [value]}]),
}


@pytest.mark.parametrize("as_chunks", [False, True])
@pytest.mark.parametrize("leaf", LEAVES)
def test_values_of_types_that_duckdb_has_not_stay_what_they_are(leaf: str, as_chunks: bool) -> None:
    dtype, value, expected = LEAVES[leaf]
    table = pa.table({name: pa.array([None, box(value)], of(dtype)) for name, (of, box) in BOXES.items()})
    actual = process(chunks(table) if as_chunks else {"data": table}).to_pydict()
    assert actual == {name: [None, box(expected)] for name, (_, box) in BOXES.items()}


DIGITS = "the value needs more than the 38 digits that DuckDB's DECIMAL has"
NANOSECONDS = "the value needs more than the 6 digits of a second that DuckDB has"


@pytest.mark.parametrize("as_chunks", [False, True])
@pytest.mark.parametrize(
    ("dtype", "bad", "said"),
    [
        (pa.decimal256(39, 0), Decimal("9" * 39), DIGITS),
        (pa.decimal256(50, 38), Decimal("1.5"), DIGITS),
        (pa.duration("ns"), pa.scalar(1, pa.duration("ns")), NANOSECONDS),
        *(
            (box(pa.duration("ns")), pa.scalar([1], box(pa.duration("ns"))), NANOSECONDS)
            for box in (pa.list_, pa.large_list)
        ),
    ],
)
def test_a_value_that_duckdb_cannot_hold_is_refused_by_row(
    dtype: pa.DataType, bad: Any, said: str, as_chunks: bool
) -> None:
    table = pa.table({"a": range(4), "b": pa.array([None, None, bad, None], dtype), "c": range(4)})
    with pytest.raises(DataError) as raised:
        process(chunks(table) if as_chunks else {"data": table})
    assert raised.value.message.startswith(f"Step p: input e: column b, row 3: as {dtype} {said}. CAST it")
    assert (raised.value.step, raised.value.column, raised.value.row) == ("p", "b", 3)


def test_what_lies_beside_a_part_of_a_table_does_not_matter() -> None:
    spans = pa.array([[1], [1000], [1]], pa.list_(pa.duration("ns")))
    assert process({"data": pa.table({"a": spans}).slice(1, 1)}).to_pydict() == {"a": [["00:00:00.000001"]]}


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_spans_in_a_file_are_spans(unit: str, alone: bool, tmp_path: Path) -> None:
    duration = dt.timedelta(seconds=90)
    # A folder such as this one is no column.
    path = tmp_path / "env=prod" / "it's.parquet"
    path.parent.mkdir()
    config = {} if alone else {"resolved_connection": {"family": "duckdb", "path": ":memory:"}}
    for name, dtype, value, expected in (
        ('a"b', pa.duration(unit), duration, "00:01:30"),
        ("l", pa.list_(pa.duration(unit)), [duration], ["00:01:30"]),
    ):
        table = pa.table({name: pa.array([value], dtype)})
        pq.write_table(table, path)
        assert process({"data": table, "path": str(path)}, **config).to_pydict() == {name: [expected]}
