"""Values within texts of PostgreSQL: how they are found, and which texts are looked at."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from osiris_provider.drivers.postgres import inner
from osiris_provider.drivers.postgres.inner import fields_of, items_of
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Documents, Moments, integer_constraints


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{}", []),
        ("{a,b}", ["a", "b"]),
        ("{ a , NULL , null, b c }", ["a", "b c"]),
        ('{"NULL","","a,b","a\\"b","a\\\\b"}', ["NULL", "", "a,b", 'a"b', "a\\b"]),
        ("{a\\,b,c\\}}", ["a,b", "c}"]),
        ("{{1,2},{3,NULL}}", ["1", "2", "3"]),
        (" [0:1][2:3] = {{1,2},{3,4}}", ["1", "2", "3", "4"]),
        ('{"[1:2]={a}"}', ["[1:2]={a}"]),
        ('{"a\nb"}', ["a\nb"]),
    ],
)
def test_values_of_an_array(text: str, values: list[str]) -> None:
    assert list(items_of(text)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("empty", []),
        (" EMPTY ", []),
        ("(,)", []),
        ("[1,2)", ["1", "2"]),
        ('["2024-01-01 00:00:00",)', ["2024-01-01 00:00:00"]),
        ('["empty","a""b\\)"]', ["empty", 'a"b)']),
        ("[a\\,b, c ]", ["a,b", "c"]),
        ("{[1,2),(3,4]}", ["1", "2", "3", "4"]),
    ],
)
def test_bounds_of_ranges(text: str, values: list[str]) -> None:
    assert list(inner._bounds(text)) == values  # noqa: SLF001 - as a column of ranges is looked at


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("()", [None]),
        ("(,)", [None, None]),
        ("(a,,b c)", ["a", None, "b c"]),
        (' ("", "a") ', ["", ' "a"']),
        ('("a,b","a""b","a\\\\b")', ["a,b", 'a"b', "a\\b"]),
        ('(a"b,c"d)', ['a"b,c"d']),
        ("(a\nb,c)", ["a\nb", "c"]),
    ],
)
def test_fields_of_a_composite(text: str, values: list[str | None]) -> None:
    assert list(fields_of(text)) == values


FLOAT, DOUBLE = ColumnConstraints(number=True, mantissa=24), ColumnConstraints(number=True, mantissa=53)
CENTS = ColumnConstraints(number=True, digits=3, scale=2)


@pytest.mark.parametrize(
    ("limits", "suspicious", "fine"),
    [
        (
            [DOUBLE],
            ["{1234567890.123456}", "1e-300", "0x1F", "1E5", "1_0", "0B1"],
            ["{1234567890.1234,12345}", "{0.5}"],
        ),
        ([FLOAT], ["{0.123456}", "{1234567}"], ["{0.1234,12345}"]),
        ([CENTS], ["{1.239}", "{1.230,1}", "1e2"], ["{1.23,4567.1}", "{12345}"]),
        ([ColumnConstraints(scale=0)], ["{1.5}", "{1.0}"], ["{15}"]),
        ([CENTS, FLOAT], ["{1.239}", "{1234567}"], ["{1.23}"]),
        # Of a scale below zero, of whole numbers and of all else each text is looked at.
        ([ColumnConstraints(number=True, scale=-3)], ["{1}", ""], []),
        ([integer_constraints(32)], ["{1}", ""], []),
        ([CENTS, ColumnConstraints(chars=2)], ["{1}", ""], []),
    ],
)
def test_only_texts_that_may_bend_are_looked_at(
    limits: list[ColumnConstraints], suspicious: list[str], fine: list[str]
) -> None:
    texts = pa.array([*suspicious, *fine, None])
    split = inner._of_column(  # noqa: SLF001 - as a column is looked at
        lambda text: iter([(7, text)]),
        inner._suspicion(limits),  # noqa: SLF001 - as above
        texts,
    )
    assert list(split) == [(7, row, text) for row, text in enumerate(suspicious)]


@pytest.mark.parametrize(
    ("limits", "matters"),
    [
        (ColumnConstraints(), False),
        (ColumnConstraints(number=True), False),
        (integer_constraints(32), False),
        (integer_constraints(32, signed=False), True),
        (CENTS, True),
        (ColumnConstraints(number=True, scale=0), True),
        (FLOAT, True),
        (ColumnConstraints(moments=Moments("date")), True),
        (ColumnConstraints(documents=Documents()), True),
        (ColumnConstraints(like=("", "")), True),
        (ColumnConstraints(octets=1), True),
        (ColumnConstraints(chars=1), True),
    ],
)
def test_what_a_server_refuses_by_itself_is_not_looked_for(limits: ColumnConstraints, matters: bool) -> None:
    assert inner._matters(limits) == matters  # noqa: SLF001 - decides whether a column is looked at


def test_numbers_of_geometry() -> None:
    texts = ["(0.1,-1e300)", "<(0,+0),.5>", "{1,2.,3E-7}", "((1,2),(Infinity,NaN))"]
    numbers = [["0.1", "-1e300"], ["0", "+0", ".5"], ["1", "2.", "3E-7"], ["1", "2"]]
    assert [re.findall(inner._NUMBER, text) for text in texts] == numbers  # noqa: SLF001 - what is found of a point
