"""The shopify family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers.apis.fake_shopify import FakeShopify

TOKEN = "shpat_of_the_test"


class TestShopifyConnector(ConnectorContract):
    family = "shopify"
    public_fields = frozenset({"shop_domain", "api_version"})
    logs_in_on_create: ClassVar[bool] = False
    connects_on_create: ClassVar[bool] = False

    @pytest.fixture
    def healthy(self) -> Iterator[dict[str, Any]]:
        with FakeShopify(TOKEN) as server:
            yield {"family": "shopify", "alias": "test", "shop_domain": server.origin, "access_token": TOKEN}

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        # Plain http and ports are for this machine only.
        return {**connection, "shop_domain": f"http://{host}:{port}" if host == "127.0.0.1" else host}
