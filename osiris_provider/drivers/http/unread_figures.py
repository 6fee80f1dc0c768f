"""Figures of an answer that no field of the config names, but that say that records are missing.

APIs call the number of all records, and whether there is more, by a handful of names. An end that contradicts one of
them is worth a warning: an API that keeps records back, and whose answers are believed, would lose them silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.page_kinds import LinkedPages
from osiris_provider.drivers.http.pagination import NextRequest, Pagination

_PARENTS = ("", "meta", "_meta", "metadata", "pagination", "paging", "page_info", "pageInfo", "page")
_TOTALS = (
    "total",
    "count",
    "total_count",
    "totalCount",
    "total_records",
    "totalRecords",
    "total_results",
    "totalResults",
    "total_items",
    "totalItems",
    "@odata.count",
)
_TOTAL_HEADERS = ("X-Total-Count", "X-Total", "Content-Range")
_MORE = ("has_more", "hasMore", "more", "has_next", "hasNext", "has_next_page", "hasNextPage")
_PARENTS_OF_NEXT = (*_PARENTS, "links", "_links", "data", "result", "response_metadata")
_NEXT = (
    "next",
    "next_url",
    "nextUrl",
    "next_href",
    "next_link",
    "nextLink",
    "@odata.nextLink",
    "nextRecordsUrl",
    "next_page",
    "nextPage",
    "next_page_url",
    "nextPageUrl",
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "NextToken",
    "next_offset",
    "nextOffset",
    "continuation_token",
    "continuationToken",
    "NextContinuationToken",
)
_WITHIN_NEXT = ("href", "url", "link", "cursor", "after")
_LINKS = ("link[relation=next].url", "link[rel=next].href", "links[rel=next].href", "links[rel=next].url")
_NEXT_HEADERS = ("X-Next-Page", "X-Next-Cursor", "X-Next-Token", "X-Continuation-Token", "X-MS-Continuation")
_NO_CURSORS = ("", "0", "-1", "null", "None")
_PAGES = ("total_pages", "totalPages", "page_count", "pageCount", "last_page", "lastPage", "num_pages", "numPages")
_PAGES_HEADERS = ("X-Total-Pages", "X-WP-TotalPages", "X-Page-Count")


def unread_page(page: Page) -> str | None:
    """Return what the only page that is read says of further ones, and the setting that reads them; None if nothing.

    :param page: that was read.
    """
    unread = "which is not read: config field pagination is 'none'. Set it to"
    if _is_linked(page):
        return f"links to a next page, {unread} kind: link"
    path, target = next(((at, said) for at, said in _targets(page) if _is_target(said)), ("", None))
    if path and _is_url(target):
        return f"names a next page at '{path}', {unread} {{kind: link, next_path: '{path}', optional: true}}"
    if path:
        setting = (
            f"{{kind: cursor, cursor_path: '{path}', optional: true}}, and cursor_param to the parameter that takes it"
        )
        return f"names a next page at '{path}', {unread} {setting}"
    path, pages = next(((at, said) for at, said in _page_counts(page) if _number(said) > 1), ("", None))
    if path:
        return f"says {pages} pages at '{path}', of all but one {unread} {{kind: page, total_pages_path: '{path}'}}"
    return None


def contradiction(pages: Pagination, page: Page, read: int) -> str | None:
    """Return what a page says against there being no more records, and the field to set; None if it says nothing.

    :param pages: the config; what it names is not looked at.
    :param page: the last one whose answer was an object, or had records.
    :param read: how many records there were on all pages.
    """
    if pages.total_path is None:
        path, value = next(((at, said) for at, said in _totals(page) if _number(said) > read), ("", None))
        if path:
            return f"says {value} at '{path}'. If it counts records, set pagination.total_path to '{path}'"
    if pages.more_path is None:
        path = next((path for path, value in _at(page, _MORE) if value is True), "")
        if path:
            return f"says true at '{path}'. If it means that there is more, set pagination.more_path to '{path}'"
    return None


def _is_linked(page: Page) -> bool:
    try:
        return isinstance(LinkedPages(kind="link").following(page), NextRequest)
    except PaginationError:
        return True


def _targets(page: Page) -> Iterator[tuple[str, Any]]:
    for path, value in _at(page, _NEXT, _PARENTS_OF_NEXT):
        yield path, value
        for name in _WITHIN_NEXT:
            yield f"{path}.{name}", _field(value, name)
    for path in (*_LINKS, *(f"header:{name}" for name in _NEXT_HEADERS)):
        yield path, page.at(path)


def _is_target(value: Any) -> bool:
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return is_text and str(value).strip() not in _NO_CURSORS


def _is_url(value: Any) -> bool:
    return str(value).startswith(("/", "?")) or urlsplit(str(value)).scheme in ("http", "https")


def _page_counts(page: Page) -> Iterator[tuple[str, Any]]:
    yield from _at(page, _PAGES)
    for name in _PAGES_HEADERS:
        yield f"header:{name}", page.headers.get(name, "")


def _totals(page: Page) -> Iterator[tuple[str, Any]]:
    yield from _at(page, _TOTALS)
    for name in _TOTAL_HEADERS:
        yield f"header:{name}", page.headers.get(name, "").rpartition("/")[2]


def _at(page: Page, names: tuple[str, ...], parents: tuple[str, ...] = _PARENTS) -> Iterator[tuple[str, Any]]:
    for parent in parents:
        within = page.value if not parent else _field(page.value, parent)
        if any(within is row for row in page.rows[:1]):
            # What a record says of itself.
            continue
        for name in names:
            value = _field(within, name)
            if value is not None:
                yield (f"{parent}.{name}" if parent else name), value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _number(value: Any) -> int:
    text = "" if isinstance(value, bool) else str(value)
    return int(text) if text.isdecimal() and len(text) <= 18 else -1
