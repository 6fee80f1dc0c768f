"""The kinds of pages that APIs have: how each asks for the next page, and how it knows the last one."""

from __future__ import annotations

import logging
import re
from typing import Annotated, Any, Literal
from urllib.parse import urljoin

from pydantic import Field, model_validator
from typing_extensions import Self

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.http.page import Page, PaginationError
from osiris_provider.drivers.http.pagination import NextRequest, Pagination, overlap
from osiris_provider.drivers.http.paths import MISSING, AnswerPath, Missing

log = logging.getLogger(__name__)

Size = Annotated[int, Field(ge=1, le=100_000)]
Name = Annotated[str, Field(min_length=1)]
# A link ends at a comma that is not quoted, and its URL may have commas and semicolons in it.
_LINK = re.compile(r"<([^<>]*)>((?:[^\",]|\"(?:[^\"\\]|\\.)*\")*)")
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|([^\s;\"']*))")
OTHER_RELATIONS = frozenset({"first", "last", "prev", "previous"})


class NoPages(Pagination):
    """Everything is in one answer."""

    kind: Literal["none"] = "none"

    def following(self, page: Page) -> None:
        """Return None."""
        del page


class CountedPages(Pagination):
    """What pages that are asked for by a number have in common: nothing in an answer leads to the next one."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if any((self.stop_after_empty_page, self.end_status, *self.figures.values())):
            return self
        problem = "without stop_after_empty_page it needs another end: more_path, total_path or end_status"
        raise ValueError(problem)

    @property
    def repeats_matter(self) -> bool:
        """Return True: a server that ignores the number gives the same page for ever."""
        return True


class NumberedPages(CountedPages):
    """Pages have numbers; the first empty one is behind the last.

    A page that is shorter than asked for is not taken for the last: servers cap the size that one may ask for. Some of
    them count pages by the size that was asked for all the same, and records between two pages never come. So where
    ``page_size`` is given, and the first page is short, the second one is asked for once more, by the size that came.

    :param page_param: parameter of the page's number.
    :param size_param: parameter of the page's size; None if there is none.
    :param page_size: how many records to ask for.
    :param start: number of the first page.
    :param total_pages_path: where the answer says how many pages there are.
    """

    kind: Literal["page"]
    page_param: Name = "page"
    size_param: Name | None = "per_page"
    page_size: Size = 100
    start: int = 1
    total_pages_path: AnswerPath | None = None

    def first(self) -> NextRequest:
        """Return the first number."""
        return self._at(self.start)

    def following(self, page: Page) -> NextRequest:
        """Return the next number."""
        return self._at(self.start + page.number)

    def repeat_for(self, page: Page, previous: Page) -> NextRequest | None:
        """Return the page's number with the size that came; see :meth:`Pagination.repeat_for`."""
        size = len(previous.rows)
        if self.size_param is None or self.total_path or previous.number > 1 or not 0 < size < self.page_size:
            return None
        if "page_size" not in self.model_fields_set:
            log.warning(
                "Page 1 is shorter (%s) than was asked for (%s), and more come behind it. If the API caps the size "
                "but counts pages by the size that is asked for, records are missing: set pagination.page_size to %s, "
                "or size_param to null if the API knows no such parameter.",
                *(f"{number:,}" for number in (size, self.page_size, size)),
            )
            return None
        request = self._at(self.start + page.number - 1)
        return NextRequest({**request.params, self.size_param: size})

    def is_last(self, page: Page) -> bool:
        """Return whether as many pages were read as the answer says."""
        pages = None if self.total_pages_path is None else page.count_at(self.total_pages_path, "total_pages_path")
        return pages is not None and page.number >= pages

    @property
    def figures(self) -> dict[str, str | None]:
        """The paths that an answer must have, by the names of their fields."""
        return {**super().figures, "total_pages_path": self.total_pages_path}

    def _at(self, number: int) -> NextRequest:
        size = {self.size_param: self.page_size} if self.size_param else {}
        return NextRequest({self.page_param: number, **size})


class OffsetPages(CountedPages):
    """Pages begin at a record's number; the first empty one is behind the last.

    :param offset_param: parameter of the first record.
    :param limit_param: parameter of how many; None if there is none.
    :param page_size: how many records to ask for.
    :param start: number of the first record: 0, or 1 as in SCIM.
    :param advance: by what the offset grows. ``records`` is right if the server gives fewer than asked for because it
        caps the size; ``page_size`` if it does because it filters each page.
    """

    kind: Literal["offset"]
    offset_param: Name = "offset"
    limit_param: Name | None = "limit"
    page_size: Size = 100
    start: Annotated[int, Field(ge=0)] = 0
    advance: Literal["records", "page_size"] = "records"

    def first(self) -> NextRequest:
        """Return the first offset."""
        return self._at(self.start)

    def following(self, page: Page) -> NextRequest:
        """Return the offset behind all records so far; an empty page counts as a whole one."""
        if self.advance == "page_size":
            return self._at(self.start + page.number * self.page_size)
        return self._at(self.start + page.end_offset + page.empty_pages * self.page_size)

    def check_next(self, page: Page, previous: Page) -> None:
        """Refuse a page that begins with what ends the one before it; see :meth:`Pagination.check_next`."""
        short = len(previous.rows) < self.page_size
        if self.advance == "records" and short and overlap(previous.rows, page.rows):
            message = (
                f"it begins with records that end page {previous.number}, which has fewer than asked for. If the API "
                "filters each page, set pagination.advance to page_size"
            )
            raise PaginationError(message)
        super().check_next(page, previous)

    def _at(self, offset: int) -> NextRequest:
        limit = {self.limit_param: self.page_size} if self.limit_param else {}
        return NextRequest({self.offset_param: offset, **limit})


class CursorPages(Pagination):
    """Each answer holds the cursor of the next page; null or an empty text means that there is none.

    :param cursor_path: where the cursor is; ``items.-1.id`` takes the last record's id, ``header:NAME`` a header.
    :param cursor_param: parameter that takes it.
    :param first_cursor: cursor of the first page, such as ``*``; None asks for it without one.
    :param end_cursors: cursors that mean that there is no next page, such as 0 or -1.
    :param stop_after_same_cursor: whether a cursor that is the one just sent means so too.
    :param optional: whether an answer may lack the cursor if there is no next page. A typo is then the end.
    :param size_param: parameter of the page's size; None if there is none.
    :param page_size: how many records to ask for, if there is such a parameter.
    """

    kind: Literal["cursor"]
    cursor_path: AnswerPath = "next_cursor"
    cursor_param: Name = "cursor"
    first_cursor: str | int | None = None
    end_cursors: list[str | int] = Field(default_factory=list)
    stop_after_same_cursor: bool = False
    optional: bool = False
    size_param: Name | None = None
    page_size: Size = 100
    stop_after_empty_page: bool = False

    def first(self) -> NextRequest:
        """Return the first cursor, if there is one."""
        return self._at(self.first_cursor)

    def following(self, page: Page) -> NextRequest | Missing | None:
        """Return the cursor that the page holds."""
        cursor = page.at(self.cursor_path)
        if isinstance(cursor, Missing):
            return cursor
        if cursor in (None, "") or cursor is False or str(cursor) in map(str, self.end_cursors):
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int | float):
            message = f"what is at cursor_path '{self.cursor_path}' is not a cursor"
            raise PaginationError(message)
        if any("\ud800" <= character <= "\udfff" for character in str(cursor)):
            message = f"the cursor at '{self.cursor_path}' has half of a surrogate pair, which no URL can carry"
            raise PaginationError(message)
        request = self._at(cursor)
        return None if self.stop_after_same_cursor and request.key == page.request_key else request

    @property
    def advice(self) -> str:
        """Name the fields for APIs whose cursors never end."""
        return (
            "Check config field pagination. If an empty page, or the same cursor, is how this API ends, set "
            "stop_after_empty_page or stop_after_same_cursor."
        )

    @property
    def target(self) -> str:
        """The cursor's path."""
        return f"cursor_path '{self.cursor_path}'"

    @property
    def may_lack_target(self) -> bool:
        """Whether the config says so."""
        return self.optional

    def _at(self, cursor: Any) -> NextRequest:
        size = {self.size_param: self.page_size} if self.size_param else {}
        sent = str(cursor) if isinstance(cursor, Number) else cursor
        return NextRequest(size if cursor is None else {**size, self.cursor_param: sent})


