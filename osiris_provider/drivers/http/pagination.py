"""What all kinds of pages of APIs have in common.

An API may say outright that there is more (``more_path``), or how many records there are (``total_path``). What it says
is believed, and checked: an end that contradicts it is an error, and so is a path that is never found, because a typo
would otherwise be the end.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urldefrag

from pydantic import Field, PrivateAttr

from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.paths import AnswerPath, Missing
from osiris_provider.drivers.step import StepConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NextRequest:
    """How to ask for a page: parameters of its own, or another URL that has its own.

    :param params: of the query, or values in the body by their paths; see ``params_in``.
    :param url: in the place of the path.
    """

    params: dict[str, Any] = field(default_factory=dict)
    url: str | None = None

    @property
    def key(self) -> str:
        """What two requests for the same page have in common."""
        if self.url:
            return urldefrag(self.url).url
        return repr(sorted((name, str(value)) for name, value in self.params.items()))


def overlap(rows: Rows, following: Rows) -> bool:
    """Return whether rows end with those that others begin with; equal rows within one page say nothing.

    :param rows: of a page.
    :param following: of the one behind it.
    """
    # Each step looks at a row but once: of thousands of rows, equal ones or such that all come again, too.
    if not following or rows.count(following[0]) != 1:
        return False
    tail = rows[rows.index(following[0]) :]
    if tail != following[: len(tail)]:
        return False
    known = Counter(map(repr, rows))
    return all(known[repr(row)] == 1 for row in tail)


class Pagination(StepConfig):
    """What all kinds of pages have in common.

    :param more_path: where the answer says whether there is more (``has_more``).
    :param total_path: where it says how many records there are in all.
    :param stop_after_empty_page: whether a page without records is the end, if nothing says that there is more.
    :param end_status: statuses by which the API says that a page lies behind the last one, such as 404. They are errors
        for the first page.
    :param params_in: where the parameters of a page go: into the query, or into the JSON that is posted. There a name
        is a path, such as ``page.number``.
    """

    more_path: AnswerPath | None = None
    total_path: AnswerPath | None = None
    stop_after_empty_page: bool = True
    end_status: list[Annotated[int, Field(ge=400, le=499)]] = Field(default_factory=list)
    params_in: Literal["query", "body"] = "query"
    _is_warned: bool = PrivateAttr(default=False)

    def first(self) -> NextRequest:
        """Return how to ask for the first page."""
        return NextRequest()

    @abstractmethod
    def following(self, page: Page) -> NextRequest | Missing | None:
        """Return how to ask for the page after this one.

        :param page: that was read.
        :return: None if the page says that there is none; MISSING if it says nothing of a next page.
        :raises PaginationError: what it says makes no sense.
        """

    def is_last(self, page: Page) -> bool:
        """Return whether a page is known to be the last one, by figures that only this kind has."""
        del page
        return False

    def check_next(self, page: Page, previous: Page) -> None:
        """Check that a page can be the one behind another, and warn once if it begins with records of that one.

        :param page: that was read, with records.
        :param previous: the one before it.
        :raises PaginationError: the two overlap.
        """
        if self._is_warned or not overlap(previous.rows, page.rows):
            return
        self._is_warned = True
        log.warning(
            "Page %s begins with records that end page %s. If they are the same, they come twice: rows were added "
            "while the pages were read, or the API begins a page with the last record of the one before. Have it sort "
            "by what does not change, such as an id, or write with write_mode: upsert.",
            f"{page.number:,}",
            f"{previous.number:,}",
        )

    def repeat_for(self, page: Page, previous: Page) -> NextRequest | None:
        """Return how to ask for a page once more, so that its place among all records is known; None if it is known.

        :param page: that was read, with records.
        :param previous: the one before it.
        """
        del page, previous
        return None

    @property
    def figures(self) -> dict[str, str | None]:
        """The paths that an answer must have, by the names of their fields."""
        return {"more_path": self.more_path, "total_path": self.total_path}

    @property
    def params(self) -> list[str]:
        """The names of its parameters, each in a field of its own."""
        return [value for field, value in self if field.endswith("_param") and value]

    @property
    def target(self) -> str | None:
        """What tells the next page, for messages; None if nothing has to be found for it."""
        return None

    @property
    def advice(self) -> str:
        """What to look at if pages go wrong."""
        return "Check config field pagination."

    @property
    def may_lack_target(self) -> bool:
        """Whether an API may leave it out on its only page."""
        return True

    @property
    def repeats_matter(self) -> bool:
        """Whether a page with the records of the one before it can only be the same page once more."""
        return False
