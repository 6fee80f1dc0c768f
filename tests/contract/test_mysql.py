"""The mysql family keeps the contract of a connector."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB


@MYSQL_AND_MARIADB
class TestMySQLConnector(ConnectorContract):
    family = "mysql"
    public_fields = frozenset({"host", "database"})

    @pytest.fixture
    def healthy(self, mysql_database: Address) -> dict[str, Any]:
        return {"family": "mysql", "alias": "test", **asdict(mysql_database)}
