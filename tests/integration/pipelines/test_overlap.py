"""A writer that begins while the step before it reads: the same rows, once, or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from osiris_provider.connectors.interrupt import Call, in_background
from osiris_provider.drivers.registry import get_driver
from osiris_provider.pipelines.pipeline import load_pipeline
from osiris_provider.pipelines.run import Run, RunOptions, overlap
from osiris_provider.pipelines.run.result import RunResult

from tests.integration.postgres.sessions import connect
from tests.servers import Address

ROWS = 300_000
READ = f"SELECT i, md5(i::text) AS text FROM generate_series(1, {ROWS}) AS i"


class Pipeline:
    """One step that reads and one that writes, and what was seen while it ran."""

    def __init__(self, folder: Path, source: Address) -> None:
        self.folder = folder
        self.target = folder / "target.duckdb"
        self.reading: list[bool] = []
        """For each report while the first step read: whether the second was at work."""
        families = {"postgres": {"source": asdict(source)}, "duckdb": {"target": {"path": str(self.target)}}}
        connections = folder / "osiris_connections.yaml"
        connections.write_text(yaml.safe_dump({"version": 1, "connections": families}))

    def run(self, query: str, **write: Any) -> RunResult:
        write = {"connection": "@duckdb.target", "table": "rows", **write}
        steps = [
            {
                "id": "read",
                "driver": "postgres.extractor",
                "config": {"connection": "@postgres.source", "query": query},
            },
            {"id": "write", "driver": "duckdb.writer", "inputs": ["read"], "config": write},
        ]
        path = self.folder / "copy.yaml"
        path.write_text(yaml.safe_dump({"steps": steps}))
        return Run(load_pipeline(path), RunOptions(), self._watch).execute()

    def _watch(self, step: str, outcome: object, rows: int) -> None:
        if step == "read" and outcome is None and rows:
            self.reading.append(any(thread.name == "osiris-write" for thread in threading.enumerate()))

    def stored(self, query: str) -> Any:
        with closing(duckdb.connect(str(self.target))) as database:
            return database.execute(query).fetchall()


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: Address) -> Pipeline:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return Pipeline(tmp_path, postgres_database)


def test_a_writer_begins_before_the_last_row_is_read(pipeline: Pipeline) -> None:
    with pipeline.run(READ) as result:
        assert [outcome.status for outcome in result.outcomes.values()] == ["done", "done"]
        assert [outcome.rows for outcome in result.outcomes.values()] == [ROWS, ROWS]
        assert {metric["name"] for metric in result.outcomes["write"].metrics} >= {"rows_written", "write_seconds"}
        assert result["read"].num_rows == ROWS
    assert any(pipeline.reading)
    assert pipeline.stored("SELECT count(*), count(DISTINCT i) FROM rows") == [(ROWS, ROWS)]


def test_an_error_behind_the_last_batch_leaves_nothing_in_the_target(pipeline: Pipeline) -> None:
    with closing(duckdb.connect(str(pipeline.target))) as database:
        database.execute("CREATE TABLE rows (i INTEGER, text VARCHAR)")
    with pipeline.run(f"SELECT i / ({ROWS} - i) * 0 + i AS i, md5(i::text) AS text FROM ({READ}) AS r") as result:
        statuses = {name: outcome.status for name, outcome in result.outcomes.items()}
        assert statuses == {"read": "failed", "write": "not run"}
    assert any(pipeline.reading)
    assert pipeline.stored("SELECT count(*) FROM rows") == [(0,)]


def test_reading_that_begins_anew_with_another_type_writes_all_rows_once(pipeline: Pipeline) -> None:
    late = (
        f"SELECT i, CASE WHEN i = {ROWS} THEN 'infinity' ELSE timestamp '2020-01-01' END AS moment FROM ({READ}) AS r"
    )
    with pipeline.run(late) as result:
        assert result.succeeded, result.outcomes
        assert str(result["read"].schema.field("moment").type) == "string"
    assert any(pipeline.reading)
    query = "SELECT count(*), count(DISTINCT i), count(*) FILTER (moment = 'infinity') FROM rows"
    assert pipeline.stored(query) == [(ROWS, ROWS, 1)]


def test_a_refused_value_fails_the_writer_and_not_the_reader(pipeline: Pipeline) -> None:
    with closing(duckdb.connect(str(pipeline.target))) as database:
        database.execute("CREATE TABLE rows (i SMALLINT, text VARCHAR)")
    with pipeline.run(READ) as result:
        assert result.outcomes["read"].status == "done"
        assert result["read"].num_rows == ROWS
        assert result.outcomes["write"].status == "failed"
        assert "column i, row 32,768 of the input" in result.outcomes["write"].message
    assert pipeline.stored("SELECT count(*) FROM rows") == [(0,)]


def test_a_writer_that_waits_for_a_lock_does_not_hold_up_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: Address
) -> None:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    monkeypatch.setattr(overlap, "STUCK_SECONDS", 0.3)
    source = tmp_path / "source.duckdb"
    with closing(duckdb.connect(str(source))) as database:
        database.execute(f"CREATE TABLE numbers AS SELECT range AS i FROM range({2 * ROWS})")
    families = {"duckdb": {"source": {"path": str(source)}}, "postgres": {"target": asdict(postgres_database)}}
    (tmp_path / "osiris_connections.yaml").write_text(yaml.safe_dump({"version": 1, "connections": families}))
    write = {"connection": "@postgres.target", "table": "stuck", "write_mode": "replace"}
    steps = [
        {"id": "read", "driver": "duckdb.extractor", "config": {"connection": "@duckdb.source", "table": "numbers"}},
        {"id": "write", "driver": "postgres.writer", "inputs": ["read"], "config": write},
    ]
    path = tmp_path / "copy.yaml"
    path.write_text(yaml.safe_dump({"steps": steps}))
    with holder(postgres_database) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE stuck IN ACCESS EXCLUSIVE MODE")

        def watch(step: str, outcome: object, _rows: int) -> None:
            if step == "read" and outcome is not None:
                other.rollback()

        with Run(load_pipeline(path), RunOptions(), watch).execute() as result:
            assert result.succeeded, result.outcomes
        cursor.execute("SELECT count(*), count(DISTINCT i) FROM stuck")
        assert cursor.fetchone() == (2 * ROWS, 2 * ROWS)


@contextmanager
def holder(address: Address) -> Iterator[Any]:
    with closing(connect(address)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS stuck")
            cursor.execute("CREATE TABLE stuck (i bigint)")
        connection.commit()
        yield connection


@pytest.mark.parametrize(
    ("reader", "writer", "expected"),
    [
        ("postgres.extractor", "duckdb.writer", True),
        ("mysql.extractor", "postgres.writer", True),
        # On one server, one might wait for what the other holds.
        ("postgres.extractor", "postgres.writer", False),
        ("api.extractor", "postgres.writer", False),
        ("postgres.extractor", "filesystem.csv_writer", False),
    ],
)
def test_only_databases_of_two_families_overlap(reader: str, writer: str, expected: bool) -> None:
    assert overlap.can_overlap(get_driver(reader), get_driver(writer)) is expected


def test_what_reads_ahead_for_a_writer_ends_with_it() -> None:
    reading: list[Call[Any]] = []

    def write(reader: pa.RecordBatchReader) -> dict[str, Any]:
        reading.append(in_background(reader.read_all))
        raise ValueError

    with overlap.Overlap(write) as overlapped:
        overlapped.tee(pa.table({"n": [1]}).to_reader()).read_all()
    assert reading[0].wait(5)
    with pytest.raises(ValueError, match=r"^$"):
        overlapped.result()
