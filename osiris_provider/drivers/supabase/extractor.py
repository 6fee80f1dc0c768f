"""Driver of family supabase: the rows of a table or view through the Data API."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from osiris_provider.drivers.base import Extractor
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.pagination import NextRequest, Pagination
from osiris_provider.drivers.http.paginator import PageRequest, Paginator
from osiris_provider.drivers.http.records import RecordReader
from osiris_provider.drivers.http.request import request_json
from osiris_provider.drivers.incremental.cursor import CursorRange
from osiris_provider.drivers.step import Step
from osiris_provider.drivers.supabase.config import SupabaseExtractorConfig
from osiris_provider.errors import DataError, DriverConfigError

log = logging.getLogger(__name__)


class SupabaseExtractor(Extractor[SupabaseExtractorConfig]):
    """Reads a table or view; a key is needed, a DSN alone is for ``postgres.extractor``."""

    name = "supabase.extractor"
    family = "supabase"
    config_model = SupabaseExtractorConfig

    def extract(self, step: Step[SupabaseExtractorConfig]) -> Any:
        """Return the rows as a stream of record batches, a batch a page."""
        config = step.config
        if step.connection.model.key is None:
            advice = "give it a service_role_key or anon_key, or read with postgres.extractor and its dsn"
            raise DriverConfigError.in_step(step.id, f"the connection has only a pg_dsn; {advice}.", self.name)
        rows_of = RecordReader(step.id).rows_of if config.key is None else _KeyedRows(step.id, config.key).rows_of
        request = PageRequest(quote(config.table, safe=""), rows_of, seconds=config.page_timeout)
        pages = Paginator(
            step, request, _TablePages(config=config, step_id=step.id, cursor_range=step.cursor_range), config.max_pages
        )
        return config.to_batches(_with_all_keys(step, request, pages.rows()), step)


def _with_all_keys(step: Step[SupabaseExtractorConfig], request: PageRequest, pages: Iterator[Rows]) -> Iterator[Rows]:
    """Yield the pages; at their end make sure that there are no rows without a key, which no page would have.

    :raises DataError: there are.
    """
    is_read = False
    for rows in pages:
        is_read = is_read or bool(rows)
        yield rows
    if step.config.key is None or not is_read:
        return
    params = step.config.without_key(step.cursor_range)
    value, _, _ = request_json(step, request.method, request.path, params=params, seconds=request.seconds)
    if value:
        raise _key_error(step.id, step.config.key, "is null in some rows, which would not be read")


def _key_error(step_id: str, key: str, problem: str) -> DataError:
    message = (
        f"config field key: column '{key}' {problem}. Name a column that is unique and never null, or "
        "leave such rows out with config field filters."
    )
    return DataError.in_step(step_id, message, column=key)


@dataclass
class _KeyedRows:
    """The rows of pages that each begin with the last row of the one before it, which is left out.

    :param key: column whose values have to be unique: of two rows with the same one might fall between two pages.
    """

    step_id: str
    key: str
    _last: Any = None

    def rows_of(self, value: Any, page: int) -> Rows | None:
        """Return the new rows of an answer; see :meth:`RecordReader.rows_of`."""
        rows = RecordReader(self.step_id).rows_of(value, page)
        keys = [row.get(self.key) for row in rows or ()]
        if not rows or keys[-1] is None:
            return rows
        again = [number for number, key in enumerate(keys) if self._last is not None and key == self._last]
        equal = next((number for number, (one, other) in enumerate(pairwise(keys), 1) if one == other), 0)
        if equal or again[1:] or again[:1] > [0]:
            where = f"rows {equal} and {equal + 1}" if equal else f"row {again[-1] + 1} and one before it"
            raise _key_error(self.step_id, self.key, f"is not unique (page {page}, {where})")
        self._last = keys[-1]
        return rows[len(again) :]


class _TablePages(Pagination):
    """Pages until one is empty: a short one may only mean that the project gives fewer rows at a time."""

    config: SupabaseExtractorConfig
    step_id: str
    cursor_range: CursorRange | None

    def first(self) -> NextRequest:
        return NextRequest(self.config.params(None, self.cursor_range))

    def following(self, page: Page) -> NextRequest:
        key = self.config.key
        if key is not None and page.rows[-1].get(key) is None:
            raise _key_error(self.step_id, key, "is not in the rows, or is null in one")
        return NextRequest(self.config.params(page, self.cursor_range))

    def check_next(self, page: Page, previous: Page) -> None:
        """Warn where the order leaves it to the database which of two rows comes first, and so on which page."""
        columns = [term.partition(".")[0].strip('"') for term in self.config.order]
        first, last = page.rows[0], previous.rows[-1]
        if self._is_warned or not columns or any(name not in first or first[name] != last[name] for name in columns):
            return
        self._is_warned = True
        log.warning(
            "Step %s: config field order: the last row of page %s and the first of page %s are equal in all of its "
            "columns. The database may order such rows otherwise for each page, and give them twice or not at all: add "
            "a column that is unique, or use config field key.",
            self.step_id,
            previous.number,
            page.number,
        )

    @property
    def advice(self) -> str:
        return "Check config fields key and order."

    @property
    def repeats_matter(self) -> bool:
        return True
