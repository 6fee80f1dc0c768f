"""duckdb.writer: modes, ledger and errors, on a database in a file."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.connectors.duckdb.faults import NO_SPACE
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.duckdb.config import ROW_GROUP
from osiris_provider.drivers.sql import write
from osiris_provider.errors import DataError, UnknownConnectorError
from osiris_provider.testing.context import RecordingContext

from tests.integration.sql.families import Connection, step_named
from tests.integration.sql.writers import SchemaTests, WriterTests


class TestDuckDBWriter(SchemaTests, WriterTests):
    limits_text = False

    @pytest.fixture
    def connection(self, tmp_path: Path) -> Iterator[Connection]:
        yield {"family": "duckdb", "alias": "test", "path": str(tmp_path / "test.duckdb")}
        close_all()

    def run(self, connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
        close_all()
        with duckdb.connect(connection["path"]) as database:
            for statement in statements:
                database.execute(statement)
            return [tuple(row) for row in database.fetchall()]

    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        step = {"resolved_connection": connection, "table": "target", "create_if_missing": False, **config}
        inputs = {"source": {"data": data}}
        with step_named("load"):
            return get_driver("duckdb.writer").run(
                step_id="load", config=step, inputs=inputs, ctx=ctx or RecordingContext()
            )

    @pytest.mark.parametrize("kind", ["TABLE", "VIEW"])
    def test_a_table_with_the_name_of_the_input_is_not_read_instead(self, kind: str, connection: Connection) -> None:
        other = f"CREATE {kind} _Osiris_Input AS SELECT 7 AS id"
        self.run(connection, "CREATE TABLE target (id INTEGER)", other)
        self.write(connection, pa.table({"id": [1]}), write_mode="append")
        assert self.run(connection, "FROM target") == [(1,)]

    @pytest.mark.parametrize("create", [False, True])
    def test_a_span_of_nanoseconds_is_not_cut(self, create: bool, connection: Connection) -> None:
        if not create:
            self.run(connection, "CREATE TABLE target (v INTERVAL)")

        def spans(*values: tuple[int, int, int] | None) -> pa.Table:
            return pa.table({"v": pa.array([(0, 0, 1), *values], pa.month_day_nano_interval()).slice(1)})

        with pytest.raises(DataError, match="column v, row 3 of the input: the column keeps 6 digits of a second"):
            self.write(connection, spans((1, 2, 3000), None, (1, 2, 3001)), create_if_missing=create)
        self.write(connection, spans((1, 2, 3000), None), create_if_missing=create)
        assert self.run(connection, "SELECT v::VARCHAR FROM target") == [("1 month 2 days 00:00:00.000003",), (None,)]

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_columns_in_another_case_than_the_table_has_keep_their_values(
        self, mode: str, connection: Connection
    ) -> None:
        """Fails with DuckDB 1.4 only, where an upsert made nulls of them."""
        self.run(connection, "CREATE TABLE target (id INTEGER PRIMARY KEY, Name TEXT, other INTEGER DEFAULT 7)")
        self.write(connection, pa.table({"id": [1, 2], "NAME": ["a", "b"]}), write_mode="append")
        added = [3, 4] if mode == "append" else [2, 3]
        rows = pa.table({"id": added, "NAME": ["c", "d"]})
        self.write(connection, rows, write_mode=mode, primary_key="id")
        before = {"append": [(1, "a", 7), (2, "b", 7)], "replace": [], "upsert": [(1, "a", 7)]}[mode]
        actual = self.run(connection, "FROM target ORDER BY id")
        assert actual == [*before, (added[0], "c", 7), (added[1], "d", 7)]

    def test_an_upsert_of_more_rows_than_duckdb_keeps_together_loses_none(self, connection: Connection) -> None:
        """Fails with DuckDB 2.0 only, which gave the transaction none of the rows that it had staged."""
        self.run(
            connection, "CREATE TABLE target (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO target VALUES (7, 0)"
        )
        ids = range(2 * ROW_GROUP)
        data = pa.table({"id": pa.array(ids, pa.int32()), "n": pa.array(ids, pa.int32())})
        self.write(connection, data, write_mode="upsert", primary_key="id", batch_rows=len(ids))
        assert self.run(connection, "SELECT count(*), sum(n) FROM target") == [(len(ids), sum(ids))]

    @pytest.mark.parametrize(
        ("lossy", "bent", "said"),
        [
            ("error", {"l": [[1.0], [1.5]]}, "column l, row 2 of the input: the value would be another one"),
            ("round", {"s": [{"a": 1}, {"a": 1, "b": 2}]}, "column s, row 1 of the input: its field b has no place"),
            ("round", {"t": [1, 2]}, "column t, row 2 of the input: the value would be another one as BOOLEAN"),
        ],
    )
    def test_what_duckdb_would_bend_is_looked_for_in_all_columns(
        self, lossy: str, bent: dict[str, Any], said: str, connection: Connection
    ) -> None:
        self.run(
            connection, "CREATE TABLE target (no INT, id INT, same BIGINT[], s STRUCT(a BIGINT), l BIGINT[], t BOOLEAN)"
        )
        with pytest.raises(DataError, match=said):
            self.write(connection, pa.table({"id": [1, 2], "same": [[1], [2]], **bent}), lossy=lossy)

    def test_an_upsert_whose_rows_duckdb_does_not_give_back_writes_nothing(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lost = write.numbered
        monkeypatch.setattr(write, "numbered", lambda batches: (batch.slice(1) for batch in lost(batches)))
        self.run(connection, "CREATE TABLE target (id INTEGER PRIMARY KEY)", "INSERT INTO target VALUES (7)")
        with pytest.raises(DataError, match="does not give back the 2 rows of the upsert"):
            self.write(connection, pa.table({"id": [1, 2, 3]}), write_mode="upsert", primary_key="id")
        assert self.run(connection, "FROM target") == [(7,)]

    def test_dictionaries_within_lists_that_no_batch_can_hold_together_are_written(
        self, connection: Connection
    ) -> None:
        def batch(number: int) -> pa.RecordBatch:
            words = pa.array([f"{number} {word}" for word in range(100)]).dictionary_encode()
            words = words.cast(pa.dictionary(pa.int8(), pa.string()))
            return pa.record_batch({"v": pa.ListArray.from_arrays(pa.array(range(101), pa.int32()), words)})

        batches = [batch(number) for number in range(2)]
        reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        self.write(connection, reader, create_if_missing=True)
        assert self.run(connection, "SELECT count(DISTINCT v[1]) FROM target") == [(200,)]

    @pytest.mark.parametrize(("version", "stays"), [("1.5.0", False), ("1.4.9", True)])
    def test_a_batch_stays_in_memory_only_where_duckdb_reads_it_once(
        self, version: str, stays: bool, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches: list[weakref.ref[Any]] = []
        kept: list[int] = []

        def batch() -> pa.RecordBatch:
            kept.append(sum(earlier() is not None for earlier in batches))
            values = np.arange(3)
            batches.append(weakref.ref(values))
            return pa.record_batch({"a": pa.Array.from_buffers(pa.int64(), 3, [None, pa.py_buffer(values)])})

        monkeypatch.setattr("duckdb.__version__", version)
        reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), (batch() for _ in range(7)))
        assert self.write(connection, reader, create_if_missing=True, batch_rows=3) == {"rows_written": 21}
        assert (max(kept) > 3) is stays


@pytest.mark.parametrize(
    ("query", "said"),
    [("SELECT 1 AS a; SELECT 2 AS a", True), ("SET threads = 1; SELECT 2 AS a;", False), ("SELECT 2 AS a -- ;", False)],
)
def test_rows_of_statements_before_the_last_are_said(
    tmp_path: Path, query: str, said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"resolved_connection": {"family": "duckdb", "alias": "t", "path": str(tmp_path / "d")}, "query": query}
    with caplog.at_level("WARNING"):
        result = get_driver("duckdb.extractor").run(step_id="e", config=config, inputs={}, ctx=RecordingContext())
        assert result["data"].read_all().to_pylist() == [{"a": 2}]
    close_all()
    assert ("only the rows of the last one are read" in caplog.text) is said


def test_a_full_disk_is_not_taken_for_a_conflict(tiny_disk: Path) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tiny_disk / "test.duckdb")}
    noise = pa.table({"a": [os.urandom(1 << 20) for _ in range(8)]})
    step = {"resolved_connection": connection, "table": "target", "create_if_missing": True}
    with pytest.raises(UnknownConnectorError, match="There is no space left for") as raised:
        get_driver("duckdb.writer").run(
            step_id="load", config=step, inputs={"source": {"data": noise}}, ctx=RecordingContext()
        )
    close_all()
    assert raised.value.fault is NO_SPACE
