"""The drivers of local files keep the contract of drivers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from osiris_provider.drivers.filesystem.drivers import CsvExtractor, CsvWriter, ParquetWriter
from osiris_provider.testing.driver import ExtractorContract, WriterContract
from pyarrow import csv


class TestCsvExtractor(ExtractorContract):
    @pytest.fixture
    def driver(self) -> CsvExtractor:
        return CsvExtractor()

    @pytest.fixture
    def step_config(self, tmp_path: Path) -> dict[str, Any]:
        path = tmp_path / "people.csv"
        path.write_text("id,name\n1,a\n2,b\n", encoding="utf-8")
        return {"path": str(path)}


class TestCsvWriter(WriterContract):
    @pytest.fixture
    def driver(self) -> CsvWriter:
        return CsvWriter()

    @pytest.fixture
    def step_config(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": str(tmp_path / "new" / "people.csv")}

    def written(self, config: dict[str, Any]) -> int:
        path = Path(config["path"])
        return int(csv.read_csv(path).num_rows) if path.exists() else 0


class TestParquetWriter(WriterContract):
    @pytest.fixture
    def driver(self) -> ParquetWriter:
        return ParquetWriter()

    @pytest.fixture
    def step_config(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": str(tmp_path / "new" / "people.parquet")}

    def written(self, config: dict[str, Any]) -> int:
        path = Path(config["path"])
        return int(pq.read_table(path).num_rows) if path.exists() else 0
