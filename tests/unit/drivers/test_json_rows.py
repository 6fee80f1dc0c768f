"""JSON records as Arrow: what is inferred, what is declared, and that nothing is lost in silence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.errors import DataError, DriverConfigError


def table_of(*pages: Rows, **options: Any) -> pa.Table:
    return to_batches(pages, step_id="s", **options).read_all()


def test_types_are_inferred() -> None:
    rows: Rows = [
        {"i": 1, "f": 1, "s": "a", "b": True, "o": {"x": None, "y": [1]}, "l": [], "n": None},
        {"i": 2, "f": 1.5, "s": None, "b": False, "o": {"y": [2], "z": "z"}, "l": [{"k": 1}], "later": 3},
    ]
    table = table_of(rows)
    assert table.schema.field("i").type == pa.int64()
    assert table.schema.field("f").type == pa.float64()
    assert table.schema.field("n").type == pa.string()
    assert table.schema.field("l").type == pa.list_(pa.struct([("k", pa.int64())]))
    assert table.schema.field("later").type == pa.int64()
    expected = {"x": None, "y": [1], "z": None}
    assert table.column("o").to_pylist() == [expected, {"x": None, "y": [2], "z": "z"}]


def test_inference_looks_at_as_many_rows_as_told() -> None:
    pages: list[Rows] = [[{"a": 1}], [{"a": 2.5}], [{"a": 3}]]
    assert table_of(*pages).column("a").to_pylist() == [1.0, 2.5, 3.0]
    with pytest.raises(DataError, match=r"Step s: column 'a' on page 2 .*infer_rows"):
        table_of(*pages, infer_rows=1)


def test_pages_are_not_held() -> None:
    taken: list[int] = []

    def pages() -> Iterator[Rows]:
        for number in range(5):
            taken.append(number)
            yield [{"a": number}]

    reader = to_batches(pages(), step_id="s", infer_rows=2)
    assert taken == [0, 1]
    assert [batch.num_rows for batch in reader] == [1] * 5
    assert taken == [0, 1, 2, 3, 4]


def test_missing_values_are_null() -> None:
    assert table_of([{"a": 1, "b": 1}], [{"a": 2}], infer_rows=1).column("b").to_pylist() == [1, None]


@pytest.mark.parametrize(
    ("later", "complaint"),
    [
        ({"a": 1, "fresh": 2}, "column 'fresh' appears first on page 2"),
        ({"a": "text"}, "column 'a' on page 2 holds a value that is not int64"),
        ({"a": 1.5}, "column 'a' on page 2 holds a value that is not int64"),
        ({"a": True}, "column 'a' on page 2 holds a value that is not int64"),
        ({"a": 2**70}, "column 'a' on page 2 holds a value that is not int64"),
        ({"a": {"x": 1}}, "column 'a' on page 2 holds a value that is not int64"),
        ({"o": {"x": 1, "fresh": 2}}, "column 'o' on page 2 holds a value that is not (?:struct|list)"),
        ({"o": {"x": "text"}}, "column 'o' on page 2 holds a value"),
        ({"l": [{"x": 1}, {"fresh": 2}]}, "column 'l' on page 2 holds a value that is not (?:struct|list)"),
        ({"n": {"x": 1}}, "column 'n' on page 2 holds a value that is not string"),
    ],
)
def test_what_does_not_fit_is_an_error(later: dict[str, Any], complaint: str) -> None:
    first: dict[str, Any] = {"a": 1, "o": {"x": 1}, "l": [{"x": 1}], "n": None}
    with pytest.raises(DataError, match=f"Step s: {complaint}"):
        table_of([first], [later], infer_rows=1)


def test_column_without_a_common_type() -> None:
    with pytest.raises(DataError, match=r"column 'a' holds values of no common type \(number, text\).*a: string"):
        table_of([{"a": 1}, {"a": "x"}])


def test_objects_without_fields_are_text(tmp_path: Any) -> None:
    table = table_of([{"o": {}, "deep": {"x": [{}]}}], [{"o": {"k": "é"}, "deep": None}], infer_rows=1)
    assert table.to_pylist() == [{"o": "{}", "deep": '{"x": [{}]}'}, {"o": '{"k": "é"}', "deep": None}]
    pq.write_table(table, tmp_path / "t.parquet")


def test_declared_types() -> None:
    types = {
        "id": "int32",
        "at": "timestamp",
        "day": "date32",
        "price": "decimal(12,2)",
        "ratio": "float64",
        "any": "string",
        "flag": "bool",
        "absent": "string",
    }
    rows: Rows = [
        {"id": 1, "at": "2026-01-02T03:04:05.5Z", "day": "2026-01-02", "price": "9.90", "ratio": 1, "any": {"a": [1]}},
        {"id": None, "at": "2026-01-02T03:04:05+02:00", "any": "as it is", "flag": True, "left": "out"},
    ]
    first, second = table_of(rows, types=types).to_pylist()
    assert first["at"] == dt.datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=dt.timezone.utc)
    assert second["at"] == dt.datetime(2026, 1, 2, 1, 4, 5, tzinfo=dt.timezone.utc)
    assert (first["day"], first["price"], first["ratio"]) == (dt.date(2026, 1, 2), Decimal("9.90"), 1.0)
    assert (first["any"], second["any"], second["flag"]) == ('{"a": [1]}', "as it is", True)
    assert "left" not in second
    assert second["absent"] is None


def test_declared_types_of_no_rows() -> None:
    assert table_of(types={"id": "int64"}).schema == pa.schema([("id", pa.int64())])
    assert table_of().schema == pa.schema([])


@pytest.mark.parametrize("value", ["not a date", "2026-13-01T00:00:00Z", 5.5, {"a": 1}])
def test_declared_type_that_does_not_fit(value: Any) -> None:
    with pytest.raises(DataError, match="column 'at' on page 1"):
        table_of([{"at": value}], types={"at": "timestamp"})


@pytest.mark.parametrize(
    "text",
    [
        "integer",
        "",
        "decimal(99,2)",
        "decimal(138,2)",
        "int64 ",
        "timestamp[us, Nowhere]",
        "timestamp[d, UTC]",
        "timestamps",
    ],
)
def test_type_that_is_none(text: str) -> None:
    with pytest.raises(DriverConfigError, match=r"Step s: config field types: .* of column id is not a type") as raised:
        table_of([{"id": 1}], types={"id": text})
    assert raised.value.step == "s"


def test_a_column_of_other_fields_has_a_name_of_its_own() -> None:
    for types in (None, {"id": "int64"}):
        with pytest.raises(DriverConfigError, match="Step s: config field other_fields: 'id' is a field") as raised:
            table_of([{"id": 1}], types=types, other_fields="id")
        assert raised.value.step == "s"
        assert table_of([{"id": 1}], types=types, other_fields="x").to_pylist() == [{"id": 1, "x": None}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


@given(rows=st.lists(st.dictionaries(st.text(max_size=2), JSON, max_size=3), max_size=4))
def test_either_all_arrives_or_it_is_an_error(rows: Rows) -> None:
    try:
        actual = table_of(rows).to_pylist()
    except DataError:
        return
    assert len(actual) == len(rows)
    for row, arrived in zip(rows, actual, strict=False):
        for name, value in row.items():
            if isinstance(value, str | bool | int) or value is None:
                assert arrived[name] == value
