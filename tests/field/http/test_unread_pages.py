"""An answer that has more pages than the config reads is said, with the setting that reads them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.field.http.cases import A, B, headed, items, link
from tests.field.http.reads import read

NOT_READ = "which is not read: config field pagination is 'none'. Set it to "
AS_LINK = NOT_READ + "{{kind: link, next_path: '{0}', optional: true}}"
AS_CURSOR = NOT_READ + "{{kind: cursor, cursor_path: '{0}', optional: true}}, and cursor_param"
AS_PAGES = NOT_READ + "{{kind: page, total_pages_path: '{0}'}}"
NEXT = "https://api.example/items?page=2"
SAID: list[tuple[Any, str, str]] = [
    (link([A], '<ORIGIN/v1/items?p=2>; rel="next"'), NOT_READ + "kind: link", ""),
    (link([A], "<ORIGIN/v1/items?p=2>; rel=next"), NOT_READ + "kind: link", ""),
    (link([A], "<ORIGIN/v1/items?p=2>; title=x; REL='prev next'"), NOT_READ + "kind: link", ""),
    (items(A, next=NEXT, count=2), AS_LINK, "next"),
    (items(A, next="/v1/items?page=2"), AS_LINK, "next"),
    (items(A, **{"@odata.nextLink": NEXT}), AS_LINK, "@odata.nextLink"),
    (items(A, links={"next": {"href": NEXT}}), AS_LINK, "links.next.href"),
    (items(A, _links={"next": {"href": NEXT}}), AS_LINK, "_links.next.href"),
    (items(A, link=[{"relation": "self"}, {"relation": "next", "url": NEXT}]), AS_LINK, "link[relation=next].url"),
    (items(A, links=[{"rel": "next", "href": NEXT}]), AS_LINK, "links[rel=next].href"),
    (items(A, next_cursor="abc"), AS_CURSOR, "next_cursor"),
    (items(A, nextPageToken="t"), AS_CURSOR, "nextPageToken"),
    (items(A, meta={"next_page": 2}), AS_CURSOR, "meta.next_page"),
    (items(A, paging={"next": {"after": "7", "link": NEXT}}), AS_LINK, "paging.next.link"),
    (items(A, paging={"next": {"after": "7"}}), AS_CURSOR, "paging.next.after"),
    (items(A, response_metadata={"next_cursor": "dXNlcjpV"}), AS_CURSOR, "response_metadata.next_cursor"),
    (headed(items(A), X_Next_Page="2"), AS_CURSOR, "header:X-Next-Page"),
    (items(A, meta={"total_pages": 3}), AS_PAGES, "meta.total_pages"),
    (items(A, last_page="3"), AS_PAGES, "last_page"),
    (headed(items(A), X_WP_TotalPages="3"), AS_PAGES, "header:X-WP-TotalPages"),
    (items(A, has_more=True), "set pagination.more_path to '{0}'", "has_more"),
    (items(A, total=2), "set pagination.total_path to '{0}'", "total"),
]


@pytest.mark.parametrize("pagination", [{}, {"pagination": {"kind": "none"}}], ids=["none given", "none"])
@pytest.mark.parametrize(("reply", "setting", "path"), SAID, ids=lambda value: str(value)[:60])
def test_a_next_page_that_is_not_read_is_said_once(
    reply: Any, setting: str, path: str, pagination: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    records = "" if path == "" else "items"
    with caplog.at_level(logging.WARNING):
        table, _ = read(reply, records=records, **pagination)
    assert table.num_rows == 1
    assert setting.format(path) in caplog.text
    assert len(caplog.records) == 1


SILENT: list[tuple[Any, dict[str, Any]]] = [
    (items(A, next=None, next_cursor="", has_more=False, total=1, total_pages=1, links={}), {}),
    (items(A, next=False, nextPageToken=0, meta={"next": "-1"}, paging={"cursors": {"after": "x"}}), {}),
    (headed(items(A), X_Next_Page="", X_Total_Pages="1"), {}),
    (link(items(A), '<ORIGIN/v1/items?p=1>; rel="last"'), {}),
    # What a record says of itself.
    ({"id": 1, "next": NEXT, "total_pages": 9}, {"records": "", "records_as": "object"}),
    ({"data": {"id": 1, "next": NEXT}}, {"records": "data", "records_as": "object"}),
]


@pytest.mark.parametrize(("reply", "config"), SILENT, ids=lambda value: str(value)[:60])
def test_an_answer_that_is_the_only_one_is_no_warning(
    reply: Any, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read(reply, **{"records": "items", **config})
    assert caplog.text == ""


def test_names_in_the_header_link_are_in_any_case() -> None:
    first = link([A], "<ORIGIN/v1/items?p=2>; Rel=next")
    table, _ = read(first, [B], pagination={"kind": "link", "optional": True})
    assert table["id"].to_pylist() == [1, 2]
