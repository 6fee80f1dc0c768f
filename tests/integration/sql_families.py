"""What the tests of both SQL families do the same way, asked of a real server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.base import Connector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import (
    AuthError,
    ConnectionConfigError,
    DataError,
    DriverConfigError,
    PermissionDeniedError,
    UnknownConnectorError,
)

from tests.contract.context import RecordingContext
from tests.servers import Address

Connection = dict[str, Any]


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
        return any(self.sessions(address) <= number for _ in range(500))

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
        result = driver.run(step_id="extract", config=step, inputs={}, ctx=RecordingContext())
        reader = result["data"]
        assert isinstance(reader, pa.RecordBatchReader)
        return reader

    def extract(self, connection: Connection, query: str, **config: Any) -> pa.Table:
        """Run the extractor to the end."""
        return self.reader(connection, query=query, **config).read_all()

    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        """Run the writer."""
        driver = get_driver(f"{self.family}.writer")
        step = {"resolved_connection": connection, "table": "target", **config}
        inputs = {"source": {"data": data}}
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

    def test_conn_016_awkward_passwords_log_in(
        self, connector: Connector[Any, Any], connection: Connection, address: Address
    ) -> None:
        # The fixtures' password has every awkward character; a client library alone would spoil it.
        assert connector.doctor({**connection, "password": address.password}, 10)[0]
        assert not connector.doctor({**connection, "password": address.password[:-1]}, 10)[0]

    def test_conn_019_refused_login_is_tried_once(self, connector: Connector[Any, Any], connection: Connection) -> None:
        before = self.refused_logins()
        with pytest.raises(AuthError):
            connector.create_client({**connection, "password": "wrong"})
        assert self.refused_logins() == before + 1

    @abstractmethod
    def refused_logins(self) -> int:
        """Return how many logins the server has refused so far."""

    def test_client_has_no_deadline_after_login(self, connector: Connector[Any, Any], connection: Connection) -> None:
        impatient = {**connection, "connect_timeout": 0.5}
        with closing(connector.create_client(impatient)) as client, client.cursor() as cursor:
            cursor.execute(self.sleep.format(seconds=0.7))
            assert len(cursor.fetchall()) == 1

    sleep: ClassVar[str]


class DriverTests(SQLFamily):
    """What both extractors and both writers do."""

    def test_conn_007_fields_that_work_needs(self, connection: Connection) -> None:
        for field in ("host", "database", "user"):
            without = {name: value for name, value in connection.items() if name != field}
            with pytest.raises(ConnectionConfigError, match=rf"\b{field}\b"):
                self.extract(without, "SELECT 1 AS one")

    @pytest.mark.parametrize(
        "config",
        [
            {},
            {"query": "SELECT 1", "table": "t"},
            {"query": "SELECT 1", "columns": ["a"]},
            {"table": "t", "params": [1]},
            {"table": "t", "batch_rows": 0},
            {"tabel": "t"},
        ],
    )
    def test_config_errors_name_the_step(self, connection: Connection, config: dict[str, Any]) -> None:
        with pytest.raises(DriverConfigError, match="Step extract"):
            self.reader(connection, **config)

    def test_table_with_awkward_names(self, connection: Connection) -> None:
        data = pa.table({"select": [1], 'a"b`c%s': ["x"], "ünï": [None]})
        self.write(connection, data, table="of 'names", create_if_missing=True)
        read = self.reader(connection, table="of 'names", columns=['a"b`c%s', "select"]).read_all()
        assert read.to_pydict() == {'a"b`c%s': ["x"], "select": [1]}

    def test_params_are_values(self, connection: Connection) -> None:
        injection = "x'; DROP TABLE t; --"
        assert self.extract(connection, "SELECT %s AS v", params=[injection]).to_pydict() == {"v": [injection]}
        named = self.extract(connection, "SELECT %(v)s AS v", params={"v": 5})
        assert named.num_rows == 1

    def test_percent_sign_without_params(self, connection: Connection) -> None:
        assert self.extract(connection, "SELECT '100%s' AS v").to_pydict() == {"v": ["100%s"]}

    def test_empty_result_has_its_schema(self, connection: Connection) -> None:
        empty = self.extract(connection, "SELECT * FROM (SELECT 1 AS n, 'x' AS s) q WHERE 1 = 0")
        assert (empty.num_rows, empty.column_names) == (0, ["n", "s"])

    def test_missing_right_is_permission(self, connection: Connection) -> None:
        with pytest.raises(PermissionDeniedError, match="Step extract") as raised:
            self.extract(connection, self.forbidden)
        assert raised.value.facts["fault"] == "denied"

    forbidden: ClassVar[str]

    def test_unknown_table_says_so(self, connection: Connection) -> None:
        with pytest.raises(UnknownConnectorError, match="no_such_table"):
            self.extract(connection, "SELECT * FROM no_such_table")

    def test_batches_stay_small(self, connection: Connection) -> None:
        reader = self.reader(connection, query=self.numbers.format(rows=5000), batch_rows=1000)
        sizes = [batch.num_rows for batch in reader]
        assert sum(sizes) == 5000
        assert max(sizes) <= 1000

    def test_large_rows_make_short_batches(self, connection: Connection) -> None:
        query = f"SELECT REPEAT('x', 1000000) AS big FROM ({self.numbers.format(rows=200)}) q"
        sizes = [batch.nbytes for batch in self.reader(connection, query=query)]
        # The first batch could not know; those after it do.
        assert len(sizes) > 3
        assert max(sizes[1:]) < 40 * 1024 * 1024

    def test_append_and_replace(self, connection: Connection, address: Address) -> None:
        ctx = RecordingContext()
        data = pa.table({"n": [1, 2, 3], "s": ["a", None, ""]})
        written = self.write(connection, data, ctx, create_if_missing=True)
        assert written == {"rows_written": 3}
        assert [(metric.name, metric.value) for metric in ctx.metrics] == [("rows_written", 3)]
        self.write(connection, data)
        assert self.rows(address) == 6
        self.write(connection, data.slice(0, 2), write_mode="replace")
        assert self.extract(connection, "SELECT s, n FROM target ORDER BY n").to_pydict() == {
            "s": ["a", None],
            "n": [1, 2],
        }

    def test_replace_with_nothing_empties(self, connection: Connection, address: Address) -> None:
        self.write(connection, pa.table({"n": [1]}), create_if_missing=True)
        self.write(connection, pa.table({"n": pa.array([], pa.int64())}), write_mode="replace")
        assert self.rows(address) == 0

    def test_conn_013_writing_leaves_no_open_transaction(self, connection: Connection, address: Address) -> None:
        self.write(connection, pa.table({"n": [1]}), create_if_missing=True)
        self.extract(connection, "SELECT * FROM target")
        # A transaction that was left open would keep its lock, and this would wait.
        self.execute(address, "DROP TABLE target")

    @pytest.mark.parametrize("mode", ["append", "replace"])
    def test_failing_input_changes_nothing(self, connection: Connection, address: Address, mode: str) -> None:
        self.write(connection, pa.table({"n": [1]}), create_if_missing=True)

        def failing() -> Iterator[pa.Table]:
            yield pa.table({"n": range(1000)})
            message = "the source broke"
            raise OSError(message)

        with suppress(Exception):
            self.write(connection, failing(), write_mode=mode, batch_rows=10)
            pytest.fail("the writer hid that its input broke")
        assert self.extract(connection, "SELECT n FROM target").to_pydict() == {"n": [1]}
        assert len(self.tables(address)) == 1

    @pytest.mark.parametrize("mode", ["append", "replace"])
    def test_misfit_value_changes_nothing(self, connection: Connection, mode: str) -> None:
        self.write(connection, pa.table({"n": [1]}), create_if_missing=True)
        with pytest.raises(DataError, match="Step load"):
            self.write(connection, pa.table({"n": ["1", "2", "many"]}), write_mode=mode)
        assert self.extract(connection, "SELECT n FROM target").to_pydict() == {"n": [1]}

    def test_failed_creation_leaves_no_table(self, connection: Connection, address: Address) -> None:
        def failing() -> Iterator[pa.Table]:
            yield pa.table({"n": [1]})
            message = "the source broke"
            raise OSError(message)

        with suppress(Exception):
            self.write(connection, failing(), create_if_missing=True)
            pytest.fail("the writer hid that its input broke")
        assert self.tables(address) == []

    @abstractmethod
    def tables(self, address: Address) -> list[str]:
        """Return the names of the tables of the database."""

    def test_missing_table_is_an_error(self, connection: Connection) -> None:
        with pytest.raises(DataError, match="create_if_missing"):
            self.write(connection, pa.table({"n": [1]}))

    def test_columns_that_do_not_fit_are_named(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (n INT NOT NULL, d INT DEFAULT 7, o INT)")
        with pytest.raises(DataError, match=r"no column y, z.*required column n"):
            self.write(connection, pa.table({"y": [1], "z": [1]}))
        self.write(connection, pa.table({"n": [1]}))
        assert self.extract(connection, "SELECT * FROM target").to_pydict() == {"n": [1], "d": [7], "o": [None]}

    def test_replace_is_one_step_for_readers(self, connection: Connection, address: Address) -> None:
        self.write(connection, pa.table({"n": [1, 2, 3]}), create_if_missing=True)
        seen: list[int] = []

        def source() -> Iterator[pa.Table]:
            for number in range(5):
                yield pa.table({"n": [number]})
                seen.append(self.rows(address))

        self.write(connection, source(), write_mode="replace")
        assert seen == [3] * 5
        assert self.rows(address) == 5
