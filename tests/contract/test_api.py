"""The api family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.testing.credentials import CredentialsContract
from osiris_provider.testing.network import NetworkContract

from tests.servers.fake_api import FakeApi

TOKEN = "t0ken-of-the-test"


class TestApiConnector(CredentialsContract, NetworkContract):
    public_fields = frozenset({"base_url", "token_url"})
    secret_fields: ClassVar[frozenset[str]] = frozenset({"token"})
    logs_in_on_create: ClassVar[bool] = False
    connects_on_create: ClassVar[bool] = False

    @pytest.fixture
    def connector(self) -> Iterator[ApiConnector]:
        connector = ApiConnector()
        yield connector
        connector.close_all()

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
