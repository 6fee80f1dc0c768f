"""Driver of family supabase: the rows of a table or view through the Data API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.connectors.supabase import SupabaseConnection
from osiris_provider.drivers.base import Extractor, Step
from osiris_provider.drivers.http import Page, PagedConfig, records_at, request_json, rows_of
from osiris_provider.drivers.json_rows import to_batches
from osiris_provider.errors import DriverConfigError

_RESERVED = frozenset({"select", "order", "limit", "offset"})


class SupabaseExtractorConfig(PagedConfig):
    """Config of ``supabase.extractor``.

    :param table: table or view, in the connection's schema.
    :param columns: columns to read; all if empty.
    :param select: PostgREST's own notation instead, such as ``id,author(name)``.
    :param filters: column to condition in PostgREST's notation, such as ``{"age": "gte.18"}``; several in a list.
    :param order: columns, such as ``id`` or ``created_at.desc``. Required, and best unique: without it the database
        may give a row twice, or not at all, when it is read page by page.
    :param page_size: rows to ask for at a time; the project may give fewer.
    """

    table: Annotated[str, Field(min_length=1)]
    columns: list[str] = Field(default_factory=list)
    select: str | None = None
    filters: dict[str, str | list[str]] = Field(default_factory=dict)
    order: list[str]
    page_size: Annotated[int, Field(ge=1, le=100_000)] = 1000

    @field_validator("order", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.columns and self.select is not None:
            problem = "columns and select say the same; keep one"
            raise ValueError(problem)
        if not all(self.order) or not self.order:
            problem = "config field order needs at least one column"
            raise ValueError(problem)
        wrong = sorted(_RESERVED & set(self.filters))
        if wrong:
            problem = f"config field filters: {wrong[0]} is not a filter; it has a field of its own"
            raise ValueError(problem)
        return self

    def params(self, offset: int) -> dict[str, Any]:
        """Return the query parameters of a page.

        :param offset: number of its first row, from 0.
        """
        select = self.select or ",".join(self.columns) or "*"
        window = {"limit": self.page_size, "offset": offset}
        return {"select": select, **self.filters, "order": ",".join(self.order), **window}


class SupabaseExtractor(Extractor[SupabaseExtractorConfig]):
    """Reads a table or view; a key is needed, a DSN alone is for ``postgres.extractor``."""

    name = "supabase.extractor"
    family = "supabase"
    config_model = SupabaseExtractorConfig

    def extract(self, step: Step[SupabaseExtractorConfig]) -> Any:
        """Return the rows as a stream of record batches, a batch a page."""
        config = step.config
        if SupabaseConnection.parse(step.connection).key is None:
            advice = "give it a service_role_key or anon_key, or read with postgres.extractor and its dsn"
            message = f"Step {step.id} ({self.name}): the connection has only a pg_dsn; {advice}."
            raise DriverConfigError(message, step=step.id)
        rows = rows_of(step, _pages(step), config.max_pages)
        return to_batches(rows, step_id=step.id, types=config.types, infer_rows=config.infer_rows)


def _pages(step: Step[SupabaseExtractorConfig]) -> Iterator[Page]:
    """Yield pages until one is empty: a short one may only mean that the project gives fewer rows at a time."""
    number = before = 0
    path = quote(step.config.table, safe="")
    while True:
        number += 1
        found, answer = request_json(step, "GET", path, params=step.config.params(before))
        page = Page(number, found, answer, records_at(step, found, ""), before)
        yield page
        before = page.behind
        if not page.rows:
            return
