"""What the fields of a DuckDB connection take, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors.duckdb import DuckDBConnector
from osiris_provider.connectors.duckdb.connection import DuckDBConnection
from osiris_provider.errors import ConnectionConfigError

CONNECTOR = DuckDBConnector()
SIZES = ["500MB", "2GB", "1.5 GiB", "3tb", "100kib"]


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        ("memory", SIZES, ["", "2", "GB", "2GBx", "x2GB", "2 PB", "80%", "-2GB", "2.GB"]),
        ("temp_directory", ["t"], [""]),
        ("threads", [1, 1024], [0, 1025, "many"]),
        ("lock_timeout", [0, 0.5, 3600], [-0.1, 3601]),
        (
            "path",
            ["x.duckdb", "/x/y:z", "c:x", "x/md:y", ":memory:", ":memory:other"],
            ["", "md:x", "s3://bucket/x", "c1:x", "x\0y", "x?motherduck_token=c4nary", "x?MOTHERDUCK_TOKEN=c4nary"],
        ),
    ],
)  # fmt: skip
def test_conn_008_values_of_fields(field: str, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        assert getattr(DuckDBConnection.parse({"path": "x", field: value}), field) == value
    for value in refused:
        with pytest.raises(ConnectionConfigError) as raised:
            DuckDBConnection.parse({"path": "x", field: value})
        assert raised.value.field == field
        assert "c4nary" not in str(raised.value)


@pytest.mark.parametrize("memory", SIZES)
def test_a_size_is_one_that_duckdb_takes(memory: str, tmp_path: Path) -> None:
    client = CONNECTOR.create_client({"path": ":memory:", "temp_directory": str(tmp_path), "memory": memory})
    CONNECTOR.close_client(client)


@pytest.mark.parametrize("path", [":memory:", ":memory:other"])
def test_what_is_in_memory_is_not_only_read(path: str) -> None:
    model = DuckDBConnection.parse({"path": path})
    assert (model.in_memory, model.database, model.read_only) == (True, path, False)
    with pytest.raises(ConnectionConfigError, match="read_only makes no sense"):
        DuckDBConnection.parse({"path": path, "read_only": True})


def test_a_file_is_where_its_path_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for path in ("~/x.duckdb", "x.duckdb", "y/../x.duckdb"):
        model = DuckDBConnection.parse({"path": path, "read_only": True})
        assert (model.in_memory, model.database) == (False, str(tmp_path / "x.duckdb"))


def test_a_client_waits_for_its_turn_as_long_as_the_connection_says() -> None:
    assert DuckDBConnection.parse({"path": "x", "lock_timeout": 0.5}).connect_seconds() == 0.5
    assert DuckDBConnection.parse({"path": "x"}).connect_seconds() == 10
