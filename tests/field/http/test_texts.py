"""Texts of APIs under a declared type are what they say, or an error that names step, column and record."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.http.json.columns import type_of
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.drivers.incremental.ordering import Order, OrderError
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.testing.context import RecordingContext

from tests.field.http.reads import read

TINY = "1e-999999999"
"""Of which Arrow makes a decimal by reading beyond its tables: the process dies."""


def column_of(declared: str, *values: Any) -> list[Any]:
    """Return the values of a column of this type."""
    rows = [{"a": value} for value in values]
    actual: list[Any] = to_batches([rows], step_id="s", types={"a": declared}).read_all()["a"].to_pylist()
    return actual


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("int64", "42", 42),
        ("int64", "-7", -7),
        ("int64", "00501", 501),
        ("int64", "2.0", 2),
        ("int64", "1e3", 1000),
        ("uint64", "18446744073709551615", 2**64 - 1),
        ("double", "19.99", 19.99),
        ("double", "12345678901234567.89", 12345678901234567.89),
        ("double", "-Infinity", float("-inf")),
        ("float32", "0.5", 0.5),
        ("decimal(12,2)", "19.9", Decimal("19.90")),
        ("decimal(12,2)", "1e3", Decimal(1000)),
        ("decimal(38,2)", "12345678901234567.89", Decimal("12345678901234567.89")),
        ("time64[us]", "23:59:59.123456", dt.time(23, 59, 59, 123456)),
        ("time64[us]", "12:34", dt.time(12, 34)),
        ("time32[s]", "12:34:56.000", dt.time(12, 34, 56)),
        ("time32[ms]", "12:34:56.789", dt.time(12, 34, 56, 789000)),
        ("date32", "2026-01-31", dt.date(2026, 1, 31)),
    ],
)
def test_texts_are_what_they_say(declared: str, text: str, value: Any) -> None:
    assert column_of(declared, text, None) == [value, None]
    assert column_of(declared, "0" if "time" not in declared and "date" not in declared else text, text)[1] == value


def test_nanoseconds_of_a_time_of_day_are_kept_where_they_are_declared() -> None:
    table = to_batches([[{"a": "12:34:56.123456789"}]], step_id="s", types={"a": "time64[ns]"}).read_all()
    assert table["a"].cast(pa.int64()).to_pylist() == [45296123456789]


@pytest.mark.parametrize(
    ("declared", "text", "complaint"),
    [
        ("bool", "true", "a text, not true or false"),
        ("bool", "1", "a text, not true or false"),
        ("int64", "0x1F", "not a number"),
        ("int64", "+5", "not a number"),
        ("int64", " 42", "not a number"),
        ("int64", "1_000", "not a number"),
        ("int64", "", "not a number"),
        ("int64", "1.5", "a fraction"),
        ("int64", "9223372036854775808", "out of its range"),
        ("double", "1e400", "beyond the range of a double"),
        ("double", "1e-400", "beyond the range of a double"),
        ("double", "9007199254740993", "more digits than a double holds"),
        ("double", "inf", "not a number"),
        ("double", "nan", "not a number"),
        ("float32", "16777217", "a whole one that it would round"),
        ("float32", "1e39", "beyond the range of its type"),
        ("float32", "1e-50", "beyond the range of its type"),
        ("halffloat", "70000", "beyond the range of its type"),
        ("decimal(12,2)", "19.999", "more digits"),
        ("decimal(12,2)", " 19.99", "not a number"),
        ("decimal(12,2)", "1_000.5", "not a number"),
        ("decimal(12,2)", "١٢", "not a number"),
        ("decimal(12,2)", "NaN", "not a number"),
        ("decimal(12,2)", "1e400", "too many digits"),
        ("decimal(12,2)", TINY, "too many digits"),
        ("time64[us]", "12:34:56+02:00", "with an offset"),
        ("time64[us]", "12:34:56.123456789", "more digits than the type"),
        ("time32[s]", "12:34:56.7", "more digits than the type"),
        ("time64[us]", "24:00", "out of its range"),
        ("time64[us]", "noon", "not a time of day"),
        ("date32", "2026-01-31T00:00:00", "not such a value"),
    ],
)
def test_texts_that_arrow_would_bend_are_errors(declared: str, text: str, complaint: str) -> None:
    good = {"bool": True, "date32": "2026-01-31"}.get(declared, "00:00" if "time" in declared else 0)
    for values in ([text], [good, text], [None, text]):
        with pytest.raises(DataError, match=f"Step s: column 'a' on page 1 .*{complaint}") as raised:
            column_of(declared, *values)
        assert raised.value.row == len(values)


@given(st.lists(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,10})?", fullmatch=True), min_size=1))
@pytest.mark.parametrize("declared", ["int64", "decimal(38,10)", "double"])
def test_texts_of_numbers_arrive_exactly_or_not_at_all(declared: str, texts: list[str]) -> None:
    try:
        actual = column_of(declared, *texts)
    except DataError:
        return
    for text, value in zip(texts, actual, strict=True):
        assert value == (float(text) if declared == "double" else Decimal(text))
        # With a point or an exponent it is a number of so many digits; without, it may be an id.
        assert declared != "double" or not text.lstrip("-").isdigit() or int(value) == Decimal(text)


@pytest.mark.parametrize("zone", ["Nowhere/X", "CETT"])
def test_a_zone_that_is_none_is_refused_before_anything_is_read(zone: str) -> None:
    with pytest.raises(DriverConfigError, match="is not a type such as"):
        column_of(f"timestamp[us, {zone}]", "2026-01-02T03:04:05Z")
    assert type_of("timestamp[us, Europe/Prague]") == pa.timestamp("us", "Europe/Prague")


@pytest.mark.parametrize(
    ("records", "column", "record"),
    [
        ('{"a": 1}, {"a": 1e400}', "a", 2),
        ('{"a": 1e400}', "a", 1),
        ('{"a": 1}, {"a": 2}, {"a": null}, {"a": "x"}, {"a": 3}', "a", 4),
        ('{"a": {"b": [1]}}, {"a": {"b": [1, 1e400]}}, {"a": {"b": []}}', "a", 2),
        ('{"a": {}}, {"a": {"b": 1}}, {"a": {"b": true}}', "a", 3),
        ('{"a": 0.1}, {"a": 1}, {"a": 1234567890123456789012345678901234567890}', "a", 3),
        ('{"b": 1}, {"a": 1, "b": 2}, {"\\ud800": 1}', "\ud800", 3),
    ],
)
def test_a_value_that_no_type_takes_is_named_with_its_record(records: str, column: str, record: int) -> None:
    with pytest.raises(DataError, match=f"Step read: .*record {record} on page 1") as raised:
        read(f"[{records}]")
    assert (raised.value.column, raised.value.row) == (column, record)
    assert ascii(column) in str(raised.value)


def test_a_record_is_named_by_its_page() -> None:
    pages: list[list[dict[str, Any]]] = [[{"a": 1}, {"a": 2}], [{"a": 3}, {"a": "x"}]]
    with pytest.raises(DataError, match="record 2 on page 2"):
        to_batches(pages, step_id="s")
    late: list[list[dict[str, Any]]] = [[{"a": 1}], [{"a": 1}, {"a": 1, "b": 2}]]
    with pytest.raises(DataError, match="column 'b' appears first on page 2 in record 2") as raised:
        to_batches(late, step_id="s", infer_rows=1).read_all()
    assert (raised.value.column, raised.value.row) == ("b", 2)


# The same number in other places where texts become decimals.


@pytest.mark.parametrize("declared", ["decimal(12, 2)", "decimal256(50, 2)", "decimal32(9, 2)"])
def test_a_file_with_such_an_exponent_is_an_error(declared: str, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"

    def rows(text: str, **config: Any) -> list[Any]:
        path.write_text(text)
        step = {"path": str(path), "column_types": {"a": declared}, **config}
        result = get_driver("filesystem.csv_extractor").run(step_id="s", config=step, inputs={}, ctx=RecordingContext())
        actual: list[Any] = result["data"].read_all()["a"].to_pylist()
        return actual

    with pytest.raises(DataError, match=f"column a, row 2: '{TINY}' is no decimal"):
        rows(f"a\n1.5\n{TINY}\n")
    # Where another column holds what looks so, nothing else changes.
    assert rows("a;b\n 1,5 ;x\n;ae-12345\n", delimiter=";", decimal_point=",") == [Decimal("1.50"), None]


def test_a_cursor_with_such_an_exponent_is_an_error() -> None:
    with pytest.raises(OrderError, match=f"holds '{TINY}', which is not a number"):
        Order(pa.string(), "number", is_undeclared=True).keys(pa.array(["1", TINY]))
