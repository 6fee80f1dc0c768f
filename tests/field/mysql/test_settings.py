"""MySQL and MariaDB: what a setting of the server leaves out, cuts or changes is read whole, refused or said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.field.conftest import Execute
from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MYSQL


@MYSQL_AND_MARIADB
class TestMySQL(MySQLFamily):
    @contextmanager
    def setting(self, address: Address, name: str, value: str) -> Iterator[None]:
        """Have new sessions begin with a setting."""
        ((before,),) = self.execute(address, f"SELECT @@GLOBAL.{name}")
        self.execute(address, f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            self.execute(address, f"SET GLOBAL {name} = {before}")

    @pytest.mark.parametrize("engine", ["binary", "cursor"])
    def test_group_concat_is_whole(self, connection: Connection, address: Address, engine: str) -> None:
        query = f"SELECT GROUP_CONCAT(n ORDER BY n) AS v FROM ({self.numbers.format(rows=2000)}) q"
        with self.setting(address, "group_concat_max_len", "1024"):
            read = self.extract(connection, query, engine=engine)
        assert read["v"].to_pylist() == [",".join(map(str, range(1, 2001)))]

    @pytest.mark.parametrize("engine", ["binary", "cursor"])
    @pytest.mark.parametrize("query", ["SELECT 1 AS v UNION ALL SELECT REPEAT('x', @@max_allowed_packet + 1)"])
    def test_what_the_server_cannot_hold_is_an_error_and_not_null(
        self, connection: Connection, query: str, engine: str
    ) -> None:
        with pytest.raises(DataError, match=r"Step extract: the server returned NULL .*1301.*Raise max_allowed_packet"):
            self.extract(connection, query, engine=engine)
        assert self.extract(connection, "SELECT 1 AS v")["v"].to_pylist() == [1]

    @pytest.mark.parametrize("engine", ["binary", "cursor"])
    def test_a_warning_of_the_server_is_said_without_its_value(
        self, connection: Connection, engine: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            self.extract(
                connection, "SELECT 's3cr3t' + n AS v FROM (SELECT 1 AS n UNION ALL SELECT 2) q", engine=engine
            )
        assert (
            "Step extract: the server warned of values while it ran the query (times by code: 1292: 2)" in caplog.text
        )
        assert "s3cr3t" not in caplog.text

    @pytest.mark.parametrize("engine", ["binary", "cursor"])
    @pytest.mark.parametrize("parts", [{}, {"partition_on": "n", "partitions": 2}])
    def test_every_row_is_read_whatever_the_servers_limit(
        self, connection: Connection, address: Address, engine: str, parts: dict[str, Any]
    ) -> None:
        self.execute(address, f"CREATE TABLE target AS SELECT n FROM ({self.numbers.format(rows=300)}) q")
        with self.setting(address, "sql_select_limit", "2"):
            read = self.reader(connection, table="target", engine=engine, **parts).read_all()
        assert sorted(read["n"].to_pylist()) == list(range(1, 301))

    def test_a_table_is_read_with_its_invisible_columns(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (a INT, b INT INVISIBLE, c INT)",
            "INSERT INTO target (a, b, c) VALUES (1, 2, 3)",
        )
        assert self.reader(connection, table="target").read_all().to_pylist() == [{"a": 1, "b": 2, "c": 3}]
        named = f"{address.database}.target"
        assert self.reader(connection, table=named, columns=["c"]).read_all().to_pylist() == [{"c": 3}]
        config = {"resolved_connection": connection, "table": "target", "incremental": {"column": "b"}}
        assert self.incremental(config).to_pylist() == [{"a": 1, "b": 2, "c": 3}]

    def incremental(self, config: dict[str, Any]) -> pa.Table:
        ctx = RecordingContext(state=MemoryState())
        table: pa.Table = (
            get_driver("mysql.extractor").run(step_id="s", config=config, inputs={}, ctx=ctx)["data"].read_all()
        )
        return table

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_zero_in_an_automatic_key_stays_zero(self, connection: Connection, address: Address, mode: str) -> None:
        self.execute(address, "CREATE TABLE target (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        self.write(connection, pa.table({"v": [1, 2], "id": [0, 7]}), write_mode=mode, primary_key="id")
        assert self.execute(address, "SELECT id, v FROM target ORDER BY id") == [(0, 1), (7, 2)]

    def test_null_is_not_now(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (v TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)")
        with pytest.raises(DataError, match="column v, row 1 of the input: it is null"):
            self.write(connection, pa.table({"v": pa.nulls(1, pa.timestamp("us"))}))

    @pytest.mark.parametrize("engine", ["auto", "insert"])
    @pytest.mark.parametrize("charset", ["utf8mb3", "latin1"])
    def test_a_character_that_the_column_lacks_is_refused(
        self, connection: Connection, address: Address, charset: str, engine: str
    ) -> None:
        self.execute(address, f"CREATE TABLE target (v VARCHAR(9) CHARACTER SET {charset})")
        with pytest.raises(DataError, match="column v, row 2 of the input"):
            self.write(connection, pa.table({"v": ["é", "😀"]}), engine=engine)
        self.write(connection, pa.table({"v": ["é"]}), engine=engine)
        assert self.execute(address, "SELECT v FROM target") == [("é",)]

    def test_a_table_without_transactions_and_small_booleans_are_read_whole(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (t TINYINT(1), b BIT(1), d DECIMAL(9, 2)) ENGINE=MyISAM",
            "INSERT INTO target VALUES (4, b'0', NULL), (-1, b'1', 0.5)",
        )
        rows = self.reader(connection, table="target").read_all()
        assert [tuple(map(str, row.values())) for row in rows.to_pylist()] == [("4", "0", "None"), ("-1", "1", "0.50")]


@ONLY_MYSQL
@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
def test_a_table_that_keeps_no_rows_is_refused(connection: dict[str, Any], execute: Execute, mode: str) -> None:
    execute("CREATE TABLE target (id INT PRIMARY KEY) ENGINE=BLACKHOLE")
    step = {"resolved_connection": connection, "table": "target", "write_mode": mode, "primary_key": "id"}
    inputs = {"e": {"data": pa.table({"id": [1]})}}
    with pytest.raises(DataError, match=r"BLACKHOLE, which keeps no rows\. Nothing was written"):
        get_driver("mysql.writer").run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())


@ONLY_MYSQL
def test_a_view_keeps_no_more_than_its_tables(connection: dict[str, Any], execute: Execute) -> None:
    execute("CREATE TABLE `a b` (id INT PRIMARY KEY) ENGINE=BLACKHOLE")
    execute("CREATE VIEW target AS SELECT * FROM `a b`")
    step = {"resolved_connection": connection, "table": "target"}
    inputs = {"e": {"data": pa.table({"id": [1]})}}
    with pytest.raises(DataError, match=r"BLACKHOLE, which keeps no rows\. Nothing was written"):
        get_driver("mysql.writer").run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())


@MYSQL_AND_MARIADB
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_view_can_undo_no_more_than_its_tables(connection: dict[str, Any], execute: Execute, mode: str) -> None:
    execute("CREATE TABLE base (id INT PRIMARY KEY) ENGINE=MyISAM")
    execute("INSERT INTO base VALUES (2), (9)")
    execute("CREATE VIEW inner_view AS SELECT * FROM base")
    execute("CREATE VIEW target AS SELECT * FROM inner_view")
    step = {"resolved_connection": connection, "table": "target", "write_mode": mode}
    inputs = {"e": {"data": pa.table({"id": [1, 2, 1]})}}
    with pytest.raises(DataError, match=r"Table target: its engine has no transactions") as raised:
        get_driver("mysql.writer").run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())
    assert ("or use write_mode: replace" in str(raised.value)) == (mode == "append")
    assert execute("SELECT id FROM base ORDER BY id") == ((2,), (9,))
