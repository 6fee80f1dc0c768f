"""The supabase family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers.apis.fake_supabase import FakeSupabase

SERVICE_KEY, ANON_KEY = "sb_secret_of_the_test", "sb_publishable_of_the_test"


class SupabaseContract(ConnectorContract):
    family = "supabase"
    public_fields = frozenset({"url", "api_version", "schema"})
    logs_in_on_create: ClassVar[bool] = False
    connects_on_create: ClassVar[bool] = False
    key: ClassVar[dict[str, str]]

    @pytest.fixture
    def healthy(self) -> Iterator[dict[str, Any]]:
        with FakeSupabase(SERVICE_KEY, ANON_KEY) as server:
            yield {"family": "supabase", "alias": "test", "url": server.origin, "api_version": "v1", **self.key}

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        return {**connection, "url": f"http://{host}:{port}"}


class TestSupabaseConnectorWithServiceRoleKey(SupabaseContract):
    key: ClassVar[dict[str, str]] = {"service_role_key": SERVICE_KEY}


class TestSupabaseConnectorWithAnonKey(SupabaseContract):
    key: ClassVar[dict[str, str]] = {"anon_key": ANON_KEY}
