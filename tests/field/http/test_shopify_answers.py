"""Answers of Shopify with status 200 that are not what was asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from osiris_provider.connectors import close_all, retry
from osiris_provider.errors import ConnectorError, DataError, PermissionDeniedError

from tests.integration.http.test_shopify import PRODUCTS, TOKEN, extracted
from tests.servers.apis.fake_shopify import FakeShopify

READ: dict[str, Any] = {"resource": "products", "fields": ["id", "title"]}


class TalkingShopify(FakeShopify):
    """A shop whose answers say more: each of them what comes next in ``extras``."""

    extras: Iterator[dict[str, Any]] = iter(())

    def _graphql(self, asked: dict[str, Any]) -> dict[str, Any]:
        answered, more = super()._graphql(asked), next(self.extras, {})
        extensions = {**answered.get("extensions", {}), **more.get("extensions", {})}
        return {**answered, **more, "extensions": extensions}


@pytest.fixture
def shop() -> Iterator[TalkingShopify]:
    with TalkingShopify(TOKEN, {"products": PRODUCTS[:250]}) as server:
        yield server
        close_all()


def search(**warning: str) -> dict[str, Any]:
    """Return what Shopify says of a search that it did not do as it was asked."""
    about = {
        "path": ["products"],
        "query": "nosuch:1",
        "parsed": {"field": "nosuch", "match_all": "1"},
        "warnings": [warning] if warning else [],
    }
    return {"extensions": {"search": [{"path": ["orders"], "query": "id:1"}, about]}}


INVALID = {"field": "nosuch", "message": "Invalid search field for this query."}


@pytest.mark.parametrize("warning", [{**INVALID, "code": "invalid_field"}, INVALID], ids=["code", "no code"])
@pytest.mark.parametrize("page", [1, 2])
def test_a_condition_that_shopify_leaves_out_is_an_error(
    shop: TalkingShopify, warning: dict[str, str], page: int
) -> None:
    shop.extras = iter([*[{}] * (page - 1), search(**warning)])
    with pytest.raises(DataError, match=rf"Step read: page {page}: Shopify cannot search this connection by 'nosuch'"):
        extracted(shop, search="nosuch:1", **READ)


def test_other_warnings_of_a_search_are_said_once(shop: TalkingShopify, caplog: pytest.LogCaptureFixture) -> None:
    shop.extras = iter([*[search(field="title", code="slow_field")] * 2, search()])
    with caplog.at_level(logging.WARNING):
        assert extracted(shop, search="title:a", **READ).num_rows == 250
    assert caplog.text.count("Shopify warns of the search by 'title': slow_field") == 1


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize(
    ("code", "error"),
    [("ACCESS_DENIED", PermissionDeniedError), ("UNDEFINED_FIELD", ConnectorError), (None, ConnectorError)],
)
def test_errors_beside_data_are_an_error(
    shop: TalkingShopify, code: str | None, error: type[Exception], page: int
) -> None:
    extensions = {"extensions": {"code": code}} if code else {}
    failed = {"errors": [{"message": "no", "path": ["products", "nodes", 3, "title"], **extensions}]}
    shop.extras = iter([*[{}] * (page - 1), failed])
    with pytest.raises(error):
        extracted(shop, **READ)


def test_a_part_of_a_page_that_was_throttled_is_asked_for_again(
    shop: TalkingShopify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    some = {"nodes": PRODUCTS[100:103], "pageInfo": {"hasNextPage": False, "endCursor": "103"}}
    throttled = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "data": {"products": some}}
    shop.extras = iter([{}, throttled])
    assert extracted(shop, **READ).to_pylist() == PRODUCTS[:250]


@pytest.mark.parametrize("version", ["2026-04", "2025-01"])
def test_a_version_that_is_no_longer_served_is_said(
    shop: TalkingShopify, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        extracted(shop, connection={"api_version": version}, **READ)
    said = f"Step read: Shopify no longer serves version {version} of its API and has answered by 2026-04"
    assert caplog.text.count(said) == (version == "2025-01")
    assert ("no longer serves" in caplog.text) is (version == "2025-01")
