"""Driver of family supabase: the rows of a table or view through the Data API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from osiris_provider.drivers.base import Extractor, Step
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.pagination import NextRequest, Pagination
from osiris_provider.drivers.http.paginator import PageRequest, Paginator
from osiris_provider.drivers.http.records import RecordReader
from osiris_provider.drivers.incremental.cursor import CursorRange
from osiris_provider.drivers.supabase.config import SupabaseExtractorConfig
from osiris_provider.errors import DataError, DriverConfigError


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
            message = f"Step {step.id} ({self.name}): the connection has only a pg_dsn; {advice}."
            raise DriverConfigError(message, step=step.id)
        request = PageRequest(quote(config.table, safe=""), RecordReader(step.id).rows_of, seconds=config.page_timeout)
        pages = Paginator(
            step, request, _TablePages(config=config, step_id=step.id, cursor_range=step.cursor_range), config.max_pages
        )
        return config.to_batches(pages.rows(), step)


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
            message = f"Step {self.step_id}: config field key: column '{key}' is not in the rows, or is null in one."
            raise DataError(message, step=self.step_id)
        return NextRequest(self.config.params(page, self.cursor_range))

    @property
    def advice(self) -> str:
        return "Check config fields key and order."

    @property
    def repeats_matter(self) -> bool:
        return True
