"""What becomes of an extract of either SQL family when something breaks, on a real server."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.errors import ConnectTimeoutError, NetworkError, OsirisError
from osiris_provider.runtime.staging import Staging

from tests.integration.sql.extracts import StagedFamily, files_of
from tests.integration.sql.families import Connection
from tests.integration.waiting import comes_true
from tests.servers import Address
from tests.servers.process import Server


class BrokenExtractTests(StagedFamily):
    """Whatever breaks an extract, the error says what it was, and nothing is half-visible.

    :cvar server_class: of the family.
    :cvar endless: a query that gives rows for minutes.
    :cvar slow: a query that takes minutes until its next row.
    """

    server_class: ClassVar[type[Server]]
    endless: ClassVar[str]
    slow: ClassVar[str]
    engines: ClassVar[tuple[str, ...]]

    def broken(self, staging: Staging, connection: Connection, break_it: Callable[[], object], **config: Any) -> Any:
        """Stage an extract, break it when its first rows have come, and return the error."""
        reader = self.reader(connection, **config)

        def batches() -> Iterator[pa.RecordBatch]:
            yield next(batch for batch in reader if batch.num_rows)
            break_it()
            yield from reader

        broken = pa.RecordBatchReader.from_batches(reader.schema, batches())
        with pytest.raises(OsirisError) as raised:
            staging.write(["dag", "run", "extract", "0", "1"], broken)
        assert files_of(staging) == []
        assert "Step extract" in raised.value.message
        assert connection["password"] not in raised.value.message
        return raised.value

    @abstractmethod
    def kill_sessions(self, address: Address) -> None:
        """End all sessions on the database but the own."""

    def test_a_connection_that_is_ended(self, staging: Staging, connection: Connection, address: Address) -> None:
        for engine in self.engines:
            error = self.broken(
                staging, connection, lambda: self.kill_sessions(address), query=self.endless, engine=engine
            )
            assert isinstance(error, NetworkError)
            assert error.is_transient
        assert self.extract(connection, "SELECT 7 AS seven").to_pydict() == {"seven": [7]}

    def test_connections_of_parts_that_are_ended(
        self, staging: Staging, connection: Connection, address: Address
    ) -> None:
        self.execute(address, *self.much(200_000))
        many = {"table": "much", "partition_on": "n", "partitions": 3}
        error = self.broken(staging, connection, lambda: self.kill_sessions(address), **many)
        assert isinstance(error, NetworkError)
        assert self.sessions_end(address, 1)

    @abstractmethod
    def much(self, rows: int) -> list[str]:
        """Return statements that make a table ``much`` of ``n``, from 1, and a text of 500 characters."""

    @pytest.fixture
    def spare_server(self) -> Iterator[Server]:
        """A server of the test's own."""
        with self.server_class() as server:
            yield server

    def test_a_server_that_is_killed(self, staging: Staging, spare_server: Server) -> None:
        connection = {"family": self.family, "alias": "killed", **vars(spare_server.app)}
        error = self.broken(staging, connection, spare_server.crash, query=self.endless)
        assert isinstance(error, NetworkError)

    @abstractmethod
    def impatient(self, connection: Connection, address: Address, seconds: float) -> Connection:
        """Return the connection with a limit on the time of a statement."""

    def test_a_statement_that_takes_too_long(self, staging: Staging, connection: Connection, address: Address) -> None:
        limited = self.impatient(connection, address, 0.3)
        for engine in self.engines:
            with pytest.raises(ConnectTimeoutError) as raised:
                self.stage(staging, limited, query=self.slow, engine=engine)
            assert raised.value.is_transient
            assert raised.value.fault.slug == "statement_timeout"
            assert files_of(staging) == []

    @pytest.mark.parametrize("change", ["DROP TABLE much", "ALTER TABLE much DROP COLUMN s", "TRUNCATE TABLE much"])
    def test_a_table_that_is_changed_meanwhile(
        self, staging: Staging, connection: Connection, address: Address, change: str
    ) -> None:
        self.execute(address, *self.much(50_000))
        changed = threading.Thread(target=self.execute, args=(address, change))
        reader = self.reader(connection, table="much")

        def batches() -> Iterator[pa.RecordBatch]:
            yield next(batch for batch in reader if batch.num_rows)
            changed.start()
            assert self.waits(address)
            yield from reader

        stream = pa.RecordBatchReader.from_batches(reader.schema, batches())
        staged = staging.write(["dag", "run", "extract", "0", "1"], stream)
        changed.join(30)
        table = staging.read(staged)["table"]
        assert table["n"].to_pylist() == list(range(1, 50_001))
        assert not changed.is_alive()

    @abstractmethod
    def waiting(self, address: Address) -> int:
        """Return how many sessions of the database wait for a lock on a table."""

    def waits(self, address: Address) -> bool:
        """Wait until a session waits for a lock on a table."""
        return comes_true(lambda: self.waiting(address) > 0)
