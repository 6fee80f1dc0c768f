"""Driver of family supabase: the rows of a table or view through the Data API."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.drivers.base import Extractor, Step
from osiris_provider.drivers.http.base import PagedConfig
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.pages import PageReader, PageRequest
from osiris_provider.drivers.http.pagination import NextRequest, Pagination
from osiris_provider.drivers.http.records import RecordReader
from osiris_provider.drivers.incremental.cursor import CursorRange, Incremental
from osiris_provider.errors import DataError, DriverConfigError

_RESERVED = frozenset({"select", "order", "limit", "offset"})


class SupabaseExtractorConfig(PagedConfig):
    """Config of ``supabase.extractor``.

    :param table: table or view, in the connection's schema.
    :param columns: columns to read; all if empty.
    :param select: PostgREST's own notation instead, such as ``id,author(name)``.
    :param filters: column to condition in PostgREST's notation, such as ``{"age": "gte.18"}``; several in a list.
    :param key: a column that is unique and never null, such as ``id``: each page begins behind the last key of the one
        before it. Rows that come, change or go meanwhile then move no others to another page.
    :param order: without ``key``: columns, such as ``id`` or ``created_at.desc``, best unique. Without any order the
        database may give a row twice, or not at all, when it is read page by page.
    :param page_size: rows to ask for at a time; the project may give fewer.
    :param incremental: what is new; needs ``key``.
    """

    table: Annotated[str, Field(min_length=1)]
    columns: list[str] = Field(default_factory=list)
    select: str | None = None
    filters: dict[str, str | list[str]] = Field(default_factory=dict)
    key: Annotated[str | None, Field(min_length=1)] = None
    order: list[str] = Field(default_factory=list)
    page_size: Annotated[int, Field(ge=1, le=100_000)] = 1000
    incremental: Incremental | None = None

    @field_validator("order", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.columns and self.select is not None:
            problem = "columns and select say the same; keep one"
            raise ValueError(problem)
        if (self.key is None) != bool(self.order) or not all(self.order):
            problem = "config field key or config field order is required: one of them, order with at least one column"
            raise ValueError(problem)
        if self.incremental is not None and self.key is None:
            problem = "config field incremental needs config field key: rows that change while they are read get lost"
            raise ValueError(problem)
        needed = {name for name in (self.key, self.incremental and self.incremental.column) if name}
        missing = sorted(needed - set(self.columns)) if self.columns else []
        if missing:
            problem = f"config field columns must have {missing[0]}"
            raise ValueError(problem)
        wrong = sorted(_RESERVED & set(self.filters))
        if wrong:
            problem = f"config field filters: {wrong[0]} is not a filter; it has a field of its own"
            raise ValueError(problem)
        return self

    def params(self, page: Page | None, cursor_range: CursorRange | None) -> dict[str, Any]:
        """Return the query parameters of a page.

        :param page: the one before it.
        :param cursor_range: what to ask for.
        """
        asked: dict[str, Any] = {"select": self.select or ",".join(self.columns) or "*", "limit": self.page_size}
        filters = {name: value if isinstance(value, list) else [value] for name, value in self.filters.items()}
        name, condition = _condition(cursor_range) if cursor_range else ("", "")
        if condition:
            filters[name] = [*filters.get(name, []), condition]
        if self.key is None:
            return {**asked, **filters, "order": ",".join(self.order), "offset": page.end_offset if page else 0}
        if page is not None:
            filters[self.key] = [*filters.get(self.key, []), f"gt.{page.rows[-1][self.key]}"]
        return {**asked, **filters, "order": self.key}


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
        pages = PageReader(
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


def _condition(cursor_range: CursorRange) -> tuple[str, str]:
    """Return a range as a filter of PostgREST: the name of the parameter, and its value; empty if there is none."""
    column = _quoted(cursor_range.column)
    bounds = ((cursor_range.low, "gte" if cursor_range.inclusive else "gt"), (cursor_range.high, "lte"))
    terms = [f"{column}.{sign}.{_quoted(str(value.json()))}" for value, sign in bounds if value is not None]
    if not terms:
        return "and", "" if cursor_range.with_nulls else f"({column}.not.is.null)"
    if not cursor_range.with_nulls:
        return "and", f"({','.join(terms)})"
    return "or", f"(and({','.join(terms)}),{column}.is.null)"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
