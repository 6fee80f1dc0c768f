"""Family shopify against a shop with tokens, states, cursor pages and a bucket of query cost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, retry
from osiris_provider.connectors.shopify import ShopifyConnector
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import (
    ConnectionConfigError,
    ConnectorError,
    DataError,
    DriverConfigError,
    PermissionDeniedError,
)
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent
from osiris_provider.testing.state import MemoryState

from tests.integration.sql.families import step_named
from tests.servers.apis.fake_shopify import FakeShopify

TOKEN = "shpat_@:/#%?&é"
PRODUCTS = [{"id": f"gid://shopify/Product/{number}", "title": f"Tea {number}"} for number in range(520)]
PAGED_QUERY = """
query ($first: Int!, $cursor: String) {
  products(first: $first, after: $cursor) { edges { node { id title } } pageInfo { hasNextPage endCursor } }
}
"""


@pytest.fixture
def shop() -> Iterator[FakeShopify]:
    with FakeShopify(TOKEN, {"products": PRODUCTS, "orders": []}) as server:
        yield server
        close_all()


def to(server: FakeShopify, **fields: Any) -> dict[str, Any]:
    return {"family": "shopify", "alias": "test", "shop_domain": server.origin, "access_token": TOKEN, **fields}


def test_conn_009_details_of_a_healthy_shop(shop: FakeShopify) -> None:
    ok, verdict = ShopifyConnector().doctor(to(shop, api_version="2024-01"), 5)
    assert ok, verdict
    # Shopify answers for a version that it no longer serves with the oldest that it does.
    assert verdict["details"] == {"shop": "Tea & Söhne", "api_version": "2026-04"}


@pytest.mark.parametrize(
    ("status", "category", "fault", "retryable"),
    [
        (401, "auth", "unauthorized", False),
        (402, "permission", "shop_frozen", False),
        (429, "network", "throttled", True),
        (503, "network", "server_error", True),
    ],
)
def test_conn_010_states_of_a_shop(shop: FakeShopify, status: int, category: str, fault: str, retryable: bool) -> None:
    shop.status = status
    ok, verdict = ShopifyConnector().doctor(to(shop), 5)
    details = verdict["details"]
    assert (ok, verdict["category"], details["fault"], details["retryable"]) == (False, category, fault, retryable)


def test_conn_010_throttled_shop_is_not_a_wrong_token(shop: FakeShopify) -> None:
    shop.available, shop.restore_rate = 0, 0.001
    ok, verdict = ShopifyConnector().doctor(to(shop), 5)
    assert (ok, verdict["category"], verdict["details"]["retryable"]) == (False, "network", True)


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("mystore.myshopify.com", "https://mystore.myshopify.com/admin/api/2026-10/graphql.json"),
        ("MyStore.MyShopify.com", "https://mystore.myshopify.com/admin/api/2026-10/graphql.json"),
        ("https://mystore.myshopify.com/", "https://mystore.myshopify.com/admin/api/2026-10/graphql.json"),
        ("http://localhost:8080", "http://localhost:8080/admin/api/2026-10/graphql.json"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/admin/api/2026-10/graphql.json"),
    ],
)
def test_conn_016_domains(domain: str, url: str) -> None:
    dsn = ShopifyConnector().build_dsn_redacted({"shop_domain": domain, "access_token": TOKEN})
    assert dsn == url.replace("://", "://***@")


@pytest.mark.parametrize(
    "fields",
    [
        {"shop_domain": "mystore"},
        {"shop_domain": "http://mystore.myshopify.com"},
        {"shop_domain": "https://mystore.myshopify.com/admin"},
        {"shop_domain": "https://mystore.myshopify.com:8443"},
        {"shop_domain": "https://user:secret1@mystore.myshopify.com"},
        {"shop_domain": "my store.myshopify.com"},
        {"shop_domain": "mystore.myshopify.com@evil.example.com"},
        {"shop_domain": "mystore.myshopify.com#.evil.example.com"},
        {"shop_domain": "http://127.0.0.1.evil.example.com"},
        {"api_version": "2024-02"},
        {"api_version": "latest"},
        {"access_token": ""},
        {"access_token": "secret1\n"},
    ],
)
def test_conn_008_mistakes(fields: dict[str, Any]) -> None:
    connection = {"shop_domain": "mystore.myshopify.com", "access_token": TOKEN, **fields}
    with pytest.raises(ConnectionConfigError, match=f"field {next(iter(fields))}") as raised:
        ShopifyConnector().create_client(connection)
    assert_silent("secret1", raised.value)


def test_conn_015_client_speaks_graphql(shop: FakeShopify) -> None:
    connector = ShopifyConnector()
    session = connector.create_client(to(shop))
    assert session.post("graphql.json", json={"query": "{ shop { name } }"}).json()["data"]["shop"]
    connector.close_client(session)


def extracted(
    server: FakeShopify, state: MemoryState | None = None, connection: dict[str, Any] | None = None, **config: Any
) -> pa.Table:
    config = {"resolved_connection": to(server, **(connection or {})), **config}
    driver = get_driver("shopify.extractor")
    ctx = RecordingContext(state=state)
    with step_named("read"):
        table: pa.Table = driver.run(step_id="read", config=config, inputs={}, ctx=ctx)["data"].read_all()
    return table


@pytest.mark.parametrize("count", [0, 1, 100, 101, 520])
@pytest.mark.parametrize(
    "config",
    [
        {"resource": "products", "fields": ["id", "title"]},
        {"query": PAGED_QUERY, "connection_path": "products"},
    ],
)
def test_extractor_reads_all_pages(shop: FakeShopify, count: int, config: dict[str, Any]) -> None:
    shop.rows["products"] = PRODUCTS[:count]
    assert extracted(shop, **config).to_pylist() == PRODUCTS[:count]
    assert len(shop.requests) == max((count + 99) // 100, 1)


def test_extractor_waits_while_it_is_throttled(shop: FakeShopify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    shop.bucket = shop.available = 130
    shop.restore_rate = 200
    assert extracted(shop, resource="products", fields=["id", "title"]).to_pylist() == PRODUCTS
    assert shop.throttled >= 1


def test_extractor_searches(shop: FakeShopify) -> None:
    extracted(shop, resource="orders", search="updated_at:>2026-01-01")
    sent = shop.requests[-1].json()
    assert "query: $search" in sent["query"]
    assert sent["variables"] == {"after": None, "first": 100, "search": "updated_at:>2026-01-01"}


def test_extractor_asks_for_what_is_new(shop: FakeShopify) -> None:
    shop.rows["orders"] = [
        {"id": 1, "updatedAt": "2026-01-01T00:00:00Z"},
        {"id": 2, "updatedAt": "2026-01-02T00:00:00Z"},
    ]
    memory = MemoryState()
    config: dict[str, Any] = {
        "resource": "orders",
        "fields": ["id", "updatedAt"],
        "search": "status:open OR status:closed",
    }
    for incremental in ({}, {}, {"lookback": 60}, {"inclusive": False}):
        extracted(shop, state=memory, incremental={"column": "updatedAt", **incremental}, **config)
    assert [request.json()["variables"]["search"] for request in shop.requests] == [
        "status:open OR status:closed",
        "(status:open OR status:closed) AND updated_at:>='2026-01-02T00:00:00Z'",
        "(status:open OR status:closed) AND updated_at:>='2026-01-01T23:59:00+00:00'",
        "(status:open OR status:closed) AND updated_at:>'2026-01-02T00:00:00Z'",
    ]
    assert memory.sources[0] == ("@shopify.test orders", "updatedAt")
    memory.low = CursorValue("string", "' OR title:'\\")
    extracted(shop, state=memory, incremental={"column": "updatedAt"}, **config)
    assert shop.requests[-1].json()["variables"]["search"].endswith(r"updated_at:>='\' OR title:\'\\'")


def test_extractor_refuses_a_cursor_that_comes_back(shop: FakeShopify, monkeypatch: pytest.MonkeyPatch) -> None:
    cursors = cycle(["a", "b"])
    numbers = iter(range(100))

    def page(*_: Any) -> dict[str, Any]:
        more = {"hasNextPage": True, "endCursor": next(cursors)}
        return {"nodes": [{"id": next(numbers)}], "pageInfo": more}

    monkeypatch.setattr(shop, "_page", page)
    with pytest.raises(DataError, match=r"one that was read before.*after: \$after"):
        extracted(shop, resource="products")
    assert len(shop.requests) == 3


LINES_QUERY = """
query ($first: Int!, $after: String) {
  orders(first: $first, after: $after) { nodes { id
    lineItems(first: 2) { edges { node { id } } pageInfo { hasNextPage } }
    fulfillments { items(first: 2) { nodes { id } } } } pageInfo { hasNextPage endCursor } }
}
"""


def answer_with_nested(shop: FakeShopify, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> None:
    order = {"id": 1, "fulfillments": [{"items": connection}], "lineItems": connection}
    page = {"nodes": [order], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    monkeypatch.setattr(shop, "_page", lambda *_: page)


def test_extractor_refuses_a_nested_connection_that_has_more(
    shop: FakeShopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: dict[str, Any] = {"query": LINES_QUERY, "connection_path": "orders"}
    answer_with_nested(shop, monkeypatch, {"nodes": [{"id": 2}], "pageInfo": {"hasNextPage": False}})
    assert extracted(shop, **config).num_rows == 1
    answer_with_nested(shop, monkeypatch, {"nodes": [{"id": 2}], "pageInfo": {"hasNextPage": True}})
    with pytest.raises(DataError, match=r"page 1, node 1: connection orders\.fulfillments\.items has more nodes"):
        extracted(shop, **config)
    answer_with_nested(shop, monkeypatch, {"edges": [{"node": {"id": 2}}], "pageInfo": {"hasNextPage": True}})
    with pytest.raises(DataError, match="has more nodes"):
        extracted(shop, **config)


def test_extractor_refuses_a_node_that_is_null(shop: FakeShopify, monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"nodes": [{"id": 1}, None], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    monkeypatch.setattr(shop, "_page", lambda *_: page)
    with pytest.raises(DataError, match=r"page 1: node 2 at data\.products is null"):
        extracted(shop, resource="products")


def test_extractor_tells_that_a_nested_connection_may_have_more(
    shop: FakeShopify, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer_with_nested(shop, monkeypatch, {"nodes": [{"id": 2}]})
    assert extracted(shop, query=LINES_QUERY, connection_path="orders").num_rows == 1
    assert "connection orders.lineItems may have more nodes than came" in caplog.text


def test_conn_019_extractor_tries_a_missing_scope_once(shop: FakeShopify) -> None:
    shop.denied.add("products")
    with pytest.raises(PermissionDeniedError, match=r"@shopify\.test"):
        extracted(shop, resource="products")
    assert len(shop.requests) == 1


def test_extractor_reports_a_query_that_is_wrong(shop: FakeShopify) -> None:
    with pytest.raises(ConnectorError) as raised:
        extracted(shop, query="query ($after: String) { products {", connection_path="products")
    assert raised.value.fault.slug == "bad_query"
    with pytest.raises(DataError, match=r"no connection with nodes or edges at data\.customers"):
        extracted(shop, query=PAGED_QUERY, connection_path="customers")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({}, "either config field resource, or query"),
        ({"resource": "products", "query": PAGED_QUERY, "connection_path": "products"}, "either config field resource"),
        ({"query": PAGED_QUERY}, "connection_path"),
        ({"query": "{ products { nodes { id } } }", "connection_path": "products"}, r"variable \$after or \$cursor"),
        ({"resource": "products", "page_size": 251}, "page_size"),
        ({"resource": "products", "incremental": {"column": "updatedAt"}}, "fields must have updatedAt"),
        (
            {"query": PAGED_QUERY, "connection_path": "products", "incremental": {"column": "id"}},
            r"needs a variable \$search",
        ),
        ({"resource": "products(first: 1)"}, "resource"),
        ({"resource": "products", "field": ["id"]}, "field is unknown. Did you mean 'fields'"),
    ],
)
def test_extractor_mistakes_in_the_config(shop: FakeShopify, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DriverConfigError, match=f"Step read.*{complaint}"):
        extracted(shop, **config)


@pytest.mark.parametrize(
    "nested",
    [
        {"pageInfo": {"hasNextPage": True}},
        {"items": [{"id": 2}], "pageInfo": {"hasNextPage": True}},
        {"nodes": None, "pageInfo": {"hasNextPage": True}},
    ],
)
def test_a_nested_connection_that_has_more_is_known_without_its_nodes(
    shop: FakeShopify, monkeypatch: pytest.MonkeyPatch, nested: dict[str, Any]
) -> None:
    answer_with_nested(shop, monkeypatch, nested)
    with pytest.raises(DataError, match=r"connection orders\.\w+(\.\w+)* has more nodes than came"):
        extracted(shop, query=LINES_QUERY, connection_path="orders")
