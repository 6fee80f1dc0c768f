"""The api family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers.apis.fake_api import FakeApi

TOKEN = "t0ken-of-the-test"


class TestApiConnector(ConnectorContract):
    family = "api"
    public_fields = frozenset({"base_url", "token_url"})
    logs_in_on_create: ClassVar[bool] = False
    connects_on_create: ClassVar[bool] = False

    @pytest.fixture
    def healthy(self) -> Iterator[dict[str, Any]]:
        with FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}) as server:
            yield {
                "family": "api",
                "alias": "test",
                "base_url": f"{server.origin}/v1",
                "token": TOKEN,
                "health_path": "me",
                "timeout": 5,
            }

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        return {**connection, "base_url": f"http://{host}:{port}/v1"}
