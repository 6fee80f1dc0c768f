"""What both SQL families' drivers do, asked of a real server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.errors import (
    ConnectionConfigError,
    DataError,
    DriverConfigError,
    PermissionDeniedError,
    UnknownConnectorError,
)
from osiris_provider.testing.context import RecordingContext

from tests.integration.sql.families import Connection, SQLFamily
from tests.servers import Address


class DriverTests(SQLFamily):
    """What both extractors and both writers do."""

    def test_conn_007_fields_that_work_needs(self, connection: Connection) -> None:
        for field in ("host", "database", "user"):
            without = {name: value for name, value in connection.items() if name != field}
            with pytest.raises(ConnectionConfigError, match=rf"\b{field}\b"):
                self.extract(without, "SELECT 1 AS one")

    def test_conn_007_a_field_that_only_work_needs_is_required_of_its_step(self, connection: Connection) -> None:
        del connection["database"]
        with pytest.raises(ConnectionConfigError) as raised:
            self.extract(connection, "SELECT 1 AS one")
        assert str(raised.value) == "Step extract: connection field 'database' is required"
        assert (raised.value.step, raised.value.field) == ("extract", "database")

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

    @pytest.mark.parametrize(
        ("query", "params"),
        [
            ("SELECT %s AS a, %s AS b", [1]),
            ("SELECT %s AS a", [1, 2]),
            ("SELECT 'a' LIKE 'a%' AS a, %s AS b", [1]),
            ("SELECT %(v)s AS a", {"w": 1}),
            ("SELECT %(v)s AS a", [1]),
            ("SELECT %s AS a", [{"v": 1}]),
        ],
    )
    def test_params_that_do_not_fit_the_query(self, connection: Connection, query: str, params: Any) -> None:
        wrong = "^Step extract: config field params: the query cannot be filled with them: .*is written %%"
        with pytest.raises(DriverConfigError, match=wrong) as raised:
            self.extract(connection, query, params=params)
        assert raised.value.field == "params"
        if params == {"w": 1}:
            assert "there is no value for 'v'." in str(raised.value)
        with pytest.raises(DriverConfigError, match=wrong):
            self.extract(connection, query, params=params, engine="cursor", partition_on="a")

    def test_percent_sign_without_params(self, connection: Connection) -> None:
        assert self.extract(connection, "SELECT '100%s' AS v").to_pydict() == {"v": ["100%s"]}

    def test_empty_result_has_its_schema(self, connection: Connection) -> None:
        empty = self.extract(connection, "SELECT * FROM (SELECT 1 AS n, 'x' AS s) q WHERE 1 = 0")
        assert (empty.num_rows, empty.column_names) == (0, ["n", "s"])

    def test_missing_right_is_permission(self, connection: Connection) -> None:
        with pytest.raises(PermissionDeniedError, match="Step extract") as raised:
            self.extract(connection, self.forbidden)
        assert raised.value.fault.slug == "denied"

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
        assert ctx.value("rows_written") == 3
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
    def test_a_value_that_does_not_fit_changes_nothing(self, connection: Connection, mode: str) -> None:
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
