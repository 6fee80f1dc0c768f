"""Driver of family shopify: the nodes of a GraphQL connection, cursor by cursor."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from osiris_provider.connectors.shopify import GRAPHQL
from osiris_provider.drivers.base import Extractor
from osiris_provider.drivers.http.config import ShopifyExtractorConfig
from osiris_provider.drivers.http.json.columns import Rows
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.page_kinds import CursorPages
from osiris_provider.drivers.http.pagination import NextRequest
from osiris_provider.drivers.http.paginator import PageRequest, Paginator
from osiris_provider.drivers.http.paths import Missing, get_path
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DataError
from osiris_provider.messages import printable

log = logging.getLogger(__name__)

_IGNORED = ("invalid_field", "")
"""Codes of warnings that a condition was left out; older versions of the API have none."""
_VERSION = "X-Shopify-API-Version"


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
            asked_version=step.connection.model.api_version,
            step_id=step.id,
        )
        return config.to_batches(Paginator(step, request, pagination, config.max_pages).rows(), step)

    def source(self, config: ShopifyExtractorConfig) -> str:
        """Return the connection's path, such as ``products``."""
        return config.path


class _NodePages(CursorPages):
    asked_version: str
    step_id: str

    def following(self, page: Page) -> NextRequest | Missing | None:
        """Return the cursor that the page holds; see :meth:`CursorPages.following`."""
        version = page.headers.get(_VERSION, self.asked_version)
        if page.number == 1 and version != self.asked_version:
            log.warning(
                "Step %s: Shopify no longer serves version %s of its API and has answered by %s, whose fields may mean "
                "something else. Set api_version of the connection.",
                self.step_id,
                self.asked_version,
                printable(version[:20]),
            )
        return super().following(page)

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
        self._check_search(value, page)
        connection = get_path(value, f"data.{self.path}")
        fields = connection if isinstance(connection, dict) else {}
        nodes = _nodes_of(fields)
        if isinstance(nodes, list) and None in nodes:
            message = f"page {page}: node {nodes.index(None) + 1} at data.{self.path} is null."
            raise DataError.in_step(self.step_id, message)
        if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
            message = (
                f"there is no connection with nodes or edges at data.{self.path}. "
                "Check config fields query and connection_path."
            )
            raise DataError.in_step(self.step_id, message)
        page_info = fields.get("pageInfo")
        if (
            not isinstance(page_info, dict)
            or not isinstance(page_info.get("hasNextPage"), bool)
            or "endCursor" not in page_info
        ):
            message = "the query must ask for pageInfo { hasNextPage endCursor }."
            raise DataError.in_step(self.step_id, message)
        for number, node in enumerate(nodes, 1):
            self._check(node, self.path, f"page {page}, node {number}")
        return nodes

    def _check_search(self, value: Any, page: int) -> None:
        """Refuse an answer whose search has terms that Shopify does not know: it leaves them out."""
        searches = get_path(value, "extensions.search")
        for search in searches if isinstance(searches, list) else ():
            warnings = search.get("warnings") if isinstance(search, dict) else None
            for warning in warnings if isinstance(warnings, list) else ():
                self._note_search(warning if isinstance(warning, dict) else {}, page)

    def _note_search(self, warning: dict[str, Any], page: int) -> None:
        field_name, code = (printable(str(warning.get(name) or "")[:100]) for name in ("field", "code"))
        if code in _IGNORED:
            message = (
                f"page {page}: Shopify cannot search this connection by '{field_name}' and leaves "
                "the condition out, so that other nodes come than were asked for. Check config fields search and "
                "incremental, or what the query searches by."
            )
            raise DataError.in_step(self.step_id, message)
        if f"{code} {field_name}" not in self._warned:
            self._warned.add(f"{code} {field_name}")
            log.warning("Step %s: Shopify warns of the search by '%s': %s.", self.step_id, field_name, code)

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
                f"{where}: connection {path} has more nodes than came (hasNextPage). "
                "Raise its first, or read it in a step of its own."
            )
            raise DataError.in_step(self.step_id, message)
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
