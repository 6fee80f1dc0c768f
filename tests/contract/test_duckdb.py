"""DuckDB keeps the contracts of a connector and of drivers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.duckdb import DuckDBConnector
from osiris_provider.drivers.duckdb.extractor import DuckDBExtractor, DuckDBProcessor
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.testing import BaseConnectorContract
from osiris_provider.testing.driver import DriverContract, ExtractorContract, WriterContract


def connection_to(path: Path) -> dict[str, Any]:
    return {"family": "duckdb", "alias": "test", "path": str(path), "threads": 2}


def can_be_opened(path: Path) -> bool:
    """Whether another process can open the file for writing."""
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode == 0


class TestDuckDBConnector(BaseConnectorContract):
    public_fields = frozenset({"path"})

    @pytest.fixture
    def connector(self) -> Iterator[DuckDBConnector]:
        connector = DuckDBConnector()
        yield connector
        connector.close_all()

    @pytest.fixture
    def healthy(self, tmp_path: Path) -> dict[str, Any]:
        return connection_to(tmp_path / "test.duckdb")

    def test_conn_014_close_all_gives_the_file_free(
        self, connector: DuckDBConnector, healthy: dict[str, Any], tmp_path: Path
    ) -> None:
        connector.client(healthy)
        assert not can_be_opened(tmp_path / "test.duckdb")
        connector.close_all()
        assert can_be_opened(tmp_path / "test.duckdb")


class _OnAFile:
    @pytest.fixture
    def healthy(self, tmp_path: Path) -> Iterator[dict[str, Any]]:
        with duckdb.connect(tmp_path / "test.duckdb") as database:
            database.execute("CREATE TABLE people AS SELECT i AS id, 'name ' || i AS name FROM range(1000) r(i)")
        yield connection_to(tmp_path / "test.duckdb")
        close_all()


class TestDuckDBExtractor(_OnAFile, ExtractorContract):
    @pytest.fixture
    def driver(self) -> DuckDBExtractor:
        return DuckDBExtractor()

    @pytest.fixture
    def step_config(self) -> dict[str, Any]:
        return {"query": "SELECT * FROM people WHERE id > $least", "params": {"least": 10}}


class TestDuckDBWriter(_OnAFile, WriterContract):
    @pytest.fixture
    def driver(self) -> DuckDBWriter:
        return DuckDBWriter()

    @pytest.fixture
    def step_config(self) -> dict[str, Any]:
        return {"table": "written"}

    def written(self, config: dict[str, Any]) -> int:
        close_all()
        with duckdb.connect(config["resolved_connection"]["path"]) as database:
            exists = database.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'written'").fetchone()
            rows = database.execute("SELECT count(*) FROM written").fetchone() if exists == (1,) else (0,)
            return int(rows[0]) if rows else 0


class TestDuckDBProcessor(DriverContract):
    metric = "rows_processed"

    @pytest.fixture
    def driver(self) -> DuckDBProcessor:
        return DuckDBProcessor()

    @pytest.fixture
    def step_config(self) -> dict[str, Any]:
        return {"query": "SELECT a.id FROM extract a JOIN extract b USING (id)"}

    @pytest.fixture
    def inputs(self) -> dict[str, dict[str, Any]]:
        return {"extract": {"data": pa.table({"id": [1, 2, 3]}).to_reader()}}


def test_conn_011_a_token_in_the_path_is_refused_and_not_shown() -> None:
    connection = {"family": "duckdb", "alias": "a", "path": "/x.duckdb?motherduck_token=s3cret"}
    ok, details = get_connector("duckdb").doctor(connection)
    assert not ok
    assert "MotherDuck token" in details["message"]
    assert "s3cret" not in str(details)
