"""The rows that a part of a query reads, as a database has them: new ones of a step, and those of a range."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Literal

import duckdb
import pytest
from osiris_provider.drivers.incremental.cursor import CursorRange, CursorValue
from osiris_provider.drivers.sql.config import QueryConfig
from osiris_provider.drivers.sql.incremental import Dialect, narrowed
from osiris_provider.drivers.sql.partition import Bound, split, split_points

NUMBERS = [None, 1, 2, 3, 3, 4]
STYLES: list[Literal["pyformat", "qmark"]] = ["pyformat", "qmark"]


def quote(name: str) -> str:
    return f'"{name}"'


class Rows:
    """A table in DuckDB, whose queries may have their parameters as PyMySQL and psycopg2 put them in."""

    def __init__(self, client: duckdb.DuckDBPyConnection) -> None:
        self._client = client
        client.execute('CREATE TABLE t ("n%" INTEGER, s VARCHAR)')
        client.executemany("INSERT INTO t VALUES (?, ?)", [[number, f"a%{number}"] for number in NUMBERS])

    def read(self, style: str, query: str, params: Any) -> list[Any]:
        if style == "pyformat" and params is not None:
            literals = {name: repr(value) for name, value in params.items()} if isinstance(params, dict) else None
            query, params = query % (literals or tuple(map(repr, params))), None
        return [number for number, *_ in self._client.execute(query, params or []).fetchall()]


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    with closing(duckdb.connect()) as client:
        yield Rows(client)


def configs(style: str) -> list[QueryConfig]:
    """Return configs of which each reads all rows of the table."""
    named, marker = ("%(some)s", "%s") if style == "pyformat" else ("$some", "?")
    percent = "%%" if style == "pyformat" else "%"
    queries: list[tuple[str, Any]] = [
        ("SELECT * FROM t WHERE s LIKE 'a%'; \n", None),
        ("SELECT * FROM t -- all", None),
        (f"SELECT * FROM t WHERE s LIKE {marker}", ["a%"]),
        (f"SELECT * FROM t WHERE s LIKE {named} AND s LIKE 'a{percent}'", {"some": "a%"}),
        ("SELECT * FROM t", []),
        ("SELECT * FROM t", {}),
    ]
    tables = [QueryConfig(table="main.t"), QueryConfig(table="t", columns=["n%", "s"])]
    return [*tables, *(QueryConfig(query=query, params=params) for query, params in queries)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("low", "high"), list(itertools.product([None, 2], [None, 3])))
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("with_nulls", [True, False])
def test_a_step_reads_the_rows_of_its_range(
    rows: Rows,
    style: Literal["pyformat", "qmark"],
    low: int | None,
    high: int | None,
    inclusive: bool,
    with_nulls: bool,
) -> None:
    bounds = [None if bound is None else CursorValue.given(bound) for bound in (low, high)]
    wanted = CursorRange("n%", bounds[0], high=bounds[1], inclusive=inclusive, with_nulls=with_nulls)
    expected = [
        number
        for number in NUMBERS
        if (with_nulls if number is None else (low or 0) + (low is not None and not inclusive) <= number <= (high or 9))
    ]
    for config in configs(style):
        query = narrowed(config, wanted, Dialect(quote, style))
        assert rows.read(style, query["query"], query["params"]) == expected, query


def test_a_zone_follows_the_text_of_a_moment_that_has_one() -> None:
    aware = dt.datetime(2024, 2, 29, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    for moment, zone, bound in (
        (aware, "+00:00", "2024-02-29 00:00:00+00:00"),
        (aware, "", "2024-02-29 00:00:00"),
        (aware.replace(tzinfo=None), "+00:00", "2024-02-29 01:00:00"),
    ):
        wanted = CursorRange("at", CursorValue.given(moment), with_nulls=False)
        assert narrowed(QueryConfig(table="t"), wanted, Dialect(quote, zone=zone))["params"] == [bound]


def test_a_dialect_is_that_of_most_servers_unless_it_is_said() -> None:
    assert (Dialect(quote).paramstyle, Dialect(quote).zone) == ("pyformat", "+00:00")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("points", [[], [2], [1, 3], [-5, 2, 3, 4, 99]])
def test_parts_read_every_row_once(rows: Rows, style: Literal["pyformat", "qmark"], points: list[int]) -> None:
    for config in configs(style):
        parts = split(config, "n%", points, Dialect(quote, style))
        assert len(parts) == len(points) + 1
        read = [
            rows.read(style, part.query or f"SELECT * FROM {part.table}", part.params if part.params else None)
            for part in parts
        ]
        assert sorted(itertools.chain(*read), key=str) == sorted(NUMBERS, key=str)
        if points:
            borders = [[number or -(10**9) for number in part] for part in read]
            assert [max(part) < point for part, point in zip(borders, points, strict=False) if part].count(False) == 0
            assert [min(part) >= point for part, point in zip(borders[1:], points, strict=True) if part].count(
                False
            ) == 0


DAY, MOMENT = dt.date(2024, 2, 28), dt.datetime.fromisoformat("2024-02-29 23:59:59.999999")


@pytest.mark.parametrize(
    ("low", "high", "parts", "points"),
    [
        (0, 100, 4, [25, 50, 75]),
        (-10, 10, 2, [0]),
        (1, 3, 32, [2]),
        (5, 6, 4, []),
        (5, 5, 4, []),
        (-(2**63), 2**64, 2, [2**62]),
        (DAY, DAY + dt.timedelta(4), 4, [DAY + dt.timedelta(day) for day in (1, 2, 3)]),
        (DAY, DAY, 4, []),
        (MOMENT, MOMENT + dt.timedelta(microseconds=9), 3, [MOMENT + dt.timedelta(microseconds=n) for n in (3, 6)]),
        (MOMENT, MOMENT + dt.timedelta(days=2), 2, [MOMENT + dt.timedelta(days=1)]),
    ],
)
def test_a_range_is_split_into_parts_of_the_same_width(
    low: Bound, high: Bound, parts: int, points: list[Bound]
) -> None:
    assert split_points(low, high, parts) == points
    assert [type(point) for point in points] == [type(low)] * len(points)


def test_days_and_moments_are_texts_in_a_part() -> None:
    conditions = [part.query for part in split(QueryConfig(table="t"), "at", [DAY, MOMENT], Dialect(quote))]
    assert conditions == [
        """SELECT * FROM "t" WHERE ("at" < '2024-02-28' OR "at" IS NULL)""",
        """SELECT * FROM "t" WHERE "at" >= '2024-02-28' AND "at" < '2024-02-29 23:59:59.999999'""",
        """SELECT * FROM "t" WHERE "at" >= '2024-02-29 23:59:59.999999'""",
    ]
    (part, _) = split(QueryConfig(table="t", columns=["at"]), "at", [DAY], Dialect(quote))
    assert (part.table, part.columns) == (None, None)
