"""Rows of a hostile PostgreSQL server, as COPY's output: they end, and what does not fit is an error."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable
from decimal import Decimal

import pytest
from osiris_provider.drivers.exponents import has_exponents
from osiris_provider.drivers.postgres.arrow_types import DATE, INT4, NUMERIC, Column
from osiris_provider.drivers.postgres.copy_out import blocks
from osiris_provider.errors import DataError

TEXT = 25
NUMBER, NAME = Column("n", INT4), Column("t", TEXT)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (b"1\ta\n2\n", "rows of other columns"),
        (b"1\ta\n2\tb\tc\n", "rows of other columns"),
        (b"1\ta\nx\tb\n", "between rows 1 and 2 of the result is not of the type"),
        (b"99999999999\ta\n", "is not of the type"),
        (b"1\t\xff\xfe\n", "Column t holds text that is not UTF-8"),
    ],
)
def test_rows_that_are_not_what_was_announced(block: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as raised:
        blocks.BlockParser([NUMBER, NAME]).parse(block)
    assert "\xff" not in str(raised.value)


@pytest.mark.parametrize("column", [Column("v", DATE), Column("v", NUMERIC, 4, 2)])
@pytest.mark.parametrize("value", [b"nonsense", b"\\x00"])
def test_values_that_are_none(column: Column, value: bytes) -> None:
    with pytest.raises(DataError):
        blocks.BlockParser([column]).parse(value + b"\n")


@pytest.mark.parametrize("precision", [4, 50])
@pytest.mark.parametrize("beside", [[], [NAME]])
def test_a_number_that_arrow_crashes_at(precision: int, beside: list[Column]) -> None:
    block = b"1e-999999999" + b"\tx" * len(beside) + b"\n"
    with pytest.raises(DataError):
        blocks.BlockParser([Column("v", NUMERIC, precision, 2), *beside]).parse(block)


def test_numbers_beside_a_uuid_are_numbers() -> None:
    parser = blocks.BlockParser([Column("v", NUMERIC, 4, 2), NAME])
    block = b"1.25\t0b2f1cbe-1234-4c70-8d2e-000000000000\n\\N\t\\N\n"
    assert parser.parse(block).to_pydict() == {
        "v": [Decimal("1.25"), None],
        "t": ["0b2f1cbe-1234-4c70-8d2e-000000000000", None],
    }


def test_a_row_without_end_is_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_ROW", 1 << 20)
    with pytest.raises(DataError, match="longer than any row"):
        send_all(blocks.fill_blocks(io.BytesIO, lambda _: None, 1 << 16), [b"x" * (1 << 16)] * 64)


def send_all(rows: Generator[None, bytes, None], pieces: Iterable[bytes]) -> None:
    next(rows)
    for piece in pieces:
        rows.send(piece)
    rows.close()


@pytest.mark.parametrize(
    ("pieces", "complete"),
    [
        ([b"a", b"b", b"\nc\nd", b"", b"e\n"], [b"ab\nc\nde\n"]),
        ([b"a\n", b"b\n", b"c\n"], [b"a\nb\n", b"c\n"]),
        ([b"a long one\n", b"b\n"], [b"a long one\n", b"b\n"]),
        ([b"abc\n"], [b"abc\n"]),
        ([b"a"], [b"a"]),
        ([], []),
    ],
)
def test_rows_come_whole_however_they_are_cut(pieces: list[bytes], complete: list[bytes]) -> None:
    filled: list[bytes] = []
    block = io.BytesIO()
    send_all(blocks.fill_blocks(lambda: block, lambda block: filled.append(block.getvalue()), 3), pieces)
    assert filled == complete


@pytest.mark.parametrize(
    ("block", "has"),
    [
        (b"1e-9999", True),
        (b"1E-9999\n", True),
        (b"x\t1e-999999999\n", True),
        (b"x\n-1.5e-1234\ty", True),
        (b"0b2f1cbe-1234-4c70-8d2e-000000000000", False),
        (b"1234567e-1234-4c70-8d2e-000000000000", False),
        (b"12345678-1234-4070-802e-000000000000\n", False),
        (b"1e-1234x", False),
        (b"x1e-1234\n", False),
        (b"y\t+.5E-00012345\n", True),
        (b"1e-999\n", False),
        (b"1e-99/9\n", False),
        (b"1e-99:9\n", False),
        (b"-1234\n", False),
        (b"pre-order one-off e-", False),
        (b"", False),
    ],
)
def test_where_such_a_number_may_be(block: bytes, has: bool) -> None:
    assert has_exponents(block) is has
