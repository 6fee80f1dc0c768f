"""What Shopify answers and what it means, how long it asks to wait, and which shops and versions there are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from osiris_provider.connectors.http.faults import HttpFaultError
from osiris_provider.connectors.http.session import Answer
from osiris_provider.connectors.shopify import ShopifyConnection, ShopifyConnector
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connectors.http.scripted import HOST, Said, session_of, transport_of

SHOP = "mystore.myshopify.com"
CONNECTOR = ShopifyConnector()
NOTHING: Mapping[str, str] = {}


def model_of(**fields: Any) -> ShopifyConnection:
    return ShopifyConnection.parse({"shop_domain": SHOP, "access_token": "t", **fields})


def answered(body: Any, status: int = 200, headers: Mapping[str, str] = NOTHING) -> Said:
    return Said(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


def of_shop(name: Any = "Tea", scopes: Any = ("read_orders",)) -> dict[str, Any]:
    return {"data": {"shop": {"name": name}, "currentAppInstallation": {"accessScopes": scopes}}}


@pytest.mark.parametrize(
    ("headers", "name", "details"),
    [
        ({}, "Tea", {"shop": "Tea", "api_version": "2026-10"}),
        ({"X-Shopify-API-Version": "2026-04"}, "Tea", {"shop": "Tea", "api_version": "2026-04"}),
        ({"X-Shopify-API-Version": "v" * 99}, "T" * 999, {"shop": "T" * 100, "api_version": "v" * 20}),
    ],
)
def test_conn_009_a_healthy_shop(headers: dict[str, str], name: str, details: dict[str, str]) -> None:
    session = session_of(answered(of_shop(name), headers=headers))
    assert CONNECTOR.probe_with(model_of(), session) == details
    (asked,) = transport_of(session).sent
    assert (asked.method, asked.url) == ("POST", f"{HOST}/v1/graphql.json")
    assert list(json.loads(asked.body or b"")) == ["query"]


def failed(*codes: Any) -> dict[str, Any]:
    return {"errors": [{"message": "x", "extensions": {"code": code}} for code in codes]}


WRONG_ERRORS: list[Any] = ["no", [7], [{"extensions": []}], [{}], {"a": 1}]
WRONG_BODIES: list[Any] = [{}, [], {"data": None}, {"data": {"shop": None}}, {"data": {"shop": {"name": "Tea"}}}]
OF_CODES = {
    "ACCESS_DENIED": "forbidden",
    "INTERNAL_SERVER_ERROR": "server_error",
    "MAX_COST_EXCEEDED": "query_too_costly",
    "SHOP_INACTIVE": "shop_frozen",
    "THROTTLED": "throttled",
    "TIMEOUT": "timed_out",
    "ANOTHER": "bad_query",
}
REFUSED = [
    *[(answered(failed(code)), slug) for code, slug in OF_CODES.items()],
    (answered(failed("ANOTHER", "THROTTLED")), "throttled"),
    *[(answered({"errors": errors}), "bad_query") for errors in WRONG_ERRORS],
    # The status counts more.
    (answered(failed("THROTTLED"), 401), "unauthorized"),
    (answered(b"", 402), "shop_frozen"),
    (answered(b"", 404), "no_such_shop"),
    (answered(b"", 423), "shop_locked"),
    (answered(b"", 430), "security_rejection"),
    (answered(of_shop("")), "garbage"),
    *[(answered(body), "garbage") for body in WRONG_BODIES],
    (answered(of_shop(scopes=[])), "no_scope"),
    (answered(of_shop(scopes=None)), "no_scope"),
    (answered(b"{"), "broken_json"),
    (answered(b'{"errors": ' + b"[" * 100_000), "broken_json"),
]


@pytest.mark.parametrize(("answer", "slug"), REFUSED)
def test_conn_010_what_an_answer_means(answer: Said, slug: str) -> None:
    with pytest.raises(HttpFaultError, match=f"^{slug}$"):
        CONNECTOR.probe_with(model_of(), session_of(answer))


@pytest.mark.parametrize("errors", [None, []])
def test_an_answer_without_errors_is_a_result(errors: Any) -> None:
    assert CONNECTOR.probe_with(model_of(), session_of(answered({**of_shop(), "errors": errors})))["shop"] == "Tea"


def bucket(cost: Any, available: Any, rate: Any) -> bytes:
    status = {"currentlyAvailable": available, "restoreRate": rate}
    return json.dumps({"extensions": {"cost": {"requestedQueryCost": cost, "throttleStatus": status}}}).encode()


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (bucket(100, 40, 50), {}, 1.2),
        (bucket("100", "40", "50"), {}, 1.2),
        (bucket(100, 40, 50), {"Retry-After": "7.5"}, 7.5),
        (bucket(100, 40, 50), {"Retry-After": "0"}, 0),
        (bucket(40, 100, 50), {}, 0),
        (bucket(100, 40, 0.5), {}, 120),
        (bucket(10**9, 0, 1), {}, 86_400),
        (bucket(100, 40, 0), {}, None),
        (bucket(100, 40, -1), {}, None),
        (bucket(100, 40, None), {}, None),
        (bucket("much", 40, 50), {}, None),
        (bucket(10**400, 40, 50), {}, None),
        (b"{}", {}, None),
        (b"[]", {}, None),
        (b'{"extensions": {"cost": 7}}', {}, None),
        (b"no JSON", {}, None),
    ],
)
def test_conn_018_a_wait_is_as_long_as_the_bucket_needs(
    body: bytes, headers: dict[str, str], seconds: float | None
) -> None:
    assert CONNECTOR.retry_after_of(Answer(200, headers, body, complete=True, url=HOST)) == seconds


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" MyStore.myshopify.com/ ", SHOP),
        (f"HTTPS://{SHOP}", SHOP),
        ("a.co", "a.co"),
        ("a-1.b-2.shop", "a-1.b-2.shop"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost:80"),
        ("https://127.0.0.1:8443/", "https://127.0.0.1:8443"),
        ("a.c", None),
        (f"-{SHOP}", None),
        ("a-.co", None),
        (f"{'a' * 250}.com", None),
        ("mystore", None),
        (f"{SHOP}:443", None),
        (f"https://{SHOP}:443", None),
        (f"http://{SHOP}", None),
        ("http://localhost/admin", None),
        ("a..co", None),
    ],
)
def test_conn_008_the_domain_of_a_shop(written: str, kept: str | None) -> None:
    if kept is not None:
        model, origin = model_of(shop_domain=written), kept if "://" in kept else f"https://{kept}"
        assert (model.shown_address(), model.endpoint().base_url) == (kept, f"{origin}/admin/api/2026-10/")
        return
    with pytest.raises(ConnectionConfigError, match="field shop_domain"):
        model_of(shop_domain=written)


def test_conn_008_the_versions_of_the_api_are_those_of_quarters() -> None:
    for version in ("2026-01", "2026-04", "2026-07", "2026-10", "unstable"):
        model = model_of(api_version=version)
        assert model.as_url(redacted=False) == f"https://:t@{SHOP}/admin/api/{version}/graphql.json"
        assert model.endpoint().base_url == f"https://{SHOP}/admin/api/{version}/"
    for version in ("2026-02", "2026-1", "1926-01", "2026-10-01", "Unstable", ""):
        with pytest.raises(ConnectionConfigError, match="field api_version"):
            model_of(api_version=version)


def test_conn_011_the_token_is_sent_in_a_header_and_shown_nowhere() -> None:
    model = model_of(access_token="s3cret", ca_bundle="/ca.pem", timeout=5)
    endpoint = model.endpoint()
    assert (endpoint.credentials, model.logs_in) == ({"X-Shopify-Access-Token": b"s3cret"}, True)
    assert (endpoint.timeout, endpoint.ca_bundle, model_of().endpoint().timeout) == (5, "/ca.pem", 30)
    assert "s3cret" not in f"{model!r}{endpoint!r}{model.as_url(redacted=True)}"
