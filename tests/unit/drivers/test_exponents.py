"""Which texts are numbers that Arrow must not see: beside what a regular expression says of each value."""

from __future__ import annotations

import random
import re
from decimal import Decimal

import pyarrow as pa
import pytest
from osiris_provider.drivers.exponents import are_deep, decimals, has_exponents

NUMBER = re.compile(rb"[-+]?[0-9.]*[eE]-[0-9]{4,}")
PARTS = [b"1", b"9", b".", b"e", b"E", b"-", b"+", b"e-", b"0000", b"1234", b"e-1000", b"f", b"%", b"\t", b"\n"]


def blocks() -> list[bytes]:
    chance = random.Random(7)  # noqa: S311 - only examples
    return [b"".join(chance.choices(PARTS, k=chance.choice([1, 3, 6, 12]))) for _ in range(3000)]


def test_a_block_has_such_numbers_where_one_of_its_values_is_one() -> None:
    wanted = {block: any(map(NUMBER.fullmatch, re.split(rb"[\t\n]", block))) for block in blocks()}
    assert {True, False} == set(wanted.values())
    assert {block: has_exponents(block) for block in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "deep"),
    [("1e-1000", True), ("1E-9999", True), ("1e-999", False), ("1e1000", False), ("e-1234", True), ("1e-1e-2", False)],
)
def test_a_text_with_such_an_exponent_is_no_decimal(text: str, deep: bool) -> None:
    texts = pa.array(["1", None, text])
    assert are_deep(texts).to_pylist() == [False, None, deep]
    if deep:
        with pytest.raises(pa.ArrowInvalid, match="more digits than any decimal"):
            decimals(texts, pa.decimal128(38, 2))


def test_other_texts_become_decimals() -> None:
    actual = decimals(pa.array(["1.50", None, "-2e1"]), pa.decimal128(5, 2))
    assert actual.to_pylist() == [Decimal("1.50"), None, Decimal("-20.00")]
    assert len(decimals(pa.array([], pa.string()), pa.decimal128(5, 2))) == 0
