"""Reading page by page: one loop for all APIs, which never goes in a circle and never stops early without a word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urldefrag

from osiris_provider.connections.redact import safe_url
from osiris_provider.connectors.http.faults import BAD_REQUEST, GONE, NOT_FOUND, REFUSED_REQUEST
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.page_kinds import NoPages
from osiris_provider.drivers.http.pagination import NextRequest, Pagination
from osiris_provider.drivers.http.paths import Missing, with_value
from osiris_provider.drivers.http.request import query_of, request_json
from osiris_provider.drivers.http.unread_figures import contradiction, unread_page
from osiris_provider.drivers.step import Config, Step
from osiris_provider.errors import ConnectorError, DataError

if TYPE_CHECKING:
    from osiris_provider.connectors.http.session import Answer

log = logging.getLogger(__name__)

MAX_EMPTY_PAGES = 100
"""Pages without records in a row, while the API says that there is more."""
_PAST_THE_END = (NOT_FOUND, BAD_REQUEST, REFUSED_REQUEST, GONE)
"""Faults by which APIs answer for a page behind the last one."""


@dataclass(frozen=True)
class PageRequest:
    """What all pages of a step have in common.

    :param rows_of: returns the records of a parsed answer with the page's number, None if it lies behind the last.
    :param params: of the query.
    :param body: JSON that is posted.
    :param lines: whether answers are one JSON text a line; None goes by their content type.
    :param seconds: that each answer may take.
    """

    path: str
    rows_of: Callable[[Any, int], Rows | None]
    method: str = "GET"
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    lines: bool | None = None
    seconds: float | None = None


class Paginator:
    """Reads the pages of a step; :meth:`rows` is a stream of them.

    :param step: whose connection is used.
    :param request: what is asked.
    :param pagination: how to get from page to page.
    :param max_pages: after which there must be no more.
    """

    def __init__(self, step: Step[Config], request: PageRequest, pagination: Pagination, max_pages: int) -> None:
        self._step: Step[Any] = step
        self._request = request
        self._pagination = pagination
        self._max_pages = max_pages
        self._seen: set[str] = set()
        self._paths_seen: set[str] = set()
        self._empty_in_a_row = 0
        self._total: int | None = None
        self._told: Page | None = None
        self._start: Rows = []
        self._moved: tuple[int, int] | None = None

    def rows(self) -> Iterator[Rows]:
        """Yield the records of each page, as it is read.

        :raises DataError: pages repeat, contradict what the API says of them, are too many, or nest too deeply.
        :raises ConnectorError: by category.
        """
        try:
            yield from self._rows()
        except RecursionError:
            message = "an answer has lists and objects that are nested too deeply. Ask for it without such fields."
        else:
            return
        raise DataError.in_step(self._step.id, message)

    def _rows(self) -> Iterator[Rows]:
        page: Page | None = None
        following: NextRequest | None = self._pagination.first()
        while following is not None:
            self._seen.add(following.key)
            previous, page = page, self._read(following, page)
            self._check_repeat(page, previous)
            self._check_size(page, previous)
            # One empty page may be what says that there are no more.
            if page.number > self._max_pages and (page.rows or page.number > self._max_pages + 1):
                self._refuse(f"there are more than {self._max_pages:,} pages. Raise config field max_pages")
            yield page.rows
            self._told = page if page.rows else self._told
            following = self._next(page)

    def _read(self, request: NextRequest, previous: Page | None) -> Page:
        number = previous.number + 1 if previous else 1
        value, answer, ended = self._fetch(request, number)
        if number == 1 and self._request.method == "GET":
            # A link may lead back to where it began.
            self._seen.add(urldefrag(answer.url).url)
            self._check_query(request, answer.url)
        rows = None if ended else self._request.rows_of(value, number)
        return Page(
            number,
            value,
            answer.headers,
            answer.url,
            rows or [],
            previous.end_offset if previous else 0,
            (previous.empty_pages if previous else 0) + (not rows),
            request.key,
            ended=rows is None,
        )

    def _fetch(self, request: NextRequest, number: int) -> tuple[Any, Answer, bool]:
        common, pagination = self._request, self._pagination
        options: dict[str, Any] = {"seconds": common.seconds, "params": query_of(common.params)}
        if common.body is not None:
            options["json"] = common.body
        if pagination.params_in == "query":
            options["params"].update(query_of(request.params))
        else:
            for path, value in request.params.items():
                options["json"] = with_value(options.get("json"), path, value)
        if request.url:
            del options["params"]
        also = pagination.end_status if number > 1 else ()
        try:
            return request_json(
                self._step, common.method, request.url or common.path, also=also, lines=common.lines, **options
            )
        except ConnectorError as error:
            if number == 1 or error.fault not in _PAST_THE_END:
                raise
            hint = (
                " If this is how the API says that there are no more pages, set pagination.end_status to this status."
            )
            problem = error.restated(error.message + hint)
        raise problem

    def _next(self, page: Page) -> NextRequest | None:
        following, problem = None, ""
        try:
            following = self._following(page)
            if following is None:
                self._check_end(page)
        except PaginationError as error:
            problem = f"page {page.number}: {error}"
        if problem:
            self._refuse(problem)
        if following is not None:
            self._check_target(following)
        return following

    def _following(self, page: Page) -> NextRequest | None:
        pagination = self._pagination
        if page.ended:
            return None
        more = page.more_at(pagination.more_path)
        total = page.count_at(pagination.total_path, "total_path")
        if total is not None:
            if self._total is not None and self._total != total:
                self._moved = (self._total, total)
            self._total = total
        self._check_paths(page)
        complete = total is not None and page.end_offset >= total
        if more is None and total is not None and page.rows and page.end_offset > total:
            message = (
                f"the API says that there are {total:,} records, but {page.end_offset:,} came. Rows have moved while "
                "they were read, or pagination.total_path counts something else"
            )
            raise PaginationError(message)
        if more is False or (more is None and complete) or pagination.is_last(page):
            return None
        says_more = more is True or (total is not None and not complete)
        if not page.rows and not says_more and pagination.stop_after_empty_page:
            return None
        self._empty_in_a_row = 0 if page.rows else self._empty_in_a_row + 1
        if self._empty_in_a_row > MAX_EMPTY_PAGES:
            message = f"the API says that there is more, but {MAX_EMPTY_PAGES} pages in a row are empty"
            raise PaginationError(message)
        return self._target(page, says_more=says_more)

    def _target(self, page: Page, *, says_more: bool) -> NextRequest | None:
        pagination = self._pagination
        following = pagination.following(page)
        target = pagination.target
        if not isinstance(following, Missing):
            self._paths_seen.add(target or "")
        elif target and target not in self._paths_seen and page.rows and not (pagination.may_lack_target or says_more):
            message = (
                f"{target} was not found in any answer. Check it; if the API leaves it out where there is no next "
                "page, set pagination.optional to true"
            )
            raise PaginationError(message)
        if isinstance(following, NextRequest):
            return following
        if says_more:
            message = f"the API says that there is more, but there is no next page at {target or 'all'}"
            raise PaginationError(message)
        return None

    def _check_end(self, page: Page) -> None:
        if self._total is not None and page.end_offset < self._total:
            message = (
                f"the API says that there are {self._total:,} records, but only {page.end_offset:,} came. "
                "Rows are missing, or pagination.total_path counts something else"
            )
            raise PaginationError(message)
        if self._moved is not None and self._pagination.repeats_matter:
            log.warning(
                "Step %s: the API spoke of %s records, and then of %s: rows came or went while they were read. "
                "Some may have been read twice, or not at all.",
                self._step.id,
                *(f"{count:,}" for count in self._moved),
            )
        said_by = self._told or page if page.ended else page
        further = unread_page(said_by) if isinstance(self._pagination, NoPages) else None
        if further:
            log.warning("Step %s: the answer %s.", self._step.id, further)
            return
        doubt = contradiction(self._pagination, said_by, page.end_offset)
        if doubt:
            count = f"{page.end_offset:,}"
            log.warning("Step %s: records read: %s, but the answer of the API %s.", self._step.id, count, doubt)

    def _check_paths(self, page: Page) -> None:
        for name, path in self._pagination.figures.items():
            if path is None or path in self._paths_seen:
                continue
            if not isinstance(page.at(path), Missing):
                self._paths_seen.add(path)
            elif page.rows:
                message = f"{name} '{path}' was not found in the answer. Check it"
                raise PaginationError(message)

    def _check_target(self, following: NextRequest) -> None:
        """Refuse to go where the reader has been, and to where the credentials do not belong."""
        if following.url:
            self._check_url(following.url)
        if following.key in self._seen:
            self._refuse("the next page is one that was read before")

    def _check_url(self, url: str) -> None:
        try:
            same = self._step.client().same_origin(url)
        except ValueError:
            problem = "the link to the next page is not a valid URL"
        else:
            problem = "" if same else "the next page is on another host, where the credentials do not belong"
        if problem:
            self._refuse(problem)

    def _check_query(self, request: NextRequest, url: str) -> None:
        """Warn of a redirect without the parameters that were asked with: a limit or a condition is lost then."""
        params = [*self._request.params.values(), *request.params.values()]
        if (any(value != [] for value in params) or "?" in self._request.path) and "?" not in url:
            log.warning(
                "Step %s: the API redirects to %s, without the parameters of the request, so other records may come "
                "than were asked for. Correct config field path, perhaps by a / at its end.",
                self._step.id,
                safe_url(url),
            )

    def _check_size(self, page: Page, previous: Page | None) -> None:
        if previous is None or not page.rows:
            return
        size = len(previous.rows)
        try:
            self._pagination.check_next(page, previous)
            again = self._pagination.repeat_for(page, previous)
        except PaginationError as error:
            problem = f"page {page.number}: {error}"
        else:
            if again is None or self._read(again, previous).rows[:size] == page.rows[:size]:
                return
            problem = (
                f"page {previous.number} has {size:,} records, fewer than asked for, and the API counts pages by the "
                f"size asked for: records between two pages would be missing. Set pagination.page_size to {size}. If "
                "the API filters each page, put the size into params and set pagination.size_param to null"
            )
        self._refuse(problem)

    def _check_repeat(self, page: Page, previous: Page | None) -> None:
        # The records, not the answer, which may hold the time of day.
        if previous is None:
            self._start = page.rows
            return
        pages = self._pagination
        same = "the page before it" if page.rows == previous.rows else ""
        if not same and pages.repeats_matter and page.rows == self._start:
            # Some servers begin again behind the last page.
            same = "the first one"
        if same and page.rows and (pages.repeats_matter or any(row != page.rows[0] for row in page.rows)):
            self._refuse(f"page {page.number} repeats {same}")

    def _refuse(self, problem: str) -> NoReturn:
        message = f"{problem}. {self._pagination.advice}"
        raise DataError.in_step(self._step.id, message)
