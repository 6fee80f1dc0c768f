"""PostgreSQL's text as exact Arrow values, without a server."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres.arrow_types import (
    BOOL,
    BYTEA,
    DATE,
    INT4,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Column,
    columns_of,
)
from osiris_provider.drivers.postgres.copy_out import blocks
from osiris_provider.drivers.postgres.copy_out.blocks import BlockParser
from osiris_provider.drivers.postgres.copy_out.decode import (
    batch_of_text,
    from_hex,
    read_date,
    read_time,
    read_timestamp,
    unescape,
)
from osiris_provider.errors import DataError

TEXT = 25
DAY = 86_400_000_000


def parse(block: str, *columns: Column, lenient: bool = False) -> pa.RecordBatch:
    return BlockParser(columns, lenient=lenient).parse(block.encode())


@pytest.mark.parametrize(
    ("precision", "scale", "arrow"),
    [
        (38, 0, pa.decimal128(38, 0)),
        (39, 38, pa.decimal256(39, 38)),
        (76, 76, pa.decimal256(76, 76)),
        (77, 0, pa.string()),
        (1000, 1000, pa.string()),
        (3, 5, pa.decimal128(5, 5)),
        (5, 2046, pa.decimal128(7, 0)),
        (65535, 65535, pa.string()),
    ],
)
def test_a_numeric_is_as_wide_as_declared(precision: int, scale: int, arrow: pa.DataType) -> None:
    (column,) = columns_of([("n", NUMERIC, None, precision, precision, scale, None)])
    assert column.arrow_type == arrow


def test_a_statement_without_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="gives no rows"):
        columns_of(None)


@pytest.mark.parametrize("days", [-2_451_545, -719_528, -1, 0, 11_016, 19_782, 2_932_896, 2_145_031_948])
def test_dates_of_all_centuries_are_days_since_1970(days: int) -> None:
    # An independent calendar: Julian day numbers, turned into a date by the algorithm of Richards.
    f = days + 2_440_588 + 1401 + (((4 * (days + 2_440_588) + 274_277) // 146_097) * 3) // 4 - 38
    e = 4 * f + 3
    h = 5 * ((e % 1461) // 4) + 2
    day, month = (h % 153) // 5 + 1, (h // 153 + 2) % 12 + 1
    year = e // 1461 - 4716 + (14 - month) // 12
    text = f"{year:04}-{month:02}-{day:02}" if year > 0 else f"{1 - year:04}-{month:02}-{day:02} BC"
    assert read_date(text) == days


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01 00:00:00", 0),
        ("1969-12-31 23:59:59.9", -100_000),
        ("1970-01-01 05:45:00+05:45", 0),
        ("1969-12-31 21:30:00-02:30", 0),
        ("1970-01-01 00:57:44.000001+00:57:44", 1),
        ("294247-01-10 04:00:54.775807", 2**63 - 1),
        ("294247-01-10 04:00:54.775808", None),
        ("0001-12-31 00:00:00 BC", -719_163 * DAY),
        ("infinity", None),
        ("-infinity", None),
    ],
)
def test_timestamps_are_exact(text: str, microseconds: int | None) -> None:
    assert read_timestamp(text) == microseconds


@pytest.mark.parametrize(("text", "value"), [("00:00:00", 0), ("23:59:59.999999", DAY - 1), ("24:00:00", None)])
def test_times_end_before_midnight(text: str, value: int | None) -> None:
    assert read_time(text) == value


def test_escapes_of_copy_are_undone_from_left_to_right() -> None:
    escaped = pa.array(["plain", None, r"\\n", r"a\nb\tc\rd\be\ff\vg\\", r"\\\\N", r"\\\n", ""])
    assert unescape(escaped).to_pylist() == ["plain", None, "\\n", "a\nb\tc\rd\be\ff\vg\\", "\\\\N", "\\\n", ""]


def test_hex_is_decoded_whatever_part_of_an_array_it_is() -> None:
    complete = pa.array(["\\xdeadbeef", None, "\\x", "\\\\x00ff"])
    assert from_hex(complete).to_pylist() == [b"\xde\xad\xbe\xef", None, b"", b"\x00\xff"]
    assert from_hex(complete.slice(1)).to_pylist() == [None, b"", b"\x00\xff"]
    assert from_hex(complete.slice(0, 0)).to_pylist() == []
    assert from_hex(pa.array([None, None], pa.string())).to_pylist() == [None, None]


def test_a_block_keeps_null_and_empty_apart() -> None:
    batch = parse("\\N\t\\N\n\t1\nNULL\t-2\n", Column("t", TEXT), Column("i", INT4))
    assert batch.to_pydict() == {"t": [None, "", "NULL"], "i": [None, 1, -2]}


def test_an_empty_line_is_an_empty_text() -> None:
    assert parse("\n\\N\n\n", Column("t", TEXT)).to_pydict() == {"t": ["", None, ""]}


def test_a_byte_order_mark_at_the_beginning_of_a_block_is_data() -> None:
    assert parse("\ufeffa\n\ufeff\n", Column("t", TEXT)).to_pydict() == {"t": ["\ufeffa", "\ufeff"]}


def test_what_is_read_comes_from_the_pool_that_gives_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    monkeypatch.setattr(blocks, "memory_pool", lambda: pool)
    batch = parse("7\n", Column("i", INT4))
    assert pool.bytes_allocated() > 0
    assert batch.to_pydict() == {"i": [7]}


def test_a_block_of_any_size_is_one_batch() -> None:
    # Arrow's own pieces have a MiB.
    batch = parse(f"{'x' * 999}\n" * 3000, Column("a", TEXT))
    assert batch.num_rows == 3000


def test_quotes_and_delimiters_of_csv_mean_nothing() -> None:
    assert parse('"a,b"\n""\n\'\n', Column("t", TEXT)).to_pydict() == {"t": ['"a,b"', '""', "'"]}


def test_rows_that_arrow_does_not_parse_cost_the_others_nothing() -> None:
    columns = (Column("d", DATE), Column("t", TEXT), Column("n", NUMERIC, 5, 2), Column("b", BOOL), Column("x", BYTEA))
    batch = parse("2024-02-29\ta\\nb\t1.50\tt\t\\\\x00\n0044-03-15 BC\t\\N\t\\N\tf\t\\N\n", *columns)
    assert batch.column("d").cast(pa.int32()).to_pylist() == [19_782, -735_160]
    assert batch.column("t").to_pylist() == ["a\nb", None]
    assert batch.column("n").to_pylist() == [Decimal("1.50"), None]
    assert batch.column("b").to_pylist() == [True, False]
    assert batch.column("x").to_pylist() == [b"\0", None]


SPECIAL = [
    (Column("v", DATE), "2024-02-29", "infinity", date(2024, 2, 29)),
    (Column("v", TIMESTAMP), "2024-02-29 00:00:01.5", "-infinity", datetime(2024, 2, 29, 0, 0, 1, 500_000)),  # noqa: DTZ001 - a timestamp without zone
    (Column("v", NUMERIC, 4, 2), "-1.25", "NaN", Decimal("-1.25")),
    (Column("v", NUMERIC, 40, 2), "-1.25", "NaN", Decimal("-1.25")),
    (Column("v", TIME), "00:00:00", "24:00:00", time()),
]


@pytest.mark.parametrize(("column", "good", "special", "value"), SPECIAL)
def test_a_value_that_arrow_has_not_is_named(column: Column, good: str, special: str, value: object) -> None:
    parser = BlockParser([column])
    assert parser.parse(f"{good}\n".encode()).to_pylist() == [{"v": value}]
    with pytest.raises(DataError, match=f"Column v holds {special} in row 3 of the result") as raised:
        parser.parse(f"{good}\n{special}\n".encode())
    assert "[" not in str(raised.value)


@pytest.mark.parametrize(("column", "good", "special", "value"), SPECIAL)
def test_a_value_that_arrow_has_not_is_null_if_wished(column: Column, good: str, special: str, value: object) -> None:
    batch = parse(f"{good}\n{special}\n\\N\n", column, lenient=True)
    assert batch.column(0).to_pylist() == [value, None, None]


@pytest.mark.parametrize(("column", "good", "special", "value"), SPECIAL)
def test_both_paths_agree(column: Column, good: str, special: str, value: object) -> None:
    rows = [(good,), (special,), (None,)]
    assert batch_of_text(rows, [column], 1, lenient=True).equals(
        parse(f"{good}\n{special}\n\\N\n", column, lenient=True)
    )
    assert value is not None


def test_text_that_is_not_utf8_is_an_error_that_names_the_column() -> None:
    parser = BlockParser([Column("good", TEXT), Column("bad", TEXT)])
    with pytest.raises(DataError, match="Column bad holds text that is not UTF-8 between rows 1 and 2") as raised:
        parser.parse(b"a\tb\nc\t\xff\n")
    assert raised.value.column == "bad"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (b"1\n2\nx\n", "A value between rows 3 and 5 of the result is not of the type"),
        (b"1\t2\n", "After row 2 the result has rows of other columns"),
    ],
)
def test_what_the_server_did_not_say_is_an_error_with_its_rows(block: bytes, said: str) -> None:
    parser = BlockParser([Column("n", INT4)])
    parser.parse(b"1\n2\n")
    with pytest.raises(DataError, match=said):
        parser.parse(block)


def test_zones_other_than_utc_are_read() -> None:
    batch = parse("1970-01-01 02:00:00+02\n1970-01-01 05:30:00+05:30\n", Column("z", TIMESTAMPTZ))
    assert batch.column(0).cast(pa.int64()).to_pylist() == [0, 0]
