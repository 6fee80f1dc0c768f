"""What a server leaves out, cuts or overwrites by a setting, a rule or a collation is read whole, refused or said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.errors import DataError, OsirisError, PermissionDeniedError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.sql_families import Connection
from tests.integration.test_mysql_drivers import MySQLFamily
from tests.integration.test_postgres_drivers import PostgresFamily
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB

LEFT_OUT = "table target did not keep {} of the rows: a trigger or rule of the table has left them out"
HIDDEN = "only the rows that policies of row-level security show"


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

    @pytest.mark.parametrize("spelt", ["É1", "E1", "e1 "])
    def test_an_upsert_does_not_overwrite_a_key_of_another_spelling(
        self, connection: Connection, address: Address, spelt: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (k VARCHAR(9) COLLATE utf8mb4_general_ci, n INT, v INT, PRIMARY KEY (k, n))",
            "INSERT INTO target VALUES ('e1', 1, 1), ('z', 1, 1)",
        )
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": ["k", "n"]}
        data = pa.table({"k": ["z", spelt], "n": [1, 1], "v": [2, 2]})
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, data, **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 1), ("z", 1)]
        self.write(connection, data, **upsert, lossy="round")
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]
        self.write(connection, pa.table({"k": ["e1", spelt], "n": [1, 2], "v": [3, 3]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY n, k") == [("e1", 3), ("z", 2), (spelt, 3)]

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


class TestPostgres(PostgresFamily):
    TRIGGER = (
        "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
        """CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN IF NEW.v < 0 THEN RETURN NULL; END IF; RETURN NEW; END $$""",
        "CREATE TRIGGER skip BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION skip()",
    )

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_rows_that_a_trigger_leaves_out_are_counted_and_said(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, *self.TRIGGER)
        data = pa.table({"id": [1, 2, 3, 4, 5], "v": [1, -1, -2, 2, 3]})
        with caplog.at_level(logging.WARNING):
            self.write(connection, data, write_mode=mode, primary_key="id", batch_rows=2)
        assert f"Step load: {LEFT_OUT.format(2)}" in caplog.text
        assert self.execute(address, "SELECT id FROM target ORDER BY id") == [(1,), (4,), (5,)]

    def test_rows_that_a_rule_leaves_out_are_said(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            "CREATE RULE out AS ON INSERT TO target WHERE NEW.id < 0 DO INSTEAD NOTHING",
        )
        with caplog.at_level(logging.WARNING):
            self.write(connection, pa.table({"id": [1, -2]}), write_mode="upsert", primary_key="id")
        assert f"Step load: {LEFT_OUT.format(1)}" in caplog.text
        assert self.execute(address, "SELECT id FROM target") == [(1,)]

    def test_a_row_that_is_there_already_is_none_that_was_left_out(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
            "CREATE TRIGGER same BEFORE UPDATE ON target FOR EACH ROW "
            "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        )
        for keys in ({"id": [1, 2]}, {"id": [1, 2], "v": [None, 5]}, {"id": [1, 2], "v": [None, 5]}):
            self.write(connection, pa.table(keys), write_mode="upsert", primary_key="id")
        assert self.execute(address, "SELECT * FROM target ORDER BY id") == [(1, None), (2, 5)]
        assert caplog.text == ""

    POLICIES = (
        "CREATE TABLE target (id INT, tenant INT)",
        "INSERT INTO target SELECT n, n % 2 FROM generate_series(1, 300) n",
        "ALTER TABLE target ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY own ON target USING (tenant = 1) WITH CHECK (true)",
    )

    @pytest.mark.parametrize("engine", ["copy", "cursor"])
    @pytest.mark.parametrize(
        "config",
        [
            {"table": "target"},
            {"query": "SELECT count(*) AS n FROM (SELECT * FROM target) q"},
            {"table": "target", "partition_on": "id", "partitions": 2},
        ],
    )
    def test_rows_that_policies_hide_are_said(
        self,
        connection: Connection,
        address: Address,
        config: dict[str, Any],
        engine: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.execute(address, *self.POLICIES)
        with caplog.at_level(logging.WARNING):
            rows = self.reader(connection, engine=engine, **config).read_all()
        assert rows.num_rows == (150 if "table" in config else 1)
        assert caplog.text.count(HIDDEN) == 1
        self.execute(address, "ALTER TABLE target NO FORCE ROW LEVEL SECURITY")
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            rows = self.reader(connection, engine=engine, **config).read_all()
        assert rows.num_rows == (300 if "table" in config else 1)
        assert caplog.text == ""

    def test_a_function_that_reads_a_table_with_policies_may_still_be_called(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(address, *self.POLICIES)
        self.execute(
            address,
            "CREATE FUNCTION mine() RETURNS bigint LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN (SELECT count(*) FROM target); END $$",
        )
        assert self.extract(connection, "SELECT mine() AS n")["n"].to_pylist() == [150]

    def test_a_missing_right_is_one_with_policies_too(self, connection: Connection) -> None:
        with pytest.raises(PermissionDeniedError):
            self.extract(connection, self.forbidden)

    @pytest.mark.parametrize("mode", ["append", "replace"])
    def test_a_table_whose_policies_hide_rows_is_not_replaced_in_part(
        self, connection: Connection, address: Address, mode: str
    ) -> None:
        self.execute(address, *self.POLICIES)
        with pytest.raises(OsirisError, match="row-level security"):
            self.write(connection, pa.table({"id": [1], "tenant": [1]}), write_mode=mode)
        self.execute(address, "ALTER TABLE target NO FORCE ROW LEVEL SECURITY")
        assert self.rows(address) == 300

    @pytest.mark.parametrize(
        ("collation", "spelt"),
        [
            ("(provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "E1"),
            ("(provider = icu, locale = 'und-u-ks-level1', deterministic = false)", "é1"),
        ],
    )
    def test_an_upsert_does_not_overwrite_a_key_of_another_spelling(
        self, connection: Connection, address: Address, collation: str, spelt: str
    ) -> None:
        self.execute(
            address,
            f"CREATE COLLATION folding {collation}",
            "CREATE TABLE target (k TEXT COLLATE folding PRIMARY KEY, v INT)",
            "INSERT INTO target VALUES ('e1', 1)",
        )
        data = pa.table({"k": ["z", spelt], "v": [2, 2]})
        upsert: dict[str, Any] = {"write_mode": "upsert", "primary_key": "k"}
        with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
            self.write(connection, data, **upsert)
        assert self.execute(address, "SELECT k, v FROM target") == [("e1", 1)]
        self.write(connection, data, **upsert, lossy="round")
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 2), ("z", 2)]
        self.write(connection, pa.table({"k": ["e1"], "v": [3]}), **upsert)
        assert self.execute(address, "SELECT k, v FROM target ORDER BY k") == [("e1", 3), ("z", 2)]


def test_an_upsert_of_duckdb_does_not_overwrite_a_key_of_another_spelling(tmp_path: Path) -> None:
    path = str(tmp_path / "x.duckdb")

    def run(statement: str) -> list[tuple[Any, ...]]:
        close_all()
        with closing(duckdb.connect(path)) as database:
            return database.execute(statement).fetchall()

    def write(keys: list[str], **config: Any) -> None:
        connection = {"family": "duckdb", "alias": "test", "path": path}
        step = {"resolved_connection": connection, "table": "target", "write_mode": "upsert", "primary_key": ["n", "k"]}
        data = pa.table({"k": keys, "n": range(len(keys)), "v": [2] * len(keys)})
        DuckDBWriter().run(
            step_id="load", config={**step, **config}, inputs={"e": {"data": data}}, ctx=RecordingContext()
        )

    run("CREATE TABLE target (k VARCHAR COLLATE NOCASE, n INT, v INT, PRIMARY KEY (n, k))")
    run("INSERT INTO target VALUES ('z', 0, 1), ('a', 1, 1)")
    with pytest.raises(DataError, match=r"target: column k, row 2 of the input: .*another spelling.*Nothing was"):
        write(["z", "A"])
    assert run("SELECT k, v FROM target ORDER BY n") == [("z", 1), ("a", 1)]
    write(["z", "a"])
    write(["Z", "A"], lossy="round")
    assert run("SELECT k, v FROM target ORDER BY n") == [("z", 2), ("a", 2)]
