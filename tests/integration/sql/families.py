"""What the tests of both SQL families do the same way, asked of a real server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.base import Connector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import AuthError, OsirisError
from osiris_provider.testing.context import RecordingContext

from tests.integration.waiting import comes_true
from tests.servers import Address

Connection = dict[str, Any]


@contextmanager
def step_named(step_id: str) -> Iterator[None]:
    """Check that an error of ours names the step, once in its message and in its attribute."""
    try:
        yield
    except OsirisError as error:
        if (error.step, error.message.count(f"Step {step_id}")) != (step_id, 1):
            pytest.fail(f"the step of this error is {error.step}: {error.message}")
        raise


class SQLFamily(ABC):
    """A family under test and the helpers that its tests share.

    :cvar family: its name.
    :cvar numbers: a query of the numbers 1 to ``{rows}``, column ``n``.
    """

    family: ClassVar[str]
    numbers: ClassVar[str]

    @pytest.fixture
    def address(self) -> Address:
        """A database of the test's own."""
        raise NotImplementedError

    @abstractmethod
    def execute(self, address: Address, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements with a client of the test's own and return the rows of the last."""

    @abstractmethod
    def sessions(self, address: Address) -> int:
        """Return how many sessions the server has on the database, the asking one not counted."""

    def sessions_end(self, address: Address, number: int = 0) -> bool:
        """Wait until the server has seen that sessions were closed."""
        return comes_true(lambda: self.sessions(address) <= number)

    @pytest.fixture
    def connection(self, address: Address) -> Iterator[Connection]:
        """The resolved connection of the test's own database."""
        yield {"family": self.family, "alias": "test", **asdict(address)}
        close_all()

    @pytest.fixture
    def connector(self) -> Connector[Any, Any]:
        return get_connector(self.family)

    def reader(self, connection: Connection, **config: Any) -> pa.RecordBatchReader:
        """Run the extractor and return its stream."""
        driver = get_driver(f"{self.family}.extractor")
        step = {"resolved_connection": connection, **config}
        with step_named("extract"):
            result = driver.run(step_id="extract", config=step, inputs={}, ctx=RecordingContext())
        reader = result["data"]
        assert isinstance(reader, pa.RecordBatchReader)
        return reader

    def extract(self, connection: Connection, query: str, **config: Any) -> pa.Table:
        """Run the extractor to the end."""
        with step_named("extract"):
            return self.reader(connection, query=query, **config).read_all()

    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        """Run the writer."""
        driver = get_driver(f"{self.family}.writer")
        step = {"resolved_connection": connection, "table": "target", **config}
        inputs = {"source": {"data": data}}
        with step_named("load"):
            return driver.run(step_id="load", config=step, inputs=inputs, ctx=ctx or RecordingContext())

    def rows(self, address: Address, table: str = "target") -> int:
        """Return how many rows a table has."""
        return int(self.execute(address, f"SELECT COUNT(*) FROM {table}")[0][0])


class ConnectorTests(SQLFamily):
    """Clients and the server's view of them."""

    def test_conn_009_doctor_leaves_no_session(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        assert connector.doctor(connection, 10)[0]
        assert self.sessions_end(address)

    def test_conn_013_one_session_for_all_steps(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        client = connector.client(connection)
        for _ in range(3):
            self.extract(connection, "SELECT 1 AS one")
        assert connector.client(connection) is client
        assert self.sessions(address) == 1

    def test_conn_013_a_stream_has_its_client_for_itself(self, connection: Connection, address: Address) -> None:
        reader = self.reader(connection, query=self.numbers.format(rows=50_000), batch_rows=100)
        first = reader.read_next_batch()
        self.execute(address, "CREATE TABLE target (n INT)")
        assert self.extract(connection, "SELECT 7 AS seven").to_pydict() == {"seven": [7]}
        assert self.write(connection, pa.table({"n": [1]}))["rows_written"] == 1
        assert first.num_rows + reader.read_all().num_rows == 50_000

    def test_conn_014_close_all_closes_every_session(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        connector.client(connection)
        assert self.sessions(address) == 1
        connector.close_all()
        assert self.sessions_end(address)

    def test_conn_014_half_read_stream_leaves_no_session(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        reader = self.reader(connection, query=self.numbers.format(rows=200_000), batch_rows=100)
        reader.read_next_batch()
        del reader
        assert self.extract(connection, "SELECT 7 AS seven").to_pydict() == {"seven": [7]}
        connector.close_all()
        assert self.sessions_end(address)

    def test_conn_014_a_half_read_stream_that_is_still_held_leaves_no_session(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        reader = self.reader(connection, query=self.numbers.format(rows=200_000), batch_rows=100)
        reader.read_next_batch()
        connector.close_all()
        assert self.sessions_end(address)
        assert reader is not None

    def test_conn_016_awkward_passwords_log_in(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        # The fixtures' password has every awkward character; a client library alone would spoil it.
        assert connector.doctor({**connection, "password": address.password}, 10)[0]
        assert not connector.doctor({**connection, "password": address.password[:-1]}, 10)[0]

    def test_conn_019_refused_login_is_tried_once(self, connector: Connector[Any, Any], connection: Connection) -> None:
        before = self.other_logins()
        with pytest.raises(AuthError):
            connector.create_client({**connection, "password": "wrong"})
        assert self.other_logins() == before + 1

    @abstractmethod
    def other_logins(self) -> int:
        """Return how many logins but its own the server has had so far, or how many it has refused."""

    def test_client_has_no_deadline_after_login(self, connector: Connector[Any, Any], connection: Connection) -> None:
        impatient = {**connection, "connect_timeout": 0.5}
        with closing(connector.create_client(impatient)) as client, client.cursor() as cursor:
            cursor.execute(self.sleep.format(seconds=0.7))
            assert len(cursor.fetchall()) == 1

    sleep: ClassVar[str]
