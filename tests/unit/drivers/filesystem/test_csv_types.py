"""Which type a column of texts gets: one whose values are exactly what is written, or none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.filesystem.csv_types import common, infer, parse_as

INT, DOUBLE, BOOL, TEXT = pa.int64(), pa.float64(), pa.bool_(), pa.string()
DAY = dt.date(2026, 1, 31)
NOON = dt.datetime.combine(DAY, dt.time(12))
STAMP = {unit: pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")}
UTC = {unit: pa.timestamp(unit, "UTC") for unit in STAMP}
TIME = {"s": pa.time32("s"), "ms": pa.time32("ms"), "us": pa.time64("us"), "ns": pa.time64("ns")}


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["0", "-7", None, "42"], INT, [0, -7, None, 42]),
        (["9223372036854775807", "-9223372036854775808"], INT, [2**63 - 1, -(2**63)]),
        (["1", "2.5"], DOUBLE, [1, 2.5]),
        (["1.50", ".5", "-.5", "1.5e-7", "0"], DOUBLE, [1.5, 0.5, -0.5, 1.5e-7, 0]),
        (["-0"], DOUBLE, [-0.0]),
        (["0.1", "9007199254740992"], DOUBLE, [0.1, 2**53]),
        (["1234567890.12345"], DOUBLE, [1234567890.12345]),
        (
            ["true", "False", None, "TRUE", "FALSE", "True", "false"],
            BOOL,
            [True, False, None, True, False, True, False],
        ),
        (["2026-01-31", "0001-01-01", "9999-12-31"], pa.date32(), [DAY, dt.date.min, dt.date.max]),
        (["12:00:00", None], TIME["s"], [dt.time(12), None]),
        (["12:00:00", "12:00:00.5"], TIME["ms"], [dt.time(12), dt.time(12, 0, 0, 500_000)]),
        (["12:00:00.0001"], TIME["us"], [dt.time(12, 0, 0, 100)]),
        (["2026-01-31 12:00:00", "2026-01-31T12:00:00"], STAMP["s"], [NOON, NOON]),
        (["2026-01-31T12:00:00.001"], STAMP["ms"], [NOON.replace(microsecond=1000)]),
        (["2026-01-31 12:00:00", "2026-01-31 12:00:00.000001"], STAMP["us"], [NOON, NOON.replace(microsecond=1)]),
        (["2026-01-31 12:00:00Z", "2026-01-31 14:00:00+02", "2026-01-31 10:30:00-01:30"], UTC["s"], ["12:00"] * 3),
        (["2026-01-31T12:00:00.5Z", "2026-01-31T14:00:00+0200"], UTC["ms"], ["12:00", "12:00"]),
    ],
)
def test_values_have_the_type_that_holds_them(texts: list[str | None], dtype: pa.DataType, values: list[Any]) -> None:
    typed = infer(pa.array(texts, TEXT), ".")
    assert typed.type == dtype
    actual = typed.to_pylist()
    assert [f"{value:%H:%M}" for value in actual] == values if dtype in UTC.values() else actual == values
    again = parse_as(pa.array(texts, TEXT), dtype, ".")
    assert again is not None
    assert again.equals(typed)


@pytest.mark.parametrize(
    "texts",
    [
        *(["00501"], ["-01"], ["+42"], ["0x1F"], ["1 "], [" 1"], ["1_000"], ["9223372036854775808"]),
        *(["1."], ["01.5"], ["1e5"], ["12E4"], ["NAN"], ["nan"], ["inf"], ["1,5"], ["1.5e"]),
        *(["1.5", "01"], ["1.5", "x"]),
        # A double has other digits, or no such exponent.
        *(["0.5", "9007199254740993"], ["0.5", "-9007199254740993"], ["0.1234567890123456789"]),
        *(["1.5e400"], ["1.5e9999999999999999999"]),
        *(["yes"], ["t"], ["tRUE"], ["true", "1"], ["1", "true"]),
        *(["2026-02-30"], ["2026-1-31"], ["2026-01-31 "], ["2026-01-31", "2026-01-31 12:00:00"], ["31.01.2026"]),
        *(["12:00"], ["12:00:00", "12:00"], ["24:00:00"], ["12:00:60"], ["12:00:00.1234567890"]),
        *(["2026-01-31 12:00:00", "2026-01-31"], ["2026-01-31 12:00"], ["2026-01-31 12:00:00", "2026-01-31 12:00:00Z"]),
        *(["2026-01-31 25:00:00"], ["2026-01-31 12:00:00.1234567890"], ["2026-01-31 12:00:00 Z"], ["x"]),
        *([], [None], [None, None], ["", "1"]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_exactly_what_is_written_stays_a_text(texts: list[str | None]) -> None:
    column = pa.array(texts, TEXT)
    assert infer(column, ".").equals(column)


@pytest.mark.parametrize(
    ("text", "value"), [("1,5", 1.5), ("-,5", -0.5), ("1,5e2", 150.0), ("7", 7), ("1.5", "1.5"), ("1.500", "1.500")]
)
def test_numbers_have_the_point_that_the_config_says(text: str, value: Any) -> None:
    assert infer(pa.array([text]), ",").to_pylist() == [value]
    parsed = parse_as(pa.array([text]), DOUBLE, ",")
    assert (parsed.to_pylist() if parsed is not None else None) == (None if value == text else [value])


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        *[
            ("1.5", INT),
            ("x", DOUBLE),
            ("01", DOUBLE),
            ("yes", BOOL),
            ("true", INT),
            ("2026-01-31 12:00:00", pa.date32()),
        ],
        *[("12:00:00.5", TIME["s"]), ("2026-01-31", STAMP["s"]), ("2026-01-31 12:00:00.5", STAMP["s"])],
        *[("2026-01-31 12:00:00", UTC["s"]), ("2026-01-31 12:00:00Z", STAMP["s"]), ("12:00", TIME["s"])],
    ],
    ids=str,
)
def test_a_later_value_that_is_not_of_the_type_is_none_of_it(text: str, dtype: pa.DataType) -> None:
    assert parse_as(pa.array([text]), dtype, ".") is None
    nulls = parse_as(pa.array([None, None], TEXT), dtype, ".")
    assert nulls is not None
    assert nulls.equals(pa.nulls(2, dtype))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (INT, INT, INT),
        (TEXT, TEXT, TEXT),
        (INT, DOUBLE, DOUBLE),
        (INT, BOOL, TEXT),
        (pa.date32(), STAMP["s"], TEXT),
        (TIME["s"], STAMP["s"], TEXT),
        (STAMP["s"], UTC["s"], TEXT),
        *[(family["s"], family[unit], family[unit]) for family in (STAMP, UTC, TIME) for unit in ("ms", "us", "ns")],
        *[(family["us"], family["ns"], family["ns"]) for family in (STAMP, UTC, TIME)],
    ],
    ids=str,
)
def test_a_column_with_two_types_has_one_that_holds_both(
    one: pa.DataType, other: pa.DataType, both: pa.DataType
) -> None:
    assert (common(one, other), common(other, one)) == (both, both)
