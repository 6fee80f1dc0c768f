"""What each kind of pages makes of an answer: the next request, the end, nothing, or an error that says where."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.http.json_text import parse_json
from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.page_kinds import CursorPages, LinkedPages, NumberedPages, OffsetPages
from osiris_provider.drivers.http.pagination import NextRequest, Pagination
from osiris_provider.drivers.http.paths import MISSING
from pydantic import ValidationError

URL = "https://api.example.com/v1/items?page=3#top"


def page_of(
    text: str = "{}", *, rows: int = 0, number: int = 1, before: int = 0, empty: int = 0, key: str = ""
) -> Page:
    return Page(number, parse_json(text.encode()), {}, URL, [{}] * rows, before, empty, key, ended=False)


def asked(pages: Pagination, page: Page) -> Any:
    following = pages.following(page)
    return (following.params or following.url) if isinstance(following, NextRequest) else following


@pytest.mark.parametrize("text", ["null", '""', "false", '"0"', "0", "-1", '"-1"'])
def test_a_cursor_that_is_none_is_the_end(text: str) -> None:
    pages = CursorPages(kind="cursor", cursor_path="x", end_cursors=["0", -1])
    assert pages.following(page_of(f'{{"x": {text}}}')) is None


@pytest.mark.parametrize(("text", "sent"), [('"a"', "a"), ("7", 7), ("0", 0), ('" "', " "), ("1.50", "1.50")])
def test_a_cursor_is_sent_as_it_came(text: str, sent: Any) -> None:
    pages = CursorPages(kind="cursor", cursor_path="x", cursor_param="after", size_param="size", page_size=7)
    assert asked(pages, page_of(f'{{"x": {text}}}')) == {"size": 7, "after": sent}


@pytest.mark.parametrize("text", ["true", "[]", "{}"])
def test_what_is_no_cursor_is_refused_by_its_path(text: str) -> None:
    with pytest.raises(PaginationError, match="what is at cursor_path 'x' is not a cursor"):
        CursorPages(kind="cursor", cursor_path="x").following(page_of(f'{{"x": {text}}}'))


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff"])
def test_half_of_a_surrogate_pair_is_refused_and_its_neighbours_are_not(half: str) -> None:
    pages = CursorPages(kind="cursor", cursor_path="x")
    assert asked(pages, page_of('{"x": "\ud7ff\ue000"}')) == {"cursor": "\ud7ff\ue000"}
    with pytest.raises(PaginationError, match="the cursor at 'x' has half of a surrogate pair"):
        pages.following(page_of(f'{{"x": "a{half}"}}'))


@pytest.mark.parametrize(("stops", "sent", "ends"), [(True, "a", True), (True, "b", False), (False, "a", False)])
def test_the_same_cursor_is_the_end_where_the_config_says_so(stops: bool, sent: str, ends: bool) -> None:
    pages = CursorPages(kind="cursor", cursor_path="x", stop_after_same_cursor=stops)
    page = page_of('{"x": "a"}', key=NextRequest({"cursor": sent}).key)
    assert (pages.following(page) is None) is ends


@pytest.mark.parametrize("pages", [CursorPages(kind="cursor"), LinkedPages(kind="link", next_path="x.y")], ids=str)
def test_what_is_not_there_is_missing_and_not_the_end(pages: Pagination) -> None:
    assert pages.following(page_of('{"x": {}}')) is MISSING


@pytest.mark.parametrize("optional", [True, False])
def test_an_answer_may_lack_the_next_page_where_the_config_says_so(optional: bool) -> None:
    assert CursorPages(kind="cursor", optional=optional).may_lack_target is optional
    assert LinkedPages(kind="link", optional=optional).may_lack_target is optional


@pytest.mark.parametrize("text", ["null", '""', "false"])
def test_a_link_that_is_none_is_the_end(text: str) -> None:
    assert LinkedPages(kind="link", next_path="x").following(page_of(f'{{"x": {text}}}')) is None


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("?page=4", "https://api.example.com/v1/items?page=4"),
        (" /v2/items ", "https://api.example.com/v2/items"),
        ("https://other.example.com/", "https://other.example.com/"),
    ],
)
def test_a_link_goes_on_from_where_the_page_came_from(link: str, url: str) -> None:
    assert asked(LinkedPages(kind="link", next_path="x"), page_of(f'{{"x": "{link}"}}')) == url


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("true", "what is at next_path 'x' is not a URL"),
        ("4", "what is at next_path 'x' is not a URL"),
        ("1.50", "what is at next_path 'x' is not a URL"),
        ('"http://[::1/"', "the link to the next page is not a valid URL"),
    ],
)
def test_what_is_no_link_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PaginationError, match=problem):
        LinkedPages(kind="link", next_path="x").following(page_of(f'{{"x": {text}}}'))


@pytest.mark.parametrize(
    ("pages", "params"),
    [
        (NumberedPages(kind="page", start=0, size_param=None), {"page": 3}),
        (NumberedPages(kind="page", page_param="p", size_param="n", page_size=7), {"p": 4, "n": 7}),
        (OffsetPages(kind="offset", page_size=7), {"offset": 25, "limit": 7}),
        (OffsetPages(kind="offset", page_size=7, start=1, offset_param="o", limit_param=None), {"o": 26}),
        (OffsetPages(kind="offset", page_size=7, start=1, advance="page_size"), {"offset": 22, "limit": 7}),
    ],
    ids=str,
)
def test_pages_are_counted_from_the_start(pages: Pagination, params: dict[str, int]) -> None:
    # Of three pages one was empty, and counts as one of records.
    assert asked(pages, page_of(rows=3, number=3, before=15, empty=1)) == params


@pytest.mark.parametrize(("number", "is_last"), [(1, False), (2, True), (3, True)])
def test_the_page_that_is_counted_as_the_last_is_the_end(number: int, is_last: bool) -> None:
    page = page_of('{"pages": 2}', rows=1, number=number)
    assert NumberedPages(kind="page", total_pages_path="pages").is_last(page) is is_last
    assert NumberedPages(kind="page").is_last(page) is False


@pytest.mark.parametrize("kind", [{"kind": "page"}, {"kind": "offset"}], ids=str)
@pytest.mark.parametrize("end", [{"more_path": "x"}, {"total_path": "x"}, {"end_status": [404]}, {}], ids=str)
def test_pages_that_are_counted_need_an_end(kind: dict[str, Any], end: dict[str, Any]) -> None:
    model = NumberedPages if kind["kind"] == "page" else OffsetPages
    assert model.model_validate({**kind, **end})
    if end:
        assert model.model_validate({**kind, **end, "stop_after_empty_page": False}).repeats_matter
        return
    with pytest.raises(ValidationError, match="it needs another end: more_path, total_path or end_status"):
        model.model_validate({**kind, "stop_after_empty_page": False})


def test_the_number_of_pages_is_an_end_too() -> None:
    assert NumberedPages(kind="page", total_pages_path="pages", stop_after_empty_page=False).figures == {
        "more_path": None,
        "total_path": None,
        "total_pages_path": "pages",
    }


def test_a_link_has_nothing_to_put_into_a_body() -> None:
    with pytest.raises(ValidationError, match="a link has its own query"):
        LinkedPages(kind="link", params_in="body")


@pytest.mark.parametrize(
    ("advance", "before", "refused"), [("records", 2, True), ("records", 3, False), ("page_size", 2, False)]
)
def test_a_page_that_begins_with_the_end_of_a_short_one_is_counted_wrongly(
    advance: Any, before: int, refused: bool
) -> None:
    pages = OffsetPages(kind="offset", page_size=3, advance=advance)
    rows = [{"id": number} for number in range(before + 2)]
    previous = Page(1, {}, {}, URL, rows[:before], 0, 0, "", ended=False)
    page = Page(2, {}, {}, URL, rows[before - 1 :], before, 0, "", ended=False)
    if not refused:
        pages.check_next(page, previous)
        return
    with pytest.raises(PaginationError, match=r"end page 1, which has fewer than asked for.* pagination\.advance"):
        pages.check_next(page, previous)


def test_a_page_that_overlaps_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    pages = CursorPages(kind="cursor")
    previous = Page(1, {}, {}, URL, [{"id": 1}, {"id": 2}], 0, 0, "", ended=False)
    for number in (2, 3):
        pages.check_next(Page(number, {}, {}, URL, [{"id": 3}], 2, 0, "", ended=False), previous)
        pages.check_next(Page(number, {}, {}, URL, [{"id": 2}], 2, 0, "", ended=False), previous)
    assert [record.getMessage()[:46] for record in caplog.records] == ["Page 2 begins with records that end page 1. If"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (NextRequest({"a": 1, "b": 2}), NextRequest({"b": "2", "a": "1"}), True),
        (NextRequest({"a": 1}), NextRequest({"a": 2}), False),
        (NextRequest(url="https://h/a?x#top"), NextRequest(url="https://h/a?x"), True),
        (NextRequest(url="https://h/a?x"), NextRequest(url="https://h/a?y"), False),
    ],
)
def test_two_requests_are_the_same_by_what_the_server_sees(one: NextRequest, other: NextRequest, same: bool) -> None:
    assert (one.key == other.key) is same
