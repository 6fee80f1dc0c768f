"""The postgres family keeps the contract of a connector."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers import Address


class TestPostgresConnector(ConnectorContract):
    family = "postgres"
    public_fields = frozenset({"host", "database"})

    @pytest.fixture
    def healthy(self, postgres_database: Address) -> dict[str, Any]:
        return {"family": "postgres", "alias": "test", **asdict(postgres_database)}
