"""A database file that somebody else made: its views may name any file of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.connectors.duckdb import DuckDBConnector
from osiris_provider.drivers.duckdb.extractor import DuckDBExtractor, DuckDBProcessor
from osiris_provider.errors import ConnectionConfigError, PermissionDeniedError
from osiris_provider.testing.context import RecordingContext

PEOPLE = pa.table({"id": [1, 2], "name": ["a", None]})


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Path]:
    """A file whose view ``loot`` reads the environment of whoever queries it."""
    path = tmp_path / "foreign.duckdb"
    with duckdb.connect(path) as database:
        database.execute("CREATE VIEW loot AS SELECT content FROM read_text('/proc/self/environ')")
        database.execute("CREATE TABLE people AS SELECT 1 AS id, 'a' AS name")
    yield path
    close_all()


def connection(path: Path, **fields: Any) -> dict[str, Any]:
    return {"family": "duckdb", "alias": "foreign", "path": str(path), **fields}


def extract(path: Path, table: str, **fields: Any) -> pa.Table:
    config = {"resolved_connection": connection(path, **fields), "table": table}
    return DuckDBExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()


def process(query: str, inputs: dict[str, Any], **config: Any) -> pa.Table:
    config = {"query": query, **config}
    return DuckDBProcessor().run(step_id="p", config=config, inputs=inputs, ctx=RecordingContext())["data"].read_all()


def test_a_view_cannot_read_the_environment(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "canary-of-the-environment")
    with pytest.raises(PermissionDeniedError, match="external_access: true") as raised:
        extract(foreign, "loot")
    assert "canary" not in str(raised.value)
    assert extract(foreign, "people").num_rows == 1


def test_a_connection_can_allow_external_access(foreign: Path) -> None:
    assert extract(foreign, "loot", external_access=True).num_rows == 1


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM read_text('/etc/passwd')", "FROM '/etc/passwd.csv'", "LOAD httpfs"]
)
def test_a_processor_reads_its_inputs_and_no_other_file(statement: str, tmp_path: Path) -> None:
    pq.write_table(PEOPLE, tmp_path / "in.parquet")
    inputs = {"e": {"data": None, "path": str(tmp_path / "in.parquet")}, "f": {"data": PEOPLE.to_reader()}}
    assert process("SELECT count(*) AS n FROM e JOIN f USING (id)", inputs).to_pydict() == {"n": [2]}
    with pytest.raises(PermissionDeniedError, match="Step p"):
        process(statement, inputs)


def test_a_processor_with_a_foreign_file_reads_staged_inputs_and_no_other_file(foreign: Path, tmp_path: Path) -> None:
    pq.write_table(PEOPLE, tmp_path / "in.parquet")
    inputs = {"e": {"data": None, "path": str(tmp_path / "in.parquet")}}
    fields = {"resolved_connection": connection(foreign)}
    assert process("SELECT e.id FROM e JOIN people USING (id)", inputs, **fields).to_pydict() == {"id": [1]}
    with pytest.raises(PermissionDeniedError, match="Step p"):
        process("SELECT * FROM e, loot", inputs, **fields)


@pytest.mark.parametrize("fields", [{}, {"external_access": True}])
def test_extensions_are_neither_fetched_nor_loaded_by_themselves(foreign: Path, fields: dict[str, Any]) -> None:
    client = DuckDBConnector().create_client(connection(foreign, **fields))
    for option in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert client.execute(f"SELECT current_setting('{option}')").fetchone() == (False,), option
    client.close()


def test_what_does_not_fit_into_memory_is_spilled_where_no_other_user_looks(tmp_path: Path) -> None:
    connector = DuckDBConnector()
    (tmp_path / "spill").mkdir()
    for path in (":memory:", str(tmp_path / "new.duckdb")):
        fields = {"path": path, "memory": "100MB", "threads": 1, "temp_directory": str(tmp_path / "spill")}
        client = connector.create_client(fields)
        client.execute("CREATE TABLE t AS SELECT 'some longer text ' || i AS x FROM range(3000000) r(i)")
        [created] = (tmp_path / "spill").iterdir()
        assert stat.S_IMODE(created.stat().st_mode) == 0o700
        connector.close_client(client)
        assert os.listdir(tmp_path / "spill") == []


def test_a_spill_directory_that_has_gone_is_no_failure_of_the_work(tmp_path: Path) -> None:
    connector = DuckDBConnector()
    client = connector.create_client({"path": ":memory:", "temp_directory": str(tmp_path)})
    [created] = tmp_path.iterdir()
    created.rmdir()
    assert client.execute("SELECT 1").fetchone() == (1,)
    connector.close_client(client)
    assert os.listdir(tmp_path) == []


def test_a_spill_directory_that_cannot_be_made_is_an_error_of_its_field() -> None:
    with pytest.raises(ConnectionConfigError, match="temp_directory"):
        DuckDBConnector().create_client({"path": ":memory:", "temp_directory": "/no/such/directory"})


def test_without_a_temporary_directory_nothing_is_spilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    connector = DuckDBConnector()
    client = connector.create_client({"path": ":memory:"})
    assert client.execute("SELECT current_setting('temp_directory')").fetchone() == ("",)
    connector.close_client(client)


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = DuckDBConnector()
    for name, mode in (("a.duckdb", None), ("b.duckdb", "0664")):
        if mode:
            monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", mode)
        connector.close_client(connector.create_client({"path": str(tmp_path / name)}))
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == int(mode or "0600", 8)
