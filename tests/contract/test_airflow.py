"""The airflow family keeps the contract of a connector, with a type that another family checks."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from osiris_provider.testing import ConnectorContract

from tests.servers import Address


class TestAirflowConnector(ConnectorContract):
    family = "airflow"
    public_fields = frozenset({"conn_type", "host", "port", "schema"})
    secret_fields = frozenset({"password"})
    logs_in_on_create: ClassVar[bool] = False
    connects_on_create: ClassVar[bool] = False

    @pytest.fixture
    def healthy(self, postgres_database: Address) -> dict[str, Any]:
        return {
            "family": "airflow",
            "alias": "test",
            "conn_type": "postgres",
            "host": postgres_database.host,
            "port": postgres_database.port,
            "login": postgres_database.user,
            "password": postgres_database.password,
            "schema": postgres_database.database,
        }
