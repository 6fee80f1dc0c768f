"""Configs of the drivers of Supabase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.drivers.http.config import PagedConfig
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.incremental.cursor import CursorRange, Incremental
from osiris_provider.drivers.postgres.config import PostgresWriteConfig
from osiris_provider.drivers.sql.config import TableConfig, WriteConfig
from osiris_provider.drivers.step import MAX_INTEGER
from osiris_provider.drivers.validation import validated

_RESERVED = frozenset({"select", "order", "limit", "offset"})


class SupabaseExtractorConfig(PagedConfig):
    """Config of ``supabase.extractor``.

    :param table: table or view, in the connection's schema.
    :param columns: columns to read; all if empty.
    :param select: PostgREST's own notation instead, such as ``id,author(name)``.
    :param filters: column to condition in PostgREST's notation, such as ``{"age": "gte.18"}``; several in a list.
    :param key: a column that is unique and never null, such as ``id``: each page begins behind the last key of the one
        before it. Rows that come, change or go meanwhile then move no others to another page. A key that is null, or
        that two rows have, is an error.
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

    @field_validator("order", mode="before", json_schema_input_type=str | list[str])
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
            # With its last row a page shows whether another has the same key. A server may give but one row at a time.
            sign = "gte" if len(page.value) > 1 else "gt"
            filters[self.key] = [*filters.get(self.key, []), f"{sign}.{page.rows[-1][self.key]}"]
        return {**asked, **filters, "order": self.key, "limit": self.page_size + 1}

    def without_key(self, cursor_range: CursorRange | None) -> dict[str, Any]:
        """Return the query parameters for one of the rows that have no key, of which no page would come.

        :param cursor_range: what is asked for.
        """
        asked = self.params(None, cursor_range)
        key = str(self.key)
        given = asked.get(key, [])
        return {**asked, "select": key, key: [*given, "is.null"], "limit": 1}


class SupabaseWriteConfig(TableConfig):
    """Config of ``supabase.writer``; see :class:`TableConfig`.

    ``table`` is in the connection's schema; with ``pg_dsn`` perhaps with another before it. ``write_mode`` ``replace``
    and ``create_if_missing`` are only for ``pg_dsn``; the Data API has no ledger.

    :param via: ``dsn``, ``api``, or ``auto``, which takes the DSN if the connection has one.
    :param strip_nul: leave the character U+0000 out of texts; else it is an error with column and row.
    :param batch_rows: rows that are held and sent at a time; to the Data API, those of a request. Without it, as many
        as ``postgres.writer`` takes, or 10000.
    """

    via: Literal["auto", "api", "dsn"] = "auto"
    strip_nul: bool = False
    batch_rows: Annotated[int, Field(ge=1, le=MAX_INTEGER)] | None = None

    def of_postgres(self, schema: str) -> WriteConfig:
        """Return the same as the config of ``postgres.writer``.

        :param schema: of a table that is named without one.
        """
        fields = self.model_dump(exclude={"via"}, exclude_none=True)
        table = self.table if "." in self.table else f"{schema}.{self.table}"
        return validated(PostgresWriteConfig, {**fields, "table": table})


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
