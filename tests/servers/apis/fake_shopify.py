"""Shopify's Admin GraphQL API for one shop: tokens, cursor pages, and a bucket of query cost that leaks."""

from __future__ import annotations

import re
import ssl
import time
from typing import Any

from tests.servers.apis.http import HttpServer, Reply, Request

Rows = list[dict[str, Any]]
VERSIONS = ("2026-04", "2026-07", "2026-10", "unstable")
_CONNECTION = re.compile(r"\b(products|orders|customers)\b\s*\(")
_FIRST = re.compile(r"first:\s*(\d+|\$first)")


class FakeShopify(HttpServer):
    """A shop.

    :param access_token: the one that is accepted.
    :param rows: records by connection: ``products``, ``orders``, ``customers``.
    :param bucket: points of query cost that can be saved up.
    :param restore_rate: points that come back in a second.
    """

    def __init__(
        self,
        access_token: str,
        rows: dict[str, Rows] | None = None,
        bucket: float = 2000,
        restore_rate: float = 100,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.access_token = access_token
        self.rows = rows or {}
        self.denied: set[str] = set()
        """Connections that the token's scopes leave out."""
        self.scopes = ["read_products", "read_orders"]
        self.status = 200
        """Another status stands for the state of the shop: 402 frozen, 423 locked, 430 suspected …"""
        self.bucket, self.restore_rate = bucket, restore_rate
        self.available = bucket
        self.throttled = 0
        self._filled_at = time.monotonic()

    def answer(self, request: Request) -> Reply:
        match = re.fullmatch(r"/admin/api/([^/]+)/graphql\.json", request.path)
        if not match or self.status == 404:
            return Reply.of_json({"errors": "Not Found"}, 404)
        if request.headers.get("x-shopify-access-token", "").encode("latin-1") != self.access_token.encode():
            return Reply.of_json({"errors": "[API] Invalid API key or access token"}, 401)
        if self.status != 200:
            return Reply.of_json({"errors": "Unavailable Shop"}, self.status)
        # A version that is no longer served is answered by the oldest one that is.
        version = match[1] if match[1] in VERSIONS else VERSIONS[0]
        return Reply.of_json(self._graphql(request.json()), headers={"X-Shopify-API-Version": version})

    def _graphql(self, asked: dict[str, Any]) -> dict[str, Any]:
        query, variables = asked["query"], asked.get("variables") or {}
        if query.count("{") != query.count("}"):
            return {"errors": [{"message": "Parse error", "locations": [{"line": 1, "column": 1}]}]}
        connection = _CONNECTION.search(query)
        size = _size(query, variables)
        cost = 2.0 + size if connection else 1.0
        if not self._pay(cost):
            self.throttled += 1
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [error], "extensions": self._cost(cost, None)}
        extensions = self._cost(cost, cost)
        if not connection:
            return {"data": self._shop(query), "extensions": extensions}
        name = connection[1]
        if name in self.denied:
            error = {"message": f"Access denied for {name} field.", "extensions": {"code": "ACCESS_DENIED"}}
            return {"errors": [error], "data": {name: None}, "extensions": extensions}
        return {"data": {name: self._page(name, size, variables, query)}, "extensions": extensions}

    def _shop(self, query: str) -> dict[str, Any]:
        match: dict[str, Any] = {"shop": {"name": "Tea & Söhne"}}
        if "accessScopes" in query:
            match["currentAppInstallation"] = {"accessScopes": [{"handle": scope} for scope in self.scopes]}
        return match

    def _page(self, name: str, size: int, variables: dict[str, Any], query: str) -> dict[str, Any]:
        start = int(variables.get("after") or variables.get("cursor") or 0)
        rows = self.rows.get(name, [])
        page = rows[start : start + size]
        fields = [field for field in (rows[0] if rows else {}) if re.search(rf"\b{field}\b", query)]
        nodes = [{field: row[field] for field in fields} for row in page]
        end = start + len(page)
        match: dict[str, Any] = {"pageInfo": {"hasNextPage": end < len(rows), "endCursor": str(end) if page else None}}
        if "edges" in query:
            return {"edges": [{"node": node} for node in nodes], **match}
        return {"nodes": nodes, **match}

    def _pay(self, cost: float) -> bool:
        now = time.monotonic()
        self.available = min(self.bucket, self.available + (now - self._filled_at) * self.restore_rate)
        self._filled_at = now
        if cost > self.available:
            return False
        self.available -= cost
        return True

    def _cost(self, requested: float, actual: float | None) -> dict[str, Any]:
        status = {
            "maximumAvailable": self.bucket,
            "currentlyAvailable": int(self.available),
            "restoreRate": self.restore_rate,
        }
        return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}


def _size(query: str, variables: dict[str, Any]) -> int:
    match = _FIRST.search(query)
    if not match:
        return 10
    return int(variables["first"] if match[1] == "$first" else match[1])
