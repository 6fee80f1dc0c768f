"""DuckDB keeps the contract of a connector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors.duckdb import DuckDBConnector

from .connector import ConnectorContract


class TestDuckDBConnector(ConnectorContract):
    public_fields = frozenset({"path"})

    @pytest.fixture
    def connector(self) -> Iterator[DuckDBConnector]:
        connector = DuckDBConnector()
        yield connector
        connector.close_all()

    @pytest.fixture
    def healthy(self, tmp_path: Path) -> dict[str, Any]:
        return {"family": "duckdb", "alias": "test", "path": str(tmp_path / "test.duckdb"), "threads": 2}
