"""The types of Arrow that columns of MySQL have, by what the server tells of them, and their values as text."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.mysql.protocol.arrow_types import arrow_schema
from osiris_provider.drivers.mysql.protocol.columns import Column, columns_of, schema_of
from osiris_provider.drivers.mysql.protocol.packets import MalformedError
from osiris_provider.drivers.mysql.protocol.values import array_of
from osiris_provider.errors import DataError, DriverConfigError

UNSIGNED, ZEROFILL, ENUM, SET = 32, 64, 256, 2048
BINARY, UTF8 = 63, 45
NUMBERS = {1: 8, 2: 16, 9: 32, 3: 32, 8: 64}
"""Bits by the number of a type: TINY, SHORT, INT24, LONG, LONGLONG."""


def definition(code: int, flags: int = 0, length: int = 11, scale: int = 0, charset: int = BINARY) -> Any:
    return SimpleNamespace(name="c", type_code=code, flags=flags, length=length, scale=scale, charsetnr=charset)


TYPES: list[tuple[Any, pa.DataType, str | None]] = [
    *((definition(code), getattr(pa, f"int{bits}")(), "number") for code, bits in NUMBERS.items()),
    *((definition(code, UNSIGNED), getattr(pa, f"uint{bits}")(), "number") for code, bits in NUMBERS.items()),
    (definition(4), pa.float32(), "number"),
    (definition(5), pa.float64(), "number"),
    (definition(16), pa.uint64(), "number"),
    (definition(13), pa.int16(), "number"),
    # The length has the sign and the point.
    (definition(246, 0, 12, 2), pa.decimal128(10, 2), "number"),
    (definition(246, UNSIGNED, 11, 2), pa.decimal128(10, 2), "number"),
    (definition(246, 0, 11), pa.decimal128(10, 0), "number"),
    (definition(0, UNSIGNED, 10), pa.decimal128(10, 0), "number"),
    (definition(246, 0, 39), pa.decimal128(38, 0), "number"),
    (definition(246, 0, 40), pa.decimal256(39, 0), "number"),
    (definition(246, 0, 67, 30), pa.decimal256(65, 30), "number"),
    (definition(246, 0, 99, 30), pa.decimal256(76, 30), "number"),
    (definition(246, 0, 0, 0), pa.decimal128(1, 0), "number"),
    (definition(246, 0, 3, 9), pa.decimal128(9, 9), "number"),
    (definition(10), pa.date32(), "time"),
    (definition(14), pa.date32(), "time"),
    (definition(12), pa.timestamp("us"), "time"),
    (definition(7), pa.timestamp("us", "UTC"), "time"),
    (definition(11), pa.duration("us"), None),
    (definition(245, charset=UTF8), pa.string(), "none"),
    (definition(245), pa.string(), "none"),
    (definition(6), pa.null(), None),
    (definition(242), pa.list_(pa.float32()), None),
    (definition(253, charset=UTF8), pa.string(), None),
    (definition(254, ENUM, charset=UTF8), pa.string(), "none"),
    (definition(254, SET, charset=UTF8), pa.string(), "none"),
    (definition(252), pa.binary(), None),
    (definition(255), pa.binary(), None),
]


@pytest.mark.parametrize(("column", "dtype", "order"), TYPES, ids=lambda value: str(getattr(value, "type_code", value)))
def test_each_type_of_a_column(column: Any, dtype: pa.DataType, order: str | None) -> None:
    (plain,) = columns_of([column], timestamp_zone="UTC")
    (text,) = columns_of([column], timestamp_zone="UTC", text_columns=["c"])
    assert (plain.field.type, text.field.type) == (dtype, pa.string())
    assert (text.field.metadata or {}).get(b"osiris.order", b"").decode() == (order or "")
    is_listed = order == "none"
    assert (plain.field.metadata or {}).get(b"osiris.order") == (b"none" if is_listed else None)
    assert schema_of([plain]) == pa.schema([plain.field])


def test_a_moment_has_no_zone_unless_the_session_has_one() -> None:
    assert arrow_schema([definition(7)]).field("c").type == pa.timestamp("us")
    assert [field.name for field in arrow_schema([definition(1)] * 3)] == ["c", "c_2", "c_3"]


def test_what_is_said_of_a_column_counts_for_it() -> None:
    wanted = {"lenient": True, "encoding": "cp1252"}
    (column,) = columns_of([definition(12, scale=31)], **wanted)  # type: ignore[arg-type] # two of its parameters
    assert (column.lenient, column.encoding, column.fraction, column.has_time) == (True, "cp1252", 6, True)
    (column,) = columns_of([definition(10, scale=3)])
    assert (column.lenient, column.encoding, column.fraction, column.has_time) == (False, "utf8", 3, False)
    assert columns_of([definition(7)])[0].has_time


def text_of(column: Any, value: Any, **options: Any) -> Any:
    """Return a value that the server has sent as text, as that of a column of texts."""
    (known,) = columns_of([column], text_columns=["c"], **options)
    return array_of([value, None], known, 1).to_pylist()[0]


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (definition(3), "-7", "-7"),
        (definition(3, UNSIGNED | ZEROFILL, 5), "00007", "00007"),
        (definition(13), "0000", "0000"),
        (definition(13), "1990", "1990"),
        (definition(16), b"\1\0", "256"),
        (definition(8, UNSIGNED), str(2**64 - 1), str(2**64 - 1)),
        (definition(5), "0.1", "0.1"),
        (definition(246, 0, 12, 2), "1.50", "1.50"),
        (definition(12), "0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        (definition(11), "-838:59:59", "-838:59:59"),
        (definition(11), "00:00:00", "00:00:00"),
        (definition(11, scale=1), "01:02:03.4", "01:02:03.4"),
        (definition(11, scale=6), "-00:00:00.000001", "-00:00:00.000001"),
        (definition(242), struct.pack("<2f", 1.5, -2), "[1.5, -2.0]"),
        (definition(252), "é".encode(), "é"),
        (definition(253, charset=UTF8), "é", "é"),
        (definition(6), None, None),
    ],
)
def test_a_column_of_texts_has_what_the_server_shows(column: Any, value: Any, text: str | None) -> None:
    assert text_of(column, value) == text


def test_bytes_are_texts_in_the_character_set_of_the_connection() -> None:
    assert text_of(definition(252), b"\xe9", encoding="cp1252") == "é"
    (column,) = columns_of([definition(252)], text_columns=["c"])
    for row in range(3):
        with pytest.raises(DataError) as raised:
            array_of([b"\xe9" if row == number else b"e" for number in range(3)], column, 1001)
        assert (raised.value.column, raised.value.row) == ("c", 1001 + row)


VALUES: list[tuple[Any, list[Any], list[Any]]] = [
    (definition(3), ["7", None], [7, None]),
    (definition(16), [b"\1\0", None], [256, None]),
    (definition(8, UNSIGNED), [str(2**64 - 1)], [2**64 - 1]),
    (definition(11), ["-838:59:59", "00:00:00.5", None], [-dt.timedelta(hours=838, minutes=59, seconds=59), 0.5, None]),
    (definition(246, 0, 12, 2), ["1.50", "-0.01"], [Decimal("1.50"), Decimal("-0.01")]),
    (definition(10), ["2024-02-29"], [dt.date(2024, 2, 29)]),
    (definition(242), [b"", None, struct.pack("<2f", 1.5, 0)], [[], None, [1.5, 0]]),
    (definition(252), [b"\xff", None], [b"\xff", None]),
    (definition(6), [None, None], [None, None]),
]


@pytest.mark.parametrize(("column", "sent", "values"), VALUES, ids=lambda value: str(value)[:30])
def test_values_of_texts(column: Any, sent: list[Any], values: list[Any]) -> None:
    (known,) = columns_of([column])
    array = array_of(sent, known, 1)
    spans = [dt.timedelta(seconds=value) if isinstance(value, float) else value for value in values]
    assert (array.type, array.to_pylist()) == (known.field.type, spans)


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (definition(10), "2024-02-29", "2024-02-30"),
        (definition(12), "2024-02-29 01:02:03", "0000-00-00 00:00:00"),
        (definition(246, 0, 39), "1", "9" * 39),
        (definition(246, 0, 39), "1", "-" + "9" * 39),
    ],
)
def test_a_value_without_a_place_in_its_type_is_null_or_named(column: Any, good: str, bad: str) -> None:
    for row in range(4):
        sent = [bad if row == number else good for number in range(4)]
        (lenient,) = columns_of([column], lenient=True)
        assert array_of(sent, lenient, 1).is_null().to_pylist() == [number == row for number in range(4)]
        (strict,) = columns_of([column])
        with pytest.raises(ColumnNeedsTextError) as raised:
            array_of(sent, strict, 1001)
        assert (raised.value.column, raised.value.row) == ("c", 1001 + row)


def test_zeros_that_are_written_before_a_number_are_no_digits() -> None:
    (column,) = columns_of([definition(246, 0, 39)])
    assert array_of(["-000" + "9" * 38, "+1"], column, 1).to_pylist() == [Decimal("-" + "9" * 38), Decimal(1)]


def test_a_column_is_what_is_said_of_it_and_no_more() -> None:
    column = Column("c", 3, pa.int32())
    assert (column.fraction, column.lenient, column.as_text, column.digits) == (0, False, False, 0)
    assert (column.encoding, column.listed) == ("utf8", False)


def test_a_vector_that_has_a_part_of_a_number_is_none() -> None:
    (column,) = columns_of([definition(242)])
    with pytest.raises(MalformedError):
        array_of([struct.pack("<f", 1), b"abc"], column, 1)


def test_a_column_of_texts_is_one_of_the_result() -> None:
    with pytest.raises(DriverConfigError, match="text_columns"):
        columns_of([definition(3)], text_columns=["d"])
