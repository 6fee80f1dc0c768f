"""Types of JSON values at their bounds: numbers of many digits and with any exponent, and values within values."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

import pyarrow as pa
import pytest
from osiris_provider.connectors.http.json_text import parse_json
from osiris_provider.drivers.http.json.columns import Rows, type_of
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.drivers.http.json.types import MAX_DEPTH, WIDEST, decimal_of
from osiris_provider.errors import DataError

DECLARED: Final = (None, "int64", "double", "float32", "halffloat", "decimal(12,2)", "decimal(38,0)")


def column_of(*texts: str, declared: str | None = None) -> pa.ChunkedArray:
    """Return the column of these JSON texts."""
    rows: Rows = [{"a": value} for value in parse_json(f"[{', '.join(texts)}]".encode())]
    return to_batches([rows], step_id="s", types={"a": declared} if declared else None).read_all()["a"]


@pytest.mark.parametrize(
    "text",
    [
        "9" * WIDEST,
        f"0.{'9' * WIDEST}",
        f"1e-{WIDEST}",
        f"-1e{WIDEST - 1}",
        f"{'9' * WIDEST}.{'9' * WIDEST}",
        "0",
        "-0.5",
    ],
)
def test_numbers_that_a_decimal_of_arrow_has_are_exact(text: str) -> None:
    assert decimal_of(parse_json(text.encode())) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        f"1e-{WIDEST + 1}",
        f"-1e{WIDEST + 1}",
        f"{'9' * WIDEST}.{'9' * WIDEST}9",
        "NaN",
        "-Infinity",
        "1e99999999999999999999",
    ],
)
def test_numbers_that_no_decimal_of_arrow_has_are_none(text: str) -> None:
    assert decimal_of(parse_json(text.encode())) is None


@pytest.mark.parametrize("text", ["0e-999999999", "-0.0e-10000000", "0e999999999", "0E77", "0e-77"])
@pytest.mark.parametrize("declared", DECLARED)
def test_zero_is_zero_whatever_its_exponent(text: str, declared: str | None) -> None:
    """Arrow makes a decimal of 0e-10000000 by reading beyond its tables: the process dies."""
    assert column_of("1", text, declared=declared).to_pylist() == [1, 0]
    if declared:
        assert column_of("1", f'"{text}"', declared=declared).to_pylist() == [1, 0]
    assert column_of("12345678901234567.5", text).to_pylist() == [Decimal("12345678901234567.5"), 0]


@pytest.mark.parametrize("text", ["1e-99999999999999999999", "-1e99999999999999999999", "1e400", "1E400", "-1.5E-400"])
@pytest.mark.parametrize("declared", DECLARED)
def test_a_number_beyond_all_types_is_an_error_in_words(text: str, declared: str | None) -> None:
    with pytest.raises(DataError, match="Step s: column 'a'"):
        column_of("1", text, declared=declared)
    assert column_of(text, declared="string").to_pylist() == [text]


@pytest.mark.parametrize("declared", [None, "double", "float32", "halffloat"])
def test_what_is_not_finite_is_so_as_a_float_and_nowhere_else(declared: str | None) -> None:
    texts = ["NaN", "Infinity", "-Infinity", "0.5"]
    for given in (texts, [f'"{text}"' for text in texts]) if declared else (texts,):
        nan, *others = column_of(*given, declared=declared).to_pylist()
        assert math.isnan(nan)
        assert others == [math.inf, -math.inf, 0.5]
    for text in texts[:3]:
        for other in ("int64", "decimal(12,2)"):
            with pytest.raises(DataError, match="page 1"):
                column_of(text, declared=other)


@pytest.mark.parametrize(
    ("texts", "dtype"),
    [
        (["-9223372036854775808", "9223372036854775807"], pa.int64()),
        (["0", "9223372036854775808"], pa.uint64()),
        (["0", "18446744073709551615"], pa.uint64()),
        (["-1", "9223372036854775808"], pa.decimal128(38, 0)),
        (["-9223372036854775809"], pa.decimal128(38, 0)),
        (["18446744073709551616"], pa.decimal128(38, 0)),
        (["9" * 38], pa.decimal128(38, 0)),
        (["9" * 37, "0.1"], pa.decimal128(38, 1)),
        (["9" * 30, f"0.{'9' * 8}"], pa.decimal128(38, 8)),
        (["9" * 39], None),
        (["9" * 38, "0.1"], None),
        (["9" * 31, f"0.{'9' * 8}"], None),
        (["9007199254740992", "0.5"], pa.float64()),
        (["9007199254740993", "0.5"], pa.decimal128(38, 1)),
        (["1.234567890123456"], pa.float64()),
        (["1.2345678901234567"], pa.float64()),
        (["1.2345678901234568"], pa.decimal128(38, 16)),
    ],
)
def test_numbers_get_the_type_that_holds_all_of_them(texts: list[str], dtype: pa.DataType | None) -> None:
    if dtype is None:
        with pytest.raises(DataError, match="numbers of more than 38 digits"):
            column_of(*texts)
        return
    column = column_of(*texts)
    assert column.type == dtype
    assert [Decimal(repr(value) if isinstance(value, float) else value) for value in column.to_pylist()] == [
        Decimal(text) for text in texts
    ]


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"b": ', "}")])
def test_values_may_lie_so_deep_in_each_other(begin: str, end: str) -> None:
    for value in ("1", "null"):
        assert column_of(begin * MAX_DEPTH + value + end * MAX_DEPTH).to_pylist() == parse_json(
            f"[{begin * MAX_DEPTH}{value}{end * MAX_DEPTH}]".encode()
        )
    with pytest.raises(DataError, match=f"nested more than {MAX_DEPTH} deep"):
        column_of(begin * (MAX_DEPTH + 1) + "1" + end * (MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("decimal(38,2)", pa.decimal128(38, 2)),
        ("decimal(5,  0)", pa.decimal128(5, 0)),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("timestamp[ns, UTC]", pa.timestamp("ns", "UTC")),
        ("timestamp[ms,tz=Europe/Prague]", pa.timestamp("ms", "Europe/Prague")),
        ("timestamp[s, +02:00]", pa.timestamp("s", "+02:00")),
        ("timestamp[us, Etc/GMT-1]", pa.timestamp("us", "Etc/GMT-1")),
        ("timestamp[us]", pa.timestamp("us")),
        ("int64", pa.int64()),
    ],
)
def test_types_have_the_names_that_people_write(name: str, dtype: pa.DataType) -> None:
    assert type_of(name) == dtype
