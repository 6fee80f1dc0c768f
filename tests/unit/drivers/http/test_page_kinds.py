"""What kinds of pages make of one answer: how they ask on, and what they read out of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from osiris_provider.connectors.http.json_text import parse_json
from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.page_kinds import CursorPages, LinkedPages, NoPages, NumberedPages, OffsetPages
from osiris_provider.drivers.http.pagination import Pagination

UNKNOWN = ("", "null", '""')


def page_of(rows: int = 0, number: int = 1, value: Any = None) -> Page:
    return Page(number, value, {}, "https://h/items", [{}] * rows, 0, 0, "", ended=False)


def answer(text: str) -> Page:
    """Return the page of an answer that has this JSON at ``x``; of an empty text it has nothing there."""
    return page_of(value=parse_json(f'{{"x": {text}}}'.encode()) if text else {})


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        (NoPages(), {}),
        (NumberedPages(kind="page"), {"page": 1, "per_page": 100}),
        (NumberedPages(kind="page", size_param=None), {"page": 1}),
        (OffsetPages(kind="offset"), {"offset": 0, "limit": 100}),
        (OffsetPages(kind="offset", limit_param=None), {"offset": 0}),
        (CursorPages(kind="cursor"), {}),
        (CursorPages(kind="cursor", first_cursor="*", size_param="size"), {"cursor": "*", "size": 100}),
        (LinkedPages(kind="link"), {}),
    ],
    ids=str,
)
def test_the_first_page_is_asked_for_as_the_documents_say(pages: Pagination, asked: dict[str, Any]) -> None:
    assert (pages.first().params, pages.first().url) == (asked, None)


@pytest.mark.parametrize(("size", "asked"), [(1, 1), (2, 2), (0, None), (3, None), (4, None)])
def test_a_page_behind_a_short_first_one_is_asked_for_by_the_size_that_came(size: int, asked: int | None) -> None:
    pages = NumberedPages(kind="page", page_size=3, start=5)
    again = pages.repeat_for(page_of(1, 2), page_of(size))
    assert (again.params if again else None) == ({"page": 6, "per_page": asked} if asked else None)


@pytest.mark.parametrize(
    ("fields", "number"), [({"size_param": None}, 1), ({"total_path": "total"}, 1), ({"start": 0}, 2)]
)
def test_what_tells_the_place_of_a_page_needs_no_second_look(fields: dict[str, Any], number: int) -> None:
    pages = NumberedPages(kind="page", page_size=3, **fields)
    assert pages.repeat_for(page_of(1, number + 1), page_of(1, number)) is None


@pytest.mark.parametrize("size", [1, 99, 100])
def test_without_a_size_of_the_users_a_short_first_page_is_said(size: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert NumberedPages(kind="page").repeat_for(page_of(1, 2), page_of(size)) is None
    said = f"Page 1 is shorter ({size}) than was asked for (100)"
    assert (said in caplog.text) is (size < 100)
    assert (f"set pagination.page_size to {size}, " in caplog.text) is (size < 100)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("7", 7),
        ('" 7 "', 7),
        ("9" * 18, 10**18 - 1),
        ('"items 0-24/573"', 573),
        ('"items */573"', 573),
        ('"items 0-24/*"', None),
        *dict.fromkeys(UNKNOWN).items(),
    ],
)
def test_a_count_is_a_number_or_not_known(text: str, count: int | None) -> None:
    assert answer(text).count_at("x", "total_path") == count
    assert answer(text).count_at(None, "total_path") is None


@pytest.mark.parametrize(
    "text", ["true", "-1", "1.0", "1e3", '"many"', '"1,000"', "[1]", "{}", "9" * 19, f'"{"9" * 19}"', '"items 0-24/"']
)
def test_what_is_no_count_is_refused_by_its_field_and_path(text: str) -> None:
    with pytest.raises(PaginationError, match="what is at total_path 'x' is not a number of pages or records"):
        answer(text).count_at("x", "total_path")


@pytest.mark.parametrize(
    ("text", "more"),
    [
        *dict.fromkeys(("true", '"true"', '" TRUE "', "1", '"1"'), True).items(),
        *dict.fromkeys(("false", '"false"', '"False"', "0", '"0"'), False).items(),
        *dict.fromkeys(UNKNOWN).items(),
    ],
)
def test_whether_there_is_more_is_said_in_several_ways_or_not_at_all(text: str, more: bool | None) -> None:
    assert answer(text).more_at("x") is more
    assert answer(text).more_at(None) is None


@pytest.mark.parametrize("text", ["2", "-1", "1.0", '"yes"', "[]", "{}", '"10"'])
def test_what_does_not_say_whether_there_is_more_is_refused_by_its_path(text: str) -> None:
    with pytest.raises(PaginationError, match="what is at more_path 'x' is neither true nor false"):
        answer(text).more_at("x")
