"""Queries that hear of no interruption for a while, as DuckDB looks for it between two pieces of work only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from osiris_provider.connectors import close_all, get_connector, interrupt
from osiris_provider.connectors.interrupt import is_busy
from osiris_provider.drivers import get_driver
from osiris_provider.testing.context import RecordingContext

from tests.integration.stopping import after, raised_when
from tests.integration.waiting import comes_true

LETTERS = 20_000
DEAF = f"SELECT levenshtein(repeat('a', {LETTERS}) || r, repeat('b', {LETTERS})) AS distance FROM range(2) AS t(r)"
"""Computes for some seconds, in one piece; with a column, or else it would compute before it runs."""


@pytest.fixture
def none_at_work() -> Iterator[None]:
    """Leave no query of a test running."""
    yield
    assert comes_true(lambda: not interrupt._running, 60)  # noqa: SLF001 - no one else asks


@pytest.mark.usefixtures("all_imported", "none_at_work")
def test_what_a_signal_raises_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "CANCEL_SECONDS", 0.1)
    ctx = RecordingContext()
    with raised_when(after(0.4)):
        get_driver("duckdb.processor").run(step_id="s", config={"query": DEAF}, inputs={}, ctx=ctx)["data"].read_all()
    close_all()


@pytest.mark.usefixtures("none_at_work")
def test_a_client_is_not_closed_under_a_query_of_its_cursor(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "path": str(tmp_path / "x.duckdb")}
    client: Any = get_connector("duckdb").create_client(connection)
    with closing(client), ThreadPoolExecutor(1) as pool:
        cursor = client.cursor()
        running = pool.submit(lambda: cursor.execute(DEAF).fetchall())
        assert comes_true(lambda: is_busy(cursor))
        time.sleep(0.2)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 0.5
        assert not running.done()
        with pytest.raises(Exception, match="INTERRUPT"):
            running.result()
    with pytest.raises(Exception, match="closed"):
        client.execute("SELECT 1")


@pytest.mark.usefixtures("none_at_work")
def test_the_file_is_free_for_this_process_at_once_and_for_all_when_the_query_has_ended(tmp_path: Path) -> None:
    connector = get_connector("duckdb")
    connection = {"family": "duckdb", "path": str(tmp_path / "x.duckdb"), "temp_directory": str(tmp_path)}
    client: Any = connector.create_client(connection)
    cursor = client.cursor()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: cursor.execute(DEAF).fetchall())
        assert comes_true(lambda: is_busy(cursor))
        time.sleep(0.2)
        connector.close_client(client)
        assert not running.done()
        connector.close_client(connector.create_client(connection))
        assert list(tmp_path.glob("osiris-duckdb-*"))
        assert isinstance(running.exception(), duckdb.InterruptException)
    assert comes_true(lambda: not list(tmp_path.glob("osiris-duckdb-*")), 5)
    # With these settings DuckDB opens a file only where it has not been open.
    duckdb.connect(connection["path"]).close()
