"""Configs of the extractors of APIs, and what they share: how records become columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.json.rows import to_batches
from osiris_provider.drivers.http.page_kinds import NoPages, PaginationConfig
from osiris_provider.drivers.http.paths import BodyPath, with_value
from osiris_provider.drivers.http.records import NullRecords, Shape
from osiris_provider.drivers.incremental.cursor import CursorRange, Incremental, decoded_schema
from osiris_provider.drivers.step import MAX_INTEGER, Step, StepConfig

if TYPE_CHECKING:
    import pyarrow as pa

Scalar = str | int | float | bool
CURSOR_VARIABLES = ("after", "cursor")
"""What the cursor may be called in a query of Shopify."""


class PagedConfig(StepConfig):
    """Config fields that all extractors of pages have.

    :param types: column to type; only these columns are kept. Without it types are inferred.
    :param infer_rows: how many rows to infer types from.
    :param other_fields: name of a column that takes, as JSON text, the fields that have no column. Without it, a
        field that appears late is an error, and one that ``types`` lacks is left out.
    :param page_timeout: seconds from the request for a page to the end of its answer; ``timeout`` of the connection is
        for each piece of it, and an answer may come in endless pieces.
    :param max_pages: an error is raised rather than to read on, or to leave out what is behind them.
    """

    types: dict[str, str] | None = None
    infer_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    other_fields: Annotated[str | None, Field(min_length=1)] = None
    page_timeout: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    max_pages: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 10_000

    def to_batches(self, pages: Iterable[Rows], step: Step[Any]) -> pa.RecordBatchReader:
        """Return records as a stream of record batches, a batch a page.

        :param pages: of records.
        :param step: for messages, and for the columns if there are no records.
        """
        return to_batches(
            pages,
            step_id=step.id,
            types=self.types,
            infer_rows=self.infer_rows,
            other_fields=self.other_fields,
            last_schema=decoded_schema(step.cursor_range.schema) if step.cursor_range else None,
        )


def _relative(path: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/|//", path):
        problem = "is a path under the connection's base_url, not a URL"
        raise ValueError(problem)
    return path


class ApiIncremental(Incremental):
    """Config field ``incremental`` of ``api.extractor``.

    :param param: query parameter that takes the cursor value, such as ``updated_since``. Whether the API means it
        inclusive is its own affair: records that were read are left out.
    """

    param: Annotated[str, Field(min_length=1)]


class ApiExtractorConfig(PagedConfig):
    """Config of ``api.extractor``.

    :param path: under the connection's base URL.
    :param params: query parameters.
    :param method: POST only for reading: a request may be sent twice.
    :param body: JSON that is posted.
    :param format: ``ndjson`` for one JSON text a line; ``auto`` goes by the content type.
    :param records: path of the records in an answer; empty if the answer is the list.
    :param records_as: ``list`` of objects, one ``object``, or a ``map`` whose values are the records.
    :param key_field: column that takes the names of a map.
    :param records_optional: whether an answer may lack the path if it has no records. A typo is then no records.
    :param null_records: ``skip`` leaves null among the records out.
    :param error_paths: where an answer with status 200 tells of an error. ``ok: false``, ``success: false`` and
        ``status: error`` or ``fail`` at its top do so too, unless there are none.
    :param pagination: how to get from page to page.
    :param incremental: what is new; ``param`` is the query parameter that takes where to begin.
    """

    path: Annotated[str, AfterValidator(_relative)]
    params: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    format: Literal["auto", "json", "ndjson"] = "auto"
    records: BodyPath = ""
    records_as: Shape = "list"
    key_field: Annotated[str, Field(min_length=1)] = "key"
    records_optional: bool = False
    null_records: NullRecords = "error"
    error_paths: list[BodyPath] = Field(default_factory=lambda: ["error", "errors"])
    pagination: PaginationConfig = NoPages()
    incremental: ApiIncremental | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.method == "GET" and (self.body is not None or self.pagination.params_in == "body"):
            problem = "a body, or pagination.params_in: body, needs method: POST"
            raise ValueError(problem)
        body = self.body
        for path in self.pagination.params if self.pagination.params_in == "body" else ():
            body = with_value(body, path, 0)
        return self

    def asked(self, cursor_range: CursorRange | None) -> dict[str, Any]:
        """Return the query parameters that all pages have.

        :param cursor_range: what to ask for.
        """
        if cursor_range is None or cursor_range.low is None or self.incremental is None:
            return self.params
        return {**self.params, self.incremental.param: cursor_range.low.json()}


class ShopifyExtractorConfig(PagedConfig):
    """Config of ``shopify.extractor``: a resource with its fields, or a GraphQL query.

    :param resource: a connection at the top of the schema, such as ``products``, ``orders`` or ``customers``.
    :param fields: GraphQL fields of each node, such as ``id`` or ``totalPriceSet { shopMoney { amount } }``.
    :param search: condition in Shopify's search syntax, such as ``updated_at:>2026-01-01``; with ``resource`` only.
    :param query: a query that takes the cursor as ``$after`` or ``$cursor``, perhaps the page size as ``$first``, and
        asks for ``nodes`` or ``edges { node }``, and for ``pageInfo { hasNextPage endCursor }``.
    :param connection_path: dotted path of the connection under ``data``; the resource if not given.
    :param variables: further variables of the query.
    :param page_size: nodes to ask for at a time; Shopify gives at most 250.
    :param incremental: what is new, by a field such as ``updatedAt``, for which Shopify must have a search term
        (``updated_at``). A ``query`` then needs a variable ``$search``.
    """

    resource: Annotated[str | None, Field(pattern=r"^[a-zA-Z]\w*$")] = None
    fields: list[str] = Field(default_factory=lambda: ["id"], min_length=1)
    search: str | None = None
    query: str | None = None
    connection_path: BodyPath | None = None
    variables: dict[str, Any] = Field(default_factory=dict)
    page_size: Annotated[int, Field(ge=1, le=250)] = 100
    incremental: Incremental | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.resource is None) == (self.query is None):
            problem = "give either config field resource, or query with connection_path"
            raise ValueError(problem)
        if self.query is not None and not (self.connection_path and self.cursor_variable):
            problem = "config field query needs connection_path, and a variable $after or $cursor for the next page"
            raise ValueError(problem)
        if self.incremental is not None:
            self._check_incremental(self.incremental.column)
        return self

    def _check_incremental(self, column: str) -> None:
        if self.query is None and column not in self.fields:
            problem = f"config field fields must have {column}, by which new nodes are known"
            raise ValueError(problem)
        if self.query is not None and not self._has("search"):
            problem = "config field incremental needs a variable $search in the query, such as orders(query: $search)"
            raise ValueError(problem)

    def searched(self, cursor_range: CursorRange | None) -> str | None:
        """Return the condition in Shopify's search syntax, None if there is none.

        :param cursor_range: what to ask for.
        """
        terms = [f"({self.search})"] if self.search is not None and cursor_range is not None else []
        if cursor_range is None or (cursor_range.low is None and cursor_range.high is None):
            return self.search
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", cursor_range.column).lower()
        for bound, sign in ((cursor_range.low, ">=" if cursor_range.inclusive else ">"), (cursor_range.high, "<=")):
            if bound is not None:
                value = str(bound.json()).replace("\\", "\\\\").replace("'", "\\'")
                terms.append(f"{name}:{sign}'{value}'")
        return " AND ".join(terms)

    @property
    def cursor_variable(self) -> str | None:
        """The query's variable that takes the cursor."""
        return next((name for name in CURSOR_VARIABLES if self._has(name)), None) if self.query else "after"

    @property
    def path(self) -> str:
        """Dotted path of the connection under ``data``."""
        return self.connection_path or self.resource or ""

    def request(self, cursor: str | None, search: str | None) -> dict[str, Any]:
        """Return the GraphQL request of a page.

        :param cursor: behind which it begins; None for the first.
        :param search: condition in Shopify's search syntax.
        """
        variables = {**self.variables, str(self.cursor_variable): cursor}
        if self.query is None or self._has("first"):
            variables["first"] = self.page_size
        if search is not None:
            variables["search"] = search
        return {"query": self.query or self._built(searches=search is not None), "variables": variables}

    def _has(self, variable: str) -> bool:
        return bool(re.search(rf"\${variable}\b", self.query or ""))

    def _built(self, *, searches: bool) -> str:
        declared = "$first: Int!, $after: String" + (", $search: String" if searches else "")
        given = "first: $first, after: $after" + (", query: $search" if searches else "")
        nodes = f"nodes {{ {' '.join(self.fields)} }} pageInfo {{ hasNextPage endCursor }}"
        return f"query ({declared}) {{ {self.resource}({given}) {{ {nodes} }} }}"
