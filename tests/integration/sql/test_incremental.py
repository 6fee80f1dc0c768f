"""Incremental reading from real servers: every type that can be a cursor, tables and queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB

# Type, and literals of it in ascending order.
Values = tuple[str, tuple[str, str, str]]
COMMON: list[Values] = [
    ("BIGINT", ("-9223372036854775807", "9223372036854775806", "9223372036854775807")),
    ("DECIMAL(38,10)", ("-1", "0", "1234567890123456789012345678.0123456789")),
    ("DATE", ("'0001-01-01'", "'2024-02-28'", "'2024-02-29'")),
    ("VARCHAR(40)", ("''", "'100%s'", "'it''s'")),
]


EXCLUDE = {"column": "c", "nulls": "exclude"}


class IncrementalTests:
    """What all families do.

    :cvar family: its name.
    :cvar quote: how it quotes an identifier.
    :cvar positional: marker of a parameter without a name.
    :cvar named: marker of parameter ``v``.
    :cvar types: three values of each, from the least.
    :cvar unordered: types whose texts stand in another order than their values.
    """

    family: ClassVar[str]
    quote: ClassVar[str] = '"'
    positional: ClassVar[str] = "%s"
    named: ClassVar[str] = "%(v)s"
    types: ClassVar[list[Values]]
    unordered: ClassVar[tuple[str, ...]]

    def sql(self, *statements: str) -> None:
        """Run statements with a client of the test's own."""
        raise NotImplementedError

    @pytest.fixture
    def memory(self) -> MemoryState:
        return MemoryState()

    def read(self, connection: Connection, memory: MemoryState, **config: Any) -> list[dict[str, Any]]:
        """Do a run that succeeds; return its rows."""
        config = {"incremental": {"column": "c"}, **config}
        ctx = RecordingContext(state=memory)
        step = {"resolved_connection": connection, **config}
        result = get_driver(f"{self.family}.extractor").run(step_id="extract", config=step, inputs={}, ctx=ctx)
        rows: list[dict[str, Any]] = result["data"].read_all().to_pylist()
        return rows

    def ids(self, connection: Connection, memory: MemoryState, **config: Any) -> list[int]:
        return sorted(row["n"] for row in self.read(connection, memory, **config))

    def test_texts_in_another_order_than_their_values_are_refused(
        self, connection: Connection, memory: MemoryState
    ) -> None:
        for kind in self.unordered:
            self.sql("DROP TABLE IF EXISTS t", f"CREATE TABLE t (n INT, c {kind})")
            with pytest.raises(DataError, match="column 'c' is of a type whose texts stand in another order"):
                self.read(connection, memory, table="t")

    @pytest.mark.parametrize("form", ["table", "query"])
    def test_every_type_is_kept_exactly(self, connection: Connection, form: str) -> None:
        source = {"table": {"table": "t"}, "query": {"query": "SELECT n, c FROM t -- all of it"}}[form]
        for kind, (first, second, third) in self.types:
            memory = MemoryState()
            self.sql(
                "DROP TABLE IF EXISTS t",
                f"CREATE TABLE t (n INT, c {kind})",
                f"INSERT INTO t VALUES (1, {first}), (2, {second})",
            )
            assert self.ids(connection, memory, **source) == [1, 2], kind
            assert self.ids(connection, memory, **source) == [], (kind, memory.low)
            self.sql(f"INSERT INTO t VALUES (3, {second}), (4, {third})")
            assert self.ids(connection, memory, **source) == [3, 4], (kind, memory.low)
            assert self.ids(connection, memory, **source) == [], (kind, memory.low)

    def test_a_query_with_parameters(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (9, 9)")
        config: dict[str, Any] = {"query": f"SELECT * FROM t WHERE n < {self.positional}", "params": [9]}
        memory.low = CursorValue("int32", "2")
        assert self.ids(connection, memory, **config) == [2, 3]
        config = {"query": f"SELECT * FROM t WHERE n < {self.named}", "params": {"v": 9}}
        memory.low = CursorValue("int32", "3")
        assert self.ids(connection, memory, **config) == [3]
        config = {"query": "SELECT * FROM t WHERE 'a' LIKE '%a%'"}
        assert self.ids(connection, memory, **config) == [9]

    def test_a_run_done_again_reads_up_to_its_cursor_value(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
        memory.low, memory.high = CursorValue("int32", "2"), CursorValue("int32", "3")
        assert self.ids(connection, memory, table="t") == [2, 3]
        assert memory.low == CursorValue("int32", "3")

    def test_initial_value_lookback_and_exclusive(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
        assert self.ids(connection, memory, table="t", incremental={"column": "c", "initial_value": 2}) == [2, 3]
        assert self.ids(connection, memory, table="t", incremental={"column": "c", "inclusive": False}) == []
        assert self.ids(connection, memory, table="t", incremental={"column": "c", "lookback": 1}) == [2, 3]
        assert memory.low == CursorValue("int32", "3")

    def test_rows_without_a_value_are_never_lost_in_silence(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 1), (2, NULL)")
        with pytest.raises(DataError, match=r"Step extract: 1 rows have no value in column 'c'.*include or exclude"):
            self.read(connection, memory, table="t")
        assert memory.advanced == 0
        assert self.ids(connection, memory, table="t", incremental=EXCLUDE) == [1]
        assert self.ids(connection, memory, table="t", incremental=EXCLUDE) == []
        assert self.ids(connection, memory, table="t", incremental={"column": "c", "nulls": "include"}) == [2]
        with pytest.raises(DataError, match="no value"):
            self.read(connection, memory, table="t")

    def test_an_empty_result_keeps_the_cursor_value(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)")
        assert self.ids(connection, memory, table="t") == []
        assert (memory.low, memory.advanced) == (None, 1)
        memory.low = CursorValue("int32", "7")
        assert self.ids(connection, memory, table="t") == []
        assert memory.low == CursorValue("int32", "7")

    def test_names_and_values_are_no_sql(self, connection: Connection, memory: MemoryState) -> None:
        name = f"c{self.quote}; DROP TABLE t; -- %s"
        quoted = self.quote + name.replace(self.quote, self.quote * 2) + self.quote
        self.sql(f"CREATE TABLE t (n INT, {quoted} VARCHAR(40))", "INSERT INTO t VALUES (1, 'b'), (2, 'z')")
        memory.low = CursorValue("string", "' OR 1=1; DROP TABLE t; -- %s")
        assert self.ids(connection, memory, table="t", incremental={"column": name}) == [1, 2]
        memory.low = CursorValue("string", "c' OR '1'='1")
        assert self.ids(connection, memory, table="t", incremental={"column": name}) == [2]

    def test_texts_are_not_followed_as_numbers_where_the_database_compares_texts(
        self, connection: Connection, memory: MemoryState
    ) -> None:
        self.sql("CREATE TABLE t (n INT, c VARCHAR(9))", "INSERT INTO t VALUES (1, '5'), (2, '99')")
        with pytest.raises(DataError, match=r"Step extract: column 'c' .* after '99' it would leave out '100'.* Cast"):
            self.read(connection, memory, table="t", incremental={"column": "c", "compare_as": "number"})
        assert memory.advanced == 0
        query = "SELECT n, CAST(c AS DECIMAL(9, 0)) AS c FROM t"
        assert self.ids(connection, memory, query=query) == [1, 2]
        self.sql("INSERT INTO t VALUES (3, '100')")
        assert self.ids(connection, memory, query=query) == [3]

    def test_texts_that_look_like_numbers_are_to_be_cast(
        self, connection: Connection, memory: MemoryState, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.sql("CREATE TABLE t (n INT, c VARCHAR(9))", "INSERT INTO t VALUES (1, '5'), (2, '99')")
        self.read(connection, memory, table="t")
        assert "look like numbers, and are compared as texts: '9' is more than '10'. Cast the column" in caplog.text

    @pytest.mark.parametrize(
        ("texts", "said"),
        [
            (("2024-01-01T00:00:01.5Z", "2024-01-01T00:00:02Z"), True),
            (("2024-01-01T11:30:00+01:00", "2024-01-01T12:00:00+02:00"), True),
            (("2024-01-01 11:30:00", "2024-01-01T12:00:00"), True),
            (("2024-01-01T11:30:00+01:00", "2024-01-01T12:00:00+01:00"), False),
            (("2024-01-01 11:30:00.25", "2025-12-31 12:00:00.50"), False),
        ],
    )
    def test_times_of_which_a_later_one_may_be_less_as_a_text_are_said(
        self,
        connection: Connection,
        memory: MemoryState,
        texts: tuple[str, str],
        said: bool,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        rows = ", ".join(f"({number}, '{text}')" for number, text in enumerate(texts))
        self.sql("CREATE TABLE t (n INT, c VARCHAR(40))", f"INSERT INTO t VALUES {rows}")
        self.read(connection, memory, table="t", incremental={"column": "c", "initial_value": "2024"})
        assert ("Step extract: the texts of column c are times in several spellings" in caplog.text) is said

    def test_a_column_that_is_not_there(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)", "INSERT INTO t VALUES (1, 1)")
        with pytest.raises(OsirisError, match=r"Step extract: .*updated_at"):
            self.read(connection, memory, table="t", incremental={"column": "updated_at"})
        with pytest.raises(DriverConfigError, match="columns must have c"):
            self.read(connection, memory, table="t", columns=["n"])

    def test_the_source_is_the_table(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)")
        self.read(connection, memory, table="t")
        self.read(connection, memory, query="SELECT * FROM t")
        assert memory.sources == [(f"@{self.family}.test t", "c"), (f"@{self.family}.test query", "c")]


class ServerTests(IncrementalTests):
    """What the families with a server do."""

    @pytest.mark.parametrize("source", [{"table": "t"}, {"query": "SELECT n, c FROM t WHERE n % 2 = 0"}])
    def test_parts_that_are_read_at_the_same_time(
        self, connection: Connection, memory: MemoryState, source: dict[str, Any]
    ) -> None:
        self.sql("CREATE TABLE t (n INT, c INT)")
        rows = ", ".join(f"({number}, {number})" for number in range(0, 200, 2))
        self.sql(f"INSERT INTO t VALUES {rows}")
        parts = {"partition_on": "n", "partitions": 3, **source}
        memory.low = CursorValue("int32", "100")
        assert self.ids(connection, memory, **parts) == list(range(100, 200, 2))
        assert self.ids(connection, memory, **parts) == []
        assert memory.low == CursorValue("int32", "198")


@MYSQL_AND_MARIADB
class TestMySQL(ServerTests, MySQLFamily):
    """mysql.extractor."""

    family = "mysql"
    quote = "`"
    types: ClassVar[list[Values]] = [
        *COMMON,
        ("BIGINT UNSIGNED", ("0", "18446744073709551614", "18446744073709551615")),
        ("DECIMAL(65,30)", ("-1", "1.000000000000000000000000000001", "99999999999999999999999999999999999.1")),
        ("DATETIME(6)", ("'1000-01-01'", "'2024-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'")),
        ("TIMESTAMP(6) NULL", ("'1980-01-01'", "'2024-03-31 02:00:00.5'", "'2024-03-31 02:00:00.500001'")),
        ("DOUBLE", ("-1.5e300", "0.1", "0.30000000000000004")),
    ]
    unordered = ("ENUM('c', 'b', 'a')", "SET('c', 'b')")

    @pytest.fixture(autouse=True)
    def _keep_endpoint(self, address: Address) -> None:
        self.endpoint = address

    def sql(self, *statements: str) -> None:
        self.execute(self.endpoint, *statements)


class TestPostgres(ServerTests, PostgresFamily):
    """postgres.extractor."""

    family = "postgres"
    types: ClassVar[list[Values]] = [
        *COMMON,
        ("NUMERIC", ("-1", "1.000000000000000000000000000001", "2")),
        ("TIMESTAMP", ("'0001-01-01'", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'")),
        ("TIMESTAMPTZ", ("'2024-01-01 00:00:00+14'", "'2024-01-01 00:00:00.5+02'", "'2024-01-01 00:00:00.6+02'")),
        ("DOUBLE PRECISION", ("-1.5e300", "0.1", "0.30000000000000004")),
        ("REAL", ("-1.5", "0.1", "0.2")),
        (
            "UUID",
            (
                "'018f0000-0000-7000-8000-000000000000'",
                "'018f0000-0000-7000-8000-000000000001'",
                "'018f0000-0000-7000-8000-000000000002'",
            ),
        ),
    ]
    unordered = ("INTERVAL", "MONEY", "INET", "JSON", "INT[]")

    @pytest.fixture(autouse=True)
    def _keep_endpoint(self, address: Address) -> None:
        self.endpoint = address

    def sql(self, *statements: str) -> None:
        self.execute(self.endpoint, *statements)

    @pytest.mark.parametrize(
        ("kind", "least", "unreal", "later"),
        [
            ("TIMESTAMPTZ", "'2024-01-01 00:00:00+00'", "'infinity'", "'2024-01-02 00:00:00+00'"),
            ("DATE", "'2024-01-01'", "'infinity'", "'2024-01-02'"),
            ("NUMERIC(9,2)", "1", "'NaN'", "2"),
        ],
    )
    def test_what_nothing_surpasses_is_no_cursor_value(
        self, connection: Connection, memory: MemoryState, kind: str, least: str, unreal: str, later: str
    ) -> None:
        self.sql(f"CREATE TABLE t (n INT, c {kind})", f"INSERT INTO t VALUES (1, {least}), (2, {unreal})")
        assert self.ids(connection, memory, table="t", text_columns=["c"]) == [1, 2]
        self.sql(f"INSERT INTO t VALUES (3, {later})")
        assert self.ids(connection, memory, table="t", text_columns=["c"]) == [3]

    def test_a_column_that_becomes_text_goes_on(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c TIMESTAMPTZ)", "INSERT INTO t VALUES (1, '2024-01-01'), (2, '2024-01-02')")
        assert self.ids(connection, memory, table="t") == [1, 2]
        self.sql("INSERT INTO t VALUES (3, 'infinity'), (4, '2024-01-03')")
        assert self.ids(connection, memory, table="t", text_columns=["c"]) == [2, 3, 4]
        self.sql("DELETE FROM t WHERE n = 3")
        assert self.ids(connection, memory, table="t") == [4]
        assert self.ids(connection, memory, table="t") == []


class TestDuckDB(IncrementalTests):
    """duckdb.extractor."""

    family = "duckdb"
    positional = "?"
    named = "$v"
    types: ClassVar[list[Values]] = [
        *COMMON,
        ("UBIGINT", ("0", "18446744073709551614", "18446744073709551615")),
        ("BIGNUM", ("-1", "9", "10")),
        ("TIMESTAMP", ("'0001-01-01'", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'")),
        ("TIMESTAMP_NS", ("'2000-01-01'", "'2024-01-01 00:00:00.000000001'", "'2024-01-01 00:00:00.000000002'")),
        ("TIMESTAMPTZ", ("'2024-01-01 00:00:00+14'", "'2024-01-01 00:00:00.5+02'", "'2024-01-01 00:00:00.6+02'")),
        ("DOUBLE", ("-1.5e300", "0.1", "0.30000000000000004")),
        ("FLOAT", ("-1.5", "0.1", "0.2")),
    ]
    unordered = ("INTERVAL", "BIT", "TIMETZ")

    @pytest.fixture
    def connection(self, tmp_path: Path) -> Iterator[Connection]:
        self.path = tmp_path / "file.duckdb"
        self.sql("SELECT 1")
        yield {"family": "duckdb", "alias": "test", "path": str(self.path)}
        close_all()

    def sql(self, *statements: str) -> None:
        close_all()
        with duckdb.connect(self.path) as connection:
            for statement in statements:
                connection.execute(statement)

    def test_dates_as_texts_are_followed_as_times(self, connection: Connection, memory: MemoryState) -> None:
        self.sql("CREATE TABLE t (n INT, c TIMESTAMP)", "INSERT INTO t VALUES (1, '2024-01-01'), (2, 'infinity')")
        assert self.ids(connection, memory, table="t", text_columns=["c"]) == [1, 2]
        self.sql("INSERT INTO t VALUES (3, '2024-01-01 00:00:00.5')")
        assert self.ids(connection, memory, table="t", text_columns=["c"]) == [3]
