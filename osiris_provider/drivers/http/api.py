"""Driver of family api: the records of any JSON API, page by page."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urljoin

from pydantic import Field

from osiris_provider.drivers.base import Extractor, Step, StepConfig
from osiris_provider.drivers.http.base import Page, PagedConfig, dig, records_at, request_json, rows_of
from osiris_provider.drivers.incremental import Incremental, Window
from osiris_provider.errors import DataError

Scalar = str | int | float | bool
Size = Annotated[int, Field(ge=1, le=100_000)]


@dataclass(frozen=True)
class Hop:
    """Where the next page is: other parameters, or another URL that has its own."""

    params: dict[str, Any] = field(default_factory=dict)
    url: str | None = None


class _Pagination(StepConfig):
    def first(self) -> Hop:
        """Return where the first page is."""
        return Hop()

    @abstractmethod
    def following(self, page: Page) -> Hop | None:
        """Return where the page after this one is, None if there is none."""


class NoPages(_Pagination):
    """Everything is in one answer."""

    kind: Literal["none"] = "none"

    def following(self, page: Page) -> Hop | None:
        """Return None."""
        del page
        return None


class NumberedPages(_Pagination):
    """Pages have numbers; the first empty one is behind the last.

    A page that is shorter than asked for is not taken for the last: servers cap the size that one may ask for.

    :param page_param: query parameter of the page's number.
    :param size_param: query parameter of the page's size; None if there is none.
    :param start: number of the first page.
    """

    kind: Literal["page"]
    page_param: str = "page"
    size_param: str | None = "per_page"
    page_size: Size = 100
    start: int = 1

    def first(self) -> Hop:
        """Return the first number."""
        return self._at(self.start)

    def following(self, page: Page) -> Hop | None:
        """Return the next number, unless the page was empty."""
        return self._at(self.start + page.number) if page.rows else None

    def _at(self, number: int) -> Hop:
        size = {self.size_param: self.page_size} if self.size_param else {}
        return Hop({self.page_param: number, **size})


class OffsetPages(_Pagination):
    """Pages begin at a record's number, from 0; the first empty one is behind the last.

    :param offset_param: query parameter of the first record.
    :param limit_param: query parameter of how many.
    """

    kind: Literal["offset"]
    offset_param: str = "offset"
    limit_param: str = "limit"
    page_size: Size = 100

    def first(self) -> Hop:
        """Return offset 0."""
        return self._at(0)

    def following(self, page: Page) -> Hop | None:
        """Return the offset behind all records so far, unless the page was empty."""
        return self._at(page.behind) if page.rows else None

    def _at(self, offset: int) -> Hop:
        return Hop({self.offset_param: offset, self.limit_param: self.page_size})


class CursorPages(_Pagination):
    """Each answer holds the cursor of the next page; null, empty or absent means that there is none.

    :param cursor_path: dotted path of the cursor in the answer.
    :param cursor_param: query parameter that takes it.
    :param size_param: query parameter of the page's size; None if there is none.
    """

    kind: Literal["cursor"]
    cursor_path: str = "next_cursor"
    cursor_param: str = "cursor"
    size_param: str | None = None
    page_size: Size = 100

    def first(self) -> Hop:
        """Return no cursor."""
        return Hop({self.size_param: self.page_size} if self.size_param else {})

    def following(self, page: Page) -> Hop | None:
        """Return the cursor that the page holds."""
        cursor = dig(page.found, self.cursor_path)
        return Hop({**self.first().params, self.cursor_param: cursor}) if cursor not in (None, "", False) else None


class LinkedPages(_Pagination):
    """Each answer names the URL of the next page: in header ``Link``, or at a path in its JSON.

    :param next_path: dotted path of the URL; None takes the header.
    """

    kind: Literal["link"]
    next_path: str | None = None

    def following(self, page: Page) -> Hop | None:
        """Return the URL that the page names."""
        target = dig(page.found, self.next_path) if self.next_path else _next_link(page.answer.headers.get("Link", ""))
        return Hop(url=urljoin(page.answer.url, str(target))) if target else None


Pagination = Annotated[NoPages | NumberedPages | OffsetPages | CursorPages | LinkedPages, Field(discriminator="kind")]


class ApiIncremental(Incremental):
    """Config field ``incremental`` of ``api.extractor``.

    :param param: query parameter that takes the mark, such as ``updated_since``. Whether the API means it inclusive
        is its own affair: records that were read are left out.
    """

    param: Annotated[str, Field(min_length=1)]


class ApiExtractorConfig(PagedConfig):
    """Config of ``api.extractor``.

    :param path: under the connection's base URL.
    :param params: query parameters.
    :param method: POST only for reading: a request may be sent twice.
    :param body: JSON that is posted.
    :param records: dotted path of the records in an answer; empty if the answer is the list.
    :param incremental: what is new; ``param`` is the query parameter that takes where to begin.
    """

    path: str
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    records: str = ""
    pagination: Pagination = NoPages()
    incremental: ApiIncremental | None = None

    def asked(self, window: Window | None) -> dict[str, Any]:
        """Return the query parameters that all pages have.

        :param window: what to ask for.
        """
        if window is None or window.low is None or self.incremental is None:
            return self.params
        return {**self.params, self.incremental.param: window.low.json()}


class ApiExtractor(Extractor[ApiExtractorConfig]):
    """Reads the records of a JSON API."""

    name = "api.extractor"
    family = "api"
    config_model = ApiExtractorConfig

    def extract(self, step: Step[ApiExtractorConfig]) -> Any:
        """Return the records as a stream of record batches, a batch a page."""
        config = step.config
        rows = rows_of(step, _pages(step), config.max_pages)
        return config.to_batches(rows, step.id)

    def source(self, config: ApiExtractorConfig) -> str:
        """Return the path; its query may hold a key."""
        return config.path.partition("?")[0]


def _pages(step: Step[ApiExtractorConfig]) -> Iterator[Page]:
    config = step.config
    hop: Hop | None = config.pagination.first()
    seen: set[str] = set()
    number = before = 0
    while hop is not None:
        number += 1
        options: dict[str, Any] = {} if hop.url else {"params": {**config.asked(step.window), **hop.params}}
        if config.body is not None:
            options["json"] = config.body
        found, answer = request_json(step, config.method, hop.url or config.path, **options)
        page = Page(number, found, answer, records_at(step, found, config.records), before)
        yield page
        before = page.behind
        hop = config.pagination.following(page)
        _check_progress(step, hop, seen)


def _check_progress(step: Step[ApiExtractorConfig], hop: Hop | None, seen: set[str]) -> None:
    """Refuse to go where the reader has been, and to where the credentials do not belong."""
    if hop is None:
        return
    place = hop.url or repr(hop.params)
    problem = "the next page is one that was read before" if place in seen else ""
    if hop.url:
        problem = problem or _wrong_target(step, hop.url)
    if problem:
        message = f"Step {step.id}: {problem}. Check config field pagination."
        raise DataError(message, step=step.id)
    seen.add(place)


def _wrong_target(step: Step[ApiExtractorConfig], url: str) -> str:
    try:
        same = step.client().same_origin(url)
    except ValueError:
        return "the link to the next page is not a valid URL"
    return "" if same else "the next page is on another host, where the credentials do not belong"


def _next_link(header: str) -> str | None:
    from requests.utils import parse_header_links

    links = parse_header_links(header) if header else []
    return next((link["url"] for link in links if "next" in link.get("rel", "").lower().split()), None)
