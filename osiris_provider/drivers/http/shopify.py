"""Driver of family shopify: the nodes of a GraphQL connection, cursor by cursor."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, model_validator
from typing_extensions import Self

from osiris_provider.connectors.shopify import GRAPHQL
from osiris_provider.drivers.base import Extractor, Step
from osiris_provider.drivers.http.base import PagedConfig
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.pages import PageReader, PageRequest
from osiris_provider.drivers.http.paginator import CursorPages
from osiris_provider.drivers.http.paths import BodyPath, get_path
from osiris_provider.drivers.incremental.cursor import CursorRange, Incremental
from osiris_provider.errors import DataError

log = logging.getLogger(__name__)

CURSOR_VARIABLES = ("after", "cursor")


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


class ShopifyExtractor(Extractor[ShopifyExtractorConfig]):
    """Reads the nodes of a connection; waits when Shopify throttles, as long as Shopify says."""

    name = "shopify.extractor"
    family = "shopify"
    config_model = ShopifyExtractorConfig

    def extract(self, step: Step[ShopifyExtractorConfig]) -> Any:
        """Return the nodes as a stream of record batches, a batch a page."""
        config = step.config
        request = PageRequest(
            GRAPHQL,
            _Nodes(step.id, config.path).rows_of,
            "POST",
            body=config.request(None, config.searched(step.cursor_range)),
            seconds=config.page_timeout,
        )
        pagination = _NodePages(
            kind="cursor",
            cursor_path=f"data.{config.path}.pageInfo.endCursor",
            more_path=f"data.{config.path}.pageInfo.hasNextPage",
            cursor_param=f"variables.{config.cursor_variable}",
            params_in="body",
        )
        return config.to_batches(PageReader(step, request, pagination, config.max_pages).rows(), step)

    def source(self, config: ShopifyExtractorConfig) -> str:
        """Return the connection's path, such as ``products``."""
        return config.path


class _NodePages(CursorPages):
    @property
    def advice(self) -> str:
        return "Pass the cursor in the query as after: $after."


@dataclass
class _Nodes:
    """Finds the nodes in the answers of one step, and makes sure that the connections inside of them are whole."""

    step_id: str
    path: str
    _warned: set[str] = field(default_factory=set)

    def rows_of(self, value: Any, page: int) -> Rows:
        """Return the nodes of an answer.

        :param value: parsed JSON.
        :param page: its number.
        :raises DataError: there are none, or a connection inside of a node has more than came.
        """
        connection = get_path(value, f"data.{self.path}")
        fields = connection if isinstance(connection, dict) else {}
        nodes = _nodes_of(fields)
        if isinstance(nodes, list) and None in nodes:
            message = f"Step {self.step_id}: page {page}: node {nodes.index(None) + 1} at data.{self.path} is null."
            raise DataError(message, step=self.step_id)
        if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
            message = (
                f"Step {self.step_id}: there is no connection with nodes or edges at data.{self.path}. "
                "Check config fields query and connection_path."
            )
            raise DataError(message, step=self.step_id)
        page_info = fields.get("pageInfo")
        if (
            not isinstance(page_info, dict)
            or not isinstance(page_info.get("hasNextPage"), bool)
            or "endCursor" not in page_info
        ):
            message = f"Step {self.step_id}: the query must ask for pageInfo {{ hasNextPage endCursor }}."
            raise DataError(message, step=self.step_id)
        for number, node in enumerate(nodes, 1):
            self._check(node, self.path, f"page {page}, node {number}")
        return nodes

    def _check(self, value: Any, path: str, where: str) -> None:
        for inner in value if isinstance(value, list) else ():
            self._check(inner, path, where)
        for name, inner in value.items() if isinstance(value, dict) else ():
            inner_path = f"{path}.{name}"
            if isinstance(inner, dict) and (isinstance(_nodes_of(inner), list) or "pageInfo" in inner):
                self._check_connection(inner, inner_path, where)
            self._check(inner, inner_path, where)

    def _check_connection(self, connection: dict[str, Any], path: str, where: str) -> None:
        page_info = connection.get("pageInfo")
        more = page_info.get("hasNextPage") if isinstance(page_info, dict) else None
        if more is True:
            message = (
                f"Step {self.step_id}: {where}: connection {path} has more nodes than came (hasNextPage). "
                "Raise its first, or read it in a step of its own."
            )
            raise DataError(message, step=self.step_id)
        if more is None and path not in self._warned:
            self._warned.add(path)
            log.warning(
                "Step %s: connection %s may have more nodes than came: ask for its pageInfo { hasNextPage } to know.",
                self.step_id,
                path,
            )


def _nodes_of(connection: dict[str, Any]) -> Any:
    nodes = connection.get("nodes")
    if nodes is None and isinstance(connection.get("edges"), list):
        return [edge.get("node") if isinstance(edge, dict) else None for edge in connection["edges"]]
    return nodes
