"""Clients of DuckDB: what they leave behind, what is said while they wait, and what they pass on."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import interrupt
from osiris_provider.connectors.duckdb import DuckDBConnector, spill
from osiris_provider.connectors.duckdb.client import DuckDBClient, FileWait
from osiris_provider.net import killed

CONNECTOR = DuckDBConnector()


def fields_of(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    return {"path": ":memory:", "temp_directory": str(tmp_path), **fields}


@pytest.mark.parametrize("clients", [1, 2, 3])
def test_a_spill_directory_is_there_until_its_last_client_is_closed(clients: int, tmp_path: Path) -> None:
    opened = [CONNECTOR.create_client(fields_of(tmp_path)) for _ in range(clients)]
    for client in opened:
        [directory] = tmp_path.iterdir()
        assert directory.name.startswith("osiris-duckdb-")
        CONNECTOR.close_client(client)
        client.close()
    assert os.listdir(tmp_path) == []


def test_a_check_leaves_no_directory_and_no_open_file(tmp_path: Path) -> None:
    path = tmp_path / "some.duckdb"
    duckdb.connect(path).close()
    (tmp_path / "spill").mkdir()
    assert CONNECTOR.doctor(fields_of(tmp_path / "spill", path=str(path)), 10)[0]
    assert os.listdir(tmp_path / "spill") == []
    assert str(path) not in {os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()}


def test_at_the_end_of_a_process_each_directory_goes_also_after_one_that_has_gone(tmp_path: Path) -> None:
    gone = spill.borrow("one", str(tmp_path))
    spill.borrow("another", str(tmp_path))
    os.rmdir(gone)
    spill._remove_all()  # noqa: SLF001 - Python calls it at its end
    assert os.listdir(tmp_path) == []
    spill._forget()  # noqa: SLF001 - of what this test has borrowed


def said_while_waiting(caplog: pytest.LogCaptureFixture, outcome: Any) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        wait = FileWait("/data/some.duckdb")
        wait(SimpleNamespace(outcome=outcome))
        # Once a minute is enough.
        wait(SimpleNamespace(outcome=outcome))
    return [record.getMessage() for record in caplog.records]


def test_who_has_a_file_open_is_said_after_some_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = SimpleNamespace(exception=lambda: SimpleNamespace(holder="PID 4711"))
    assert said_while_waiting(caplog, held) == []
    monkeypatch.setattr(interrupt, "LOG_AFTER", 0.0)
    [said] = said_while_waiting(caplog, held)
    assert "/data/some.duckdb" in said
    assert said.endswith(": PID 4711.")
    [said] = said_while_waiting(caplog, None)
    assert "PID" not in said


def test_a_client_passes_on_what_duckdb_has_and_returns_itself_for_itself() -> None:
    with DuckDBClient(duckdb.connect()) as client:
        assert client.execute("SELECT 1") is client
        assert client.fetchall() == [(1,)]
        assert client.description == client.raw.description
        people = pa.table({"n": [1, 2]})
        client.register("registered", people)
        # As with DuckDB's own, a variable of the caller is a table.
        assert client.execute("SELECT sum(n) FROM people JOIN registered USING (n)").fetchall() == [(3,)]
        client.unregister("registered")
        assert not client.closed
    assert client.closed


def test_what_interrupts_is_not_work_that_a_killed_task_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise killed.StoppedError

    with DuckDBClient(duckdb.connect()) as client:
        monkeypatch.setattr(killed, "check", refuse)
        client.interrupt()
        with pytest.raises(killed.StoppedError):
            client.execute("SELECT 1")
