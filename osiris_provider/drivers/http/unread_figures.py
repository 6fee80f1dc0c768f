"""Figures of an answer that no field of the config names, but that say that records are missing.

APIs call the number of all records, and whether there is more, by a handful of names. An end that contradicts one of
them is worth a warning: an API that keeps records back, and whose answers are believed, would lose them silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.pagination import Pagination

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
_TOTAL_HEADERS = ("X-Total-Count", "X-Total")
_MORE = ("has_more", "hasMore", "more", "has_next", "hasNext", "has_next_page", "hasNextPage")


def contradiction(pages: Pagination, page: Page, read: int) -> str | None:
    """Return what a page says against there being no more records, and the field to set; None if it says nothing.

    :param pages: the config; what it names is not looked at.
    :param page: the last one whose answer was an object, or had records.
    :param read: how many records there were on all pages.
    """
    if page.rows[:1] == [page.value]:
        # The answer is the record.
        return None
    if pages.total_path is None:
        path, value = next(((at, said) for at, said in _totals(page) if _number(said) > read), ("", None))
        if path:
            return f"says {value} at '{path}'. If it counts records, set pagination.total_path to '{path}'"
    if pages.more_path is None:
        path = next((path for path, value in _at(page, _MORE) if value is True), "")
        if path:
            return f"says true at '{path}'. If it means that there is more, set pagination.more_path to '{path}'"
    return None


def _totals(page: Page) -> Iterator[tuple[str, Any]]:
    yield from _at(page, _TOTALS)
    for name in _TOTAL_HEADERS:
        yield f"header:{name}", page.headers.get(name, "")


def _at(page: Page, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for parent in _PARENTS:
        within = page.value if not parent else _field(page.value, parent)
        for name in names:
            value = _field(within, name)
            if value is not None:
                yield (f"{parent}.{name}" if parent else name), value


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _number(value: Any) -> int:
    text = "" if isinstance(value, bool) else str(value)
    return int(text) if text.isdecimal() and len(text) <= 18 else -1
