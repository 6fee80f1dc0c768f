"""The mysql family keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest
from osiris_provider.connectors.mysql import MySQLConnector
from osiris_provider.testing.credentials import CredentialsContract
from osiris_provider.testing.network import NetworkContract

from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB


@MYSQL_AND_MARIADB
class TestMySQLConnector(CredentialsContract, NetworkContract):
    public_fields = frozenset({"host", "database"})
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    @pytest.fixture
    def connector(self) -> Iterator[MySQLConnector]:
        connector = MySQLConnector()
        yield connector
        connector.close_all()

    @pytest.fixture
    def healthy(self, mysql_database: Address) -> dict[str, Any]:
        return {"family": "mysql", "alias": "test", **asdict(mysql_database)}

    def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
        return {**connection, "host": host, "port": port}

    def secret_of_dsn(self, dsn: str) -> str:
        return unquote(urlsplit(dsn).password or "")
