"""The postgres family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest
from osiris_provider.connectors.postgres import PostgresConnector
from osiris_provider.testing.credentials import CredentialsContract
from osiris_provider.testing.network import NetworkContract

from tests.servers import Address


class TestPostgresConnector(CredentialsContract, NetworkContract):
    public_fields = frozenset({"host", "database"})
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    @pytest.fixture
    def connector(self) -> Iterator[PostgresConnector]:
        connector = PostgresConnector()
        yield connector
        connector.close_all()

    @pytest.fixture
    def healthy(self, postgres_database: Address) -> dict[str, Any]:
        return {"family": "postgres", "alias": "test", **asdict(postgres_database)}

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        return {**connection, "host": host, "port": port}

    def secret_of_dsn(self, dsn: str) -> str:
        return unquote(urlsplit(dsn).password or "")
