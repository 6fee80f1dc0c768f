"""One page of an API: its records, and what else its answer says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from osiris_provider.connectors.http.json_text import Number
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.paths import HEADER, MISSING, Missing, get_path

_RANGE = re.compile(r"\w+ (?:\d+-\d+|\*)/")
"""Of a header ``Content-Range``: ``items 0-24/573``, or ``/*`` if the number of all is not known."""
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class PaginationError(ValueError):
    """What an answer says of its pages makes no sense. The text goes into a message that names the step."""


@dataclass(frozen=True)
class Page:
    """One answer of many.

    :param number: of the page, from 1.
    :param value: the parsed answer.
    :param headers: of the answer; names in any case.
    :param url: that was asked, behind redirects.
    :param rows: its records.
    :param before: how many records the pages before it had.
    :param empty_pages: how many pages up to this one had none.
    :param request_key: see :attr:`NextRequest.key`.
    :param ended: whether its status, or a missing list, says that it lies behind the last page.
    """

    number: int
    value: Any
    headers: Mapping[str, str]
    url: str
    rows: Rows
    before: int
    empty_pages: int
    request_key: str
    ended: bool

    @property
    def end_offset(self) -> int:
        """How many records there are up to its end."""
        return self.before + len(self.rows)

    def at(self, path: str) -> Any:
        """Return what lies at a path in the answer or in its headers, MISSING if there is nothing.

        :param path: such as ``meta.next`` or ``header:X-Next``.
        """
        if path.startswith(HEADER):
            return self.headers.get(path.removeprefix(HEADER), MISSING)
        return get_path(self.value, path)

    def _given_at(self, path: str | None) -> Any:
        """Return what lies at a path, None if that is nothing."""
        value = self.at(path) if path is not None else None
        return None if isinstance(value, Missing) or value == "" else value

    def count_at(self, path: str | None, field_name: str) -> int | None:
        """Return the number of something that the answer says, None if it says none.

        :param path: where it is.
        :param field_name: of the config, for messages.
        :raises PaginationError: there is something else.
        """
        value = self._given_at(path)
        if value is None:
            return None
        text = str(value).strip()
        if _RANGE.match(text):
            text = text.rpartition("/")[2]
            if text == "*":
                return None
        if isinstance(value, bool) or not isinstance(value, int | str) or not text.isdecimal() or len(text) > 18:
            message = f"what is at {field_name} '{path}' is not a number of pages or records"
            raise PaginationError(message)
        return int(text)

    def more_at(self, path: str | None) -> bool | None:
        """Return whether the answer says that there is more, None if it says nothing.

        :param path: ``more_path`` of the config; see :meth:`count_at`.
        :raises PaginationError: it is neither.
        """
        value = self._given_at(path)
        if value is None:
            return None
        flag = _FLAGS.get(str(value).strip().lower())
        if flag is None or isinstance(value, Number):
            message = f"what is at more_path '{path}' is neither true nor false"
            raise PaginationError(message)
        return flag
