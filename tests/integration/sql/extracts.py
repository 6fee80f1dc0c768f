"""What an extract of either SQL family does with odd values, and in parts, on a real server."""

from __future__ import annotations

import logging
import threading
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.runtime.staging import StagedData, Staging
from osiris_provider.testing.context import RecordingContext
from upath import UPath

from tests.integration.sql.families import Connection, SQLFamily
from tests.servers import Address

ROWS = 2000


class StagedFamily(SQLFamily):
    """A family whose extracts go to staging."""

    @pytest.fixture
    def staging(self, tmp_path: Path) -> Staging:
        return Staging((tmp_path / "staging").as_uri(), UPath)

    def stage(
        self, staging: Staging, connection: Connection, ctx: RecordingContext | None = None, **config: Any
    ) -> StagedData:
        """Extract to staging, as the operator does."""
        driver = get_driver(f"{self.family}.extractor")
        step = {"resolved_connection": connection, **config}
        result = driver.run(step_id="extract", config=step, inputs={}, ctx=ctx or RecordingContext())
        return staging.write(["dag", "run", "extract", "0", "1"], result["data"])


def files_of(staging: Staging) -> list[str]:
    return [path.name for path in UPath(staging.url).rglob("*") if path.is_file()]


class TextRuleTests(StagedFamily):
    """A value that Arrow's type does not have is met when much has been staged already.

    :cvar odd: a query of ``n``, which rises from 1 to ``{rows}``, and ``d``, which no date can hold in the last row.
    :cvar odd_text: what the server writes in that row.
    """

    odd: ClassVar[str]
    odd_text: ClassVar[str]

    def test_its_column_becomes_text(
        self, staging: Staging, connection: Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        ctx = RecordingContext()
        query = self.odd.format(rows=200_000)
        with caplog.at_level(logging.WARNING):
            staged = self.stage(staging, connection, ctx, query=query)
        table = staging.read(staged)["table"]
        assert table.schema.field("d").type == pa.string()
        assert table.schema.field("n").type in (pa.int32(), pa.int64(), pa.uint64())
        assert table["n"].to_pylist() == list(range(1, 200_001))
        assert table["d"][0].as_py() == "2024-02-29"
        assert table["d"][-1].as_py() == self.odd_text
        assert (staged.rows, ctx.value("rows_read")) == (200_000, 200_000)
        assert files_of(staging) == ["data.parquet"]
        (said,) = caplog.messages
        assert said.startswith(f"Step extract: Column d holds {self.odd_text} in row 200,000 of the result")
        assert said.endswith("Starting over with d as text.")

    def test_it_is_an_error_if_wished(self, staging: Staging, connection: Connection) -> None:
        with pytest.raises(DataError, match=r"Step extract: Column d holds .* in row 5 .* text_columns"):
            self.stage(staging, connection, query=self.odd.format(rows=5), special_values="error")
        assert files_of(staging) == []

    def test_it_is_null_if_wished(self, staging: Staging, connection: Connection) -> None:
        staged = self.stage(staging, connection, query=self.odd.format(rows=5), special_values="null")
        table = staging.read(staged)["table"]
        assert pa.types.is_date32(table.schema.field("d").type)
        assert table["d"].null_count == 1

    def test_columns_that_are_text_from_the_start(
        self, staging: Staging, connection: Connection, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            staged = self.stage(staging, connection, query=self.odd.format(rows=5), text_columns=["d", "n"])
        table = staging.read(staged)["table"]
        assert table.schema.types == [pa.string(), pa.string()]
        assert table["d"].to_pylist() == ["2024-02-29"] * 4 + [self.odd_text]
        assert caplog.messages == []

    def test_text_columns_must_be_there(self, connection: Connection) -> None:
        with pytest.raises(DriverConfigError, match=r"Step extract: config field text_columns: .* no column nn"):
            self.extract(connection, "SELECT 1 AS n", text_columns=["nn"])


class PartitionTests(StagedFamily):
    """A table in parts is the table."""

    engines: ClassVar[tuple[str, ...]]

    @pytest.fixture
    def table(self, address: Address) -> str:
        """A table of all kinds of columns to split by, each with nulls."""
        self.execute(address, *self.parted(ROWS))
        return "parted"

    @abstractmethod
    def parted(self, rows: int) -> list[str]:
        """Return statements that make table ``parted`` of ``n``, ``i``, ``d``, ``ts`` and ``s``.

        ``n`` rises from 1; the others have nulls; ``i`` is a 64-bit integer and has its extremes.
        """

    @pytest.mark.parametrize("column", ["n", "i", "d", "ts"])
    @pytest.mark.parametrize("partitions", [2, 7])
    def test_it_has_every_row_once(self, connection: Connection, table: str, column: str, partitions: int) -> None:
        at_once = self.reader(connection, table=table).read_all().sort_by("n")
        for engine in self.engines:
            reader = self.reader(connection, table=table, partition_on=column, partitions=partitions, engine=engine)
            parted = reader.read_all()
            assert parted.schema == at_once.schema
            assert parted.sort_by("n").equals(at_once)

    def test_a_query_with_parameters(self, connection: Connection, table: str) -> None:
        query = f"SELECT n, s FROM {table} WHERE n > %(low)s AND '%%' = '%%' -- why"
        read = self.extract(connection, query, params={"low": 100}, partition_on="n", partitions=32)
        assert sorted(read["n"].to_pylist()) == list(range(101, ROWS + 1))

    def test_some_columns_without_the_one_to_split_by(self, connection: Connection, table: str) -> None:
        read = self.reader(connection, table=table, columns=["s", "n"], partition_on="i").read_all()
        assert read.column_names == ["s", "n"]
        assert read.num_rows == ROWS

    @pytest.mark.parametrize("rows", [0, 1, 2])
    def test_few_rows(self, connection: Connection, table: str, address: Address, rows: int) -> None:
        self.execute(address, f"DELETE FROM {table} WHERE n > {rows}")
        for column in ("n", "i", "d"):
            read = self.reader(connection, table=table, partition_on=column).read_all()
            assert sorted(read["n"].to_pylist()) == list(range(1, rows + 1))

    def test_only_nulls(self, connection: Connection, table: str, address: Address) -> None:
        self.execute(address, f"UPDATE {table} SET i = NULL")
        assert self.reader(connection, table=table, partition_on="i").read_all().num_rows == ROWS

    def test_columns_that_cannot_be_split(self, connection: Connection, table: str) -> None:
        with pytest.raises(DriverConfigError, match=r"Step extract: .*partition_on: column s has to be of integers"):
            self.reader(connection, table=table, partition_on="s").read_all()

    @pytest.mark.parametrize("config", [{"partitions": 4}, {"partition_on": "n", "partitions": 33}])
    def test_config_errors(self, connection: Connection, config: dict[str, Any]) -> None:
        with pytest.raises(DriverConfigError, match=r"Step extract .*partitions"):
            self.reader(connection, table="parted", **config)

    def test_rows_that_move_meanwhile_are_there_once(
        self, connection: Connection, table: str, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, f"UPDATE {table} SET i = n")
        with caplog.at_level(logging.INFO), moving(lambda: self.execute(address, *self.moves(table))) as moved:
            for _ in range(5):
                read = self.reader(connection, table=table, partition_on="i", partitions=4).read_all()
                assert sorted(read["n"].to_pylist()) == list(range(1, ROWS + 1))
            assert moved.wait(10)
        assert any("reading 4 partitions by i, from one snapshot" in message for message in caplog.messages)

    @abstractmethod
    def moves(self, table: str) -> list[str]:
        """Return statements that, in one transaction, move rows from part to part."""

    def test_a_half_read_stream_leaves_no_session(self, connection: Connection, table: str, address: Address) -> None:
        query = f"SELECT a.n AS n FROM {table} a CROSS JOIN {table} b"
        reader = self.reader(connection, query=query, partition_on="n", partitions=3)
        reader.read_next_batch()
        del reader
        assert self.sessions_end(address, 1)

    def test_a_read_that_fails_leaves_no_session_while_its_error_is_held(
        self, connection: Connection, table: str, address: Address
    ) -> None:
        fails = f"SELECT n, CASE WHEN n >= {ROWS // 2} THEN (SELECT 1 UNION ALL SELECT n) END AS x FROM {table}"
        with pytest.raises(OsirisError) as raised:
            self.reader(connection, query=fails, partition_on="n", partitions=3).read_all()
        assert self.sessions_end(address, 1)
        assert raised.value.__traceback__ is not None

    def test_an_odd_value_in_one_part(self, connection: Connection, staging: Staging) -> None:
        staged = self.stage(staging, connection, query=self.odd.format(rows=1000), partition_on="n")
        read = staging.read(staged)["table"]
        assert sorted(read["n"].to_pylist()) == list(range(1, 1001))
        assert read.schema.field("d").type == pa.string()

    odd: ClassVar[str]


class moving:  # noqa: N801 - reads as what it does
    """Run something again and again on a thread of its own; the event says that it has run."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._done = threading.Event()
        self._ran = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._done.is_set():
            self._work()
            self._ran.set()

    def __enter__(self) -> threading.Event:
        self._thread.start()
        return self._ran

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()
