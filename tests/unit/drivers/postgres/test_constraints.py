"""What a column of PostgreSQL takes, by its type and the size that the catalog has of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from osiris_provider.drivers.postgres.tables import columns_of, constraints_of
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Documents, Moments


def numeric(precision: int, scale: int) -> int:
    """Return the ``atttypmod`` of a numeric, as the server packs it: a scale has 11 bits, and a sign."""
    return 4 + (precision << 16 | scale & 0x7FF)


def moments(kind: Any, fraction: int = 6, **more: Any) -> ColumnConstraints:
    return ColumnConstraints(moments=Moments(kind, fraction, **more))


def integers(low: int, high: int) -> ColumnConstraints:
    return ColumnConstraints(low=low, high=high, number=True, scale=0)


CASES: list[tuple[str, int, ColumnConstraints]] = [
    ("int2", -1, integers(-(2**15), 2**15 - 1)),
    ("int4", -1, integers(-(2**31), 2**31 - 1)),
    ("int8", -1, integers(-(2**63), 2**63 - 1)),
    *((name, -1, integers(0, 2**32 - 1)) for name in ("oid", "xid", "cid")),
    ("xid8", -1, integers(0, 2**64 - 1)),
    ("float4", -1, ColumnConstraints(number=True, mantissa=24)),
    ("float8", -1, ColumnConstraints(number=True, mantissa=53)),
    ("numeric", -1, ColumnConstraints(number=True)),
    ("numeric", numeric(5, 2), ColumnConstraints(number=True, digits=3, scale=2)),
    ("numeric", numeric(1, 0), ColumnConstraints(number=True, digits=1, scale=0)),
    ("numeric", numeric(5, 5), ColumnConstraints(number=True, digits=0, scale=5)),
    ("numeric", numeric(1000, 1000), ColumnConstraints(number=True, digits=0, scale=1000)),
    # Since version 15; what the digits before the point are then, the server is left to judge.
    ("numeric", numeric(2, -3), ColumnConstraints(number=True, scale=-3)),
    ("numeric", numeric(3, 5), ColumnConstraints(number=True, scale=5)),
    ("varchar", -1, ColumnConstraints()),
    ("varchar", 5, ColumnConstraints(chars=1)),
    ("varchar", 259, ColumnConstraints(chars=255)),
    ("bpchar", 6, ColumnConstraints(chars=2)),
    ("text", -1, ColumnConstraints()),
    ("text", 99, ColumnConstraints()),
    ("name", -1, ColumnConstraints(octets=63)),
    ("char", -1, ColumnConstraints(octets=1)),
    ("money", -1, ColumnConstraints(scale=2)),
    ("jsonb", -1, ColumnConstraints(documents=Documents())),
    ("json", -1, ColumnConstraints()),
    ("date", -1, moments("date", as_text=True)),
    ("time", -1, moments("time")),
    ("time", 0, moments("time", 0)),
    ("timetz", 3, moments("time", 3, zoned=True)),
    ("timestamp", -1, moments("timestamp", as_text=True)),
    ("timestamp", 2, moments("timestamp", 2, as_text=True)),
    ("timestamptz", 6, moments("timestamp", zoned=True, as_text=True)),
    ("interval", -1, moments("interval")),
    # Of all parts, with and without a fraction: the lower half has 0xFFFF where there is none.
    ("interval", 0x7FFF << 16 | 2, moments("interval", 2)),
    ("interval", 0x7FFF << 16 | 0xFFFF, moments("interval")),
    ("somebody.int4", -1, ColumnConstraints()),
]


@pytest.mark.parametrize(("kind", "size", "constraints"), CASES)
def test_a_column_takes_what_its_type_says(kind: str, size: int, constraints: ColumnConstraints) -> None:
    assert constraints_of(kind, size, nullable=True) == constraints
    assert not constraints_of(kind, size, nullable=False).nullable


YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = (1 << bit for bit in (2, 1, 3, 10, 11, 12))


@pytest.mark.parametrize(
    ("parts", "finest"),
    [
        (YEAR, "year"),
        (YEAR | MONTH, "month"),
        (MONTH, "month"),
        (DAY, "day"),
        (DAY | HOUR, "hour"),
        (DAY | HOUR | MINUTE, "minute"),
        (MINUTE | SECOND, "second"),
        (DAY | HOUR | MINUTE | SECOND, "second"),
    ],
)
def test_an_interval_keeps_its_parts_down_to_the_smallest(parts: int, finest: str) -> None:
    limits = constraints_of("interval", parts << 16 | 0xFFFF, nullable=True)
    assert limits == moments("interval", finest=finest)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("\\x6162", True), ("\\x\n", True), ("ab\n", True), ("", True), ("a\\142", False), ("\\142", False)],
)
def test_bytes_in_a_text_have_no_escapes(text: str, is_one: bool) -> None:
    like = constraints_of("bytea", -1, nullable=True).like
    assert like is not None
    assert bool(re.search(like[1], text)) == is_one


class Cursor:
    """Answers one question after the other."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = list(answers)

    def execute(self, *_: object) -> None:
        pass

    def fetchall(self) -> list[Any]:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("example", "taken", "refused"),
    [
        ("$1,234,567.50", ["1", "1234.5", "$1,234.50", "-$5", "(.5)", "1."], ["1,5", "1,23,4", "1.2.3", "", "$"]),
        ("1.234.567,50 €", ["1,5", "1.234,5 €", "-5", ",5"], ["1.5", "1.2345", "1,2,3"]),
        ("1 234 567,50 kr", ["1 234,5", "1234", "kr 5"], ["1.5", "12 34"]),
        # Of a language that parts thousands in no way; and of one that is not understood.
        ("1234567.50", ["1234.5", "-1"], ["1,5"]),
        ("?", ["1234.5", "-1"], ["1,5"]),
    ],
)
def test_money_is_written_as_the_language_of_the_server_writes_it(
    example: str, taken: list[str], refused: list[str]
) -> None:
    rows = [("m", False, False, False, "money", -1, 790, False), ("n", True, True, False, "int4", -1, 23, False)]
    cursor: Any = Cursor(rows, [(example,)])
    money, number = columns_of(cursor, "t")
    assert (number.name, number.required, number.generated, number.limits.nullable) == ("n", True, False, False)
    assert money.limits.like is not None
    shown, pattern = money.limits.like
    assert shown == example
    assert {text: re.search(pattern, text) is not None for text in (*taken, *refused)} == {
        **dict.fromkeys(taken, True),
        **dict.fromkeys(refused, False),
    }
