"""What APIs call the number of records and pages, and a further page: none of these names is overlooked."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.page_kinds import NumberedPages
from osiris_provider.drivers.http.unread_figures import contradiction, unread_page
from requests.structures import CaseInsensitiveDict

PARENTS = ("", "meta", "_meta", "metadata", "pagination", "paging", "page_info", "pageInfo", "page")
PARENTS_OF_NEXT = (*PARENTS, "links", "_links", "data", "result", "response_metadata")
TOTALS = (
    *("total", "count", "total_count", "totalCount", "total_records", "totalRecords", "total_results", "totalResults"),
    *("total_items", "totalItems", "@odata.count"),
)
MORE = ("has_more", "hasMore", "more", "has_next", "hasNext", "has_next_page", "hasNextPage")
NEXT_PAGES = (
    *("next", "next_url", "nextUrl", "next_href", "next_link", "nextLink", "@odata.nextLink", "nextRecordsUrl"),
    *("next_page", "nextPage", "next_page_url", "nextPageUrl"),
)
CURSORS = (
    *("next_cursor", "nextCursor", "next_page_token", "nextPageToken", "next_token", "nextToken", "NextToken"),
    *("next_offset", "nextOffset", "continuation_token", "continuationToken", "NextContinuationToken"),
)
COUNTS = ("total_pages", "totalPages", "page_count", "pageCount", "last_page", "lastPage", "num_pages", "numPages")


def page_of(value: Any = None, rows: list[Any] | None = None, headers: dict[str, str] | None = None) -> Page:
    named = CaseInsensitiveDict(headers or {})
    records = [{"id": 1}] if rows is None else rows
    return Page(1, {} if value is None else value, named, "https://h/items", records, 0, 0, "", ended=False)


def within(parent: str, name: str, value: object) -> dict[str, Any]:
    return {parent: {name: value}} if parent else {name: value}


def path_of(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def contradicted(page: Page, read: int = 1, **fields: Any) -> str | None:
    return contradiction(NumberedPages(kind="page", **fields), page, read)


@pytest.mark.parametrize("parent", PARENTS)
def test_a_total_of_more_than_was_read_is_said(parent: str) -> None:
    for name in TOTALS:
        path = path_of(parent, name)
        said = contradicted(page_of(within(parent, name, 2)))
        assert said == f"says 2 at '{path}'. If it counts records, set pagination.total_path to '{path}'"
        assert contradicted(page_of(within(parent, name, "2"))) == said
        assert contradicted(page_of(within(parent, name, 2)), total_path="other") is None
        assert contradicted(page_of(within(parent, name, 2)), read=2) is None


@pytest.mark.parametrize("header", ["X-Total-Count", "X-Total"])
def test_a_total_of_a_header_is_said(header: str) -> None:
    path = f"header:{header}"
    said = f"says 7 at '{path}'. If it counts records, set pagination.total_path to '{path}'"
    assert contradicted(page_of(headers={header: "7"})) == said


@pytest.mark.parametrize(("value", "total"), [("items 0-0/7", 7), ("items 0-0/*", None), ("items */0", None)])
def test_a_range_of_more_than_was_read_is_said(value: str, total: int | None) -> None:
    path = "header:Content-Range"
    said = contradicted(page_of(headers={"Content-Range": value}))
    assert (said is not None) == (total is not None)
    count = page_of(headers={"Content-Range": value}).count_at(path, "total_path")
    assert count == (0 if value.endswith("0") and total is None else total)
    assert total is None or f"says {total} at '{path}'" in str(said)


def test_a_count_has_at_most_eighteen_digits() -> None:
    assert page_of({"total": "9" * 18}).count_at("total", "total_path") == 10**18 - 1
    with pytest.raises(PaginationError, match="total_path 'total' is not a number"):
        page_of({"total": "9" * 19}).count_at("total", "total_path")


@pytest.mark.parametrize("value", [True, None, "many", -3, 2.5, "", "9" * 19])
def test_what_is_no_number_is_no_total(value: object) -> None:
    assert contradicted(page_of({"total": value})) is None
    assert contradicted(page_of({"total": "9" * 18})) is not None


@pytest.mark.parametrize("parent", PARENTS)
def test_more_that_is_true_is_said(parent: str) -> None:
    for name in MORE:
        path = path_of(parent, name)
        said = f"says true at '{path}'. If it means that there is more, set pagination.more_path to '{path}'"
        assert contradicted(page_of(within(parent, name, True))) == said
        assert contradicted(page_of(within(parent, name, True)), more_path="other") is None
        assert [contradicted(page_of(within(parent, name, value))) for value in (False, "true", 1)] == [None] * 3


def test_what_a_record_says_of_itself_is_not_said_of_the_page() -> None:
    record = {"total": 9, "has_more": True, "next_cursor": "c", "total_pages": 3}
    for parent in ("data", "result", "page"):
        page = page_of({parent: record}, [record])
        assert (contradicted(page), unread_page(page)) == (None, None)
    page = page_of(record, [record])
    assert (contradicted(page), unread_page(page)) == (None, None)


@pytest.mark.parametrize("parent", PARENTS_OF_NEXT)
def test_a_next_page_that_is_not_read_is_said(parent: str) -> None:
    for name in (*NEXT_PAGES, *CURSORS):
        for below in ("", "href", "url", "link", "cursor", "after") if name == "next" else ("",):
            path = path_of(parent, name) + (f".{below}" if below else "")
            for target in ("/items?page=2", "?page=2", "https://h/2", "http://h/2"):
                said = unread_page(page_of(within(parent, name, {below: target} if below else target)))
                assert said is not None
                assert f"names a next page at '{path}'" in said
                assert said.endswith(f"{{kind: link, next_path: '{path}', optional: true}}")
            said = unread_page(page_of(within(parent, name, {below: "abc"} if below else "abc")))
            assert said is not None
            assert f"{{kind: cursor, cursor_path: '{path}', optional: true}}" in said


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"link": [{"relation": "next", "url": "/2"}]}, "link[relation=next].url"),
        ({"link": [{"rel": "next", "href": "/2"}]}, "link[rel=next].href"),
        ({"links": [{"rel": "next", "href": "/2"}]}, "links[rel=next].href"),
        ({"links": [{"rel": "next", "url": "/2"}]}, "links[rel=next].url"),
    ],
)
def test_a_list_of_links_is_said(value: Any, path: str) -> None:
    said = unread_page(page_of(value))
    assert said is not None
    assert f"names a next page at '{path}'" in said


@pytest.mark.parametrize(
    "header", ["X-Next-Page", "X-Next-Cursor", "X-Next-Token", "X-Continuation-Token", "X-MS-Continuation"]
)
def test_a_next_page_of_a_header_is_said(header: str) -> None:
    said = unread_page(page_of(headers={header: "2"}))
    assert said is not None
    assert f"names a next page at 'header:{header}'" in said


def test_a_header_of_links_is_said() -> None:
    said = unread_page(page_of(headers={"Link": '<https://h/items?page=2>; rel="next"'}))
    assert said is not None
    assert said.startswith("links to a next page")
    # What is no link that can be followed is one all the same.
    assert unread_page(page_of(headers={"Link": '<ftp://h/items>; rel="next"'})) == said
    assert unread_page(page_of(headers={"Link": '<https://h/items?page=1>; rel="first"'})) is None


@pytest.mark.parametrize("target", ["", " ", "0", 0, "-1", -1, "null", "None", None, True, False, [], ["x"], {}])
def test_what_says_that_there_is_no_next_page_is_none(target: object) -> None:
    assert unread_page(page_of({"next_cursor": target})) is None


@pytest.mark.parametrize("target", [1, 2.5, "1", "x"])
def test_what_may_be_a_cursor_is_one(target: object) -> None:
    assert unread_page(page_of({"next_cursor": target})) is not None


@pytest.mark.parametrize("parent", PARENTS)
def test_pages_that_are_not_read_are_said(parent: str) -> None:
    for name in COUNTS:
        path = path_of(parent, name)
        said = unread_page(page_of(within(parent, name, 2)))
        assert said is not None
        assert said.startswith(f"says 2 pages at '{path}'")
        assert said.endswith(f"{{kind: page, total_pages_path: '{path}'}}")
        assert unread_page(page_of(within(parent, name, 1))) is None


@pytest.mark.parametrize("header", ["X-Total-Pages", "X-WP-TotalPages", "X-Page-Count"])
def test_pages_of_a_header_are_said(header: str) -> None:
    said = unread_page(page_of(headers={header: "3"}))
    assert said is not None
    assert said.startswith(f"says 3 pages at 'header:{header}'")


def test_an_answer_that_is_a_list_says_nothing() -> None:
    assert (contradicted(page_of([{"id": 1}])), unread_page(page_of([{"id": 1}]))) == (None, None)