class LinkedPages(Pagination):
    """Each answer names the URL of the next page: in header ``Link``, or at a path in its JSON.

    :param next_path: where the URL is; None takes the header ``Link``.
    :param relation: of the link in the header.
    :param optional: whether an answer may lack the link if there is no next page, as that of GitHub does if there is
        one page only. A typo, or an API without such links, is then the end.
    """

    kind: Literal["link"]
    next_path: AnswerPath | None = None
    relation: Name = "next"
    optional: bool = False
    stop_after_empty_page: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.params_in == "body":
            problem = "params_in: a link has its own query; there is nothing to put into the body"
            raise ValueError(problem)
        return self

    def following(self, page: Page) -> NextRequest | Missing | None:
        """Return the URL that the page names."""
        target = page.at(self.next_path) if self.next_path else self._header_link(page)
        if isinstance(target, Missing):
            return target
        if target in (None, "") or target is False:
            return None
        if not isinstance(target, str) or isinstance(target, Number):
            message = f"what is at next_path '{self.next_path}' is not a URL"
            raise PaginationError(message)
        try:
            return NextRequest(url=urljoin(page.url, target.strip()))
        except ValueError:
            message = "the link to the next page is not a valid URL"
        raise PaginationError(message)

    def _header_link(self, page: Page) -> str | Missing | None:
        links = [(link[1], _relations(link[2])) for link in _LINK.finditer(page.headers.get("Link", ""))]
        for url, names in links:
            if self.relation.lower() in names:
                return url
        known = {name for _, names in links for name in names}
        # On the last page there are the other relations of pages.
        return None if known & OTHER_RELATIONS and "next" not in known else MISSING

    @property
    def target(self) -> str:
        """The URL's path, or the header."""
        if self.next_path:
            return f"next_path '{self.next_path}'"
        return f'header Link with rel="{self.relation}"'

    @property
    def may_lack_target(self) -> bool:
        """Whether the config says so."""
        return self.optional


def _relations(parameters: str) -> list[str]:
    """Return the relations of a link; RFC 8288 has readers take the first of several ``rel``."""
    given = ((match[1].lower(), match[2] or match[3] or match[4] or "") for match in _PARAMETER.finditer(parameters))
    return next((value.lower().split() for name, value in given if name == "rel"), [])


PaginationConfig = Annotated[
    NoPages | NumberedPages | OffsetPages | CursorPages | LinkedPages, Field(discriminator="kind")
]
"""Config field ``pagination``."""
