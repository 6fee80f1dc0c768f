"""mysql.writer: modes, ledger, engines and errors, on a real MariaDB server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import DataError, DriverConfigError, UnknownConnectorError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.integration.sql.writers import WriterTests
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB


class MySQLWriting(MySQLFamily, WriterTests):
    def run(self, connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
        endpoint = Address(**{name: connection[name] for name in ("host", "port", "user", "password", "database")})
        return self.execute(endpoint, *statements)


@MYSQL_AND_MARIADB
class TestMySQLWriter(MySQLWriting):
    """By LOAD DATA on MariaDB, by INSERTs on MySQL: as they come."""


class TestMySQLWriterWithInserts(MySQLWriting):
    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        return super().write(connection, data, ctx, **{"engine": "insert", **config})


@MYSQL_AND_MARIADB
class TestMySQLLoading(MySQLFamily):
    """What depends on how the rows get there."""

    @pytest.fixture(autouse=True)
    def _load_data_is_on(self, address: Address) -> Iterator[None]:
        self.execute(address, "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")

    def both(self, connection: Connection, data: pa.Table, **config: Any) -> list[dict[str, Any]]:
        """Write by either engine and return what is there then, which must be the same."""
        actual = []
        for engine in ("load_data", "insert"):
            self.write(connection, data, engine=engine, write_mode="replace", **config)
            rows: list[dict[str, Any]] = self.reader(connection, table="target").read_all().to_pylist()
            actual.append(rows)
        assert actual[0] == actual[1]
        return actual[0]

    @pytest.mark.parametrize(
        "text", ["", "\\", "\\N", "NULL", "\t", "\n", "\r\n", "a\tb\\\n", "'", '"', "\0", "ü€😀", "\x1a", "\\t"]
    )
    def test_every_text_stays(self, connection: Connection, text: str) -> None:
        rows = self.both(connection, pa.table({"s": [text, None, text]}), create_if_missing=True)
        assert [row["s"] for row in rows] == [text, None, text]
        self.write(connection, pa.table({"n": [1], "s": [text]}), create_if_missing=True, table="two")
        assert self.extract(connection, "SELECT s FROM two")["s"].to_pylist() == [text]

    def test_a_server_that_keeps_no_warnings(self, connection: Connection, address: Address) -> None:
        self.execute(address, "SET GLOBAL max_error_count = 0", "CREATE TABLE target (n INT, day DATE)")
        try:
            wrong = pa.table({"n": [1, 2], "day": ["2020-01-31", "2020-01-32"]})
            with pytest.raises(DataError, match="column day, row 2 of the input"):
                self.write(connection, wrong, engine="load_data")
        finally:
            self.execute(address, "SET GLOBAL max_error_count = DEFAULT")
        assert self.rows(address) == 0

    def test_every_type(self, connection: Connection) -> None:
        moment = dt.datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=dt.timezone.utc)
        data = pa.table(
            {
                "b": [True, False, None],
                "u": pa.array([2**64 - 1, 0, None], pa.uint64()),
                "i": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
                "d": pa.array([Decimal("1e-30"), Decimal("-12345678901234567890.5"), None], pa.decimal256(65, 30)),
                "f": [1e308, -5e-324, None],
                "g": pa.array([1.1, -3.4e38, None], pa.float32()),
                "day": [dt.date(2024, 2, 29), dt.date(1000, 1, 1), None],
                "day64": pa.array([dt.date(2024, 2, 29), dt.date(9999, 12, 31), None], pa.date64()),
                "ns": pa.array([1_700_000_000_123_456_000, 0, None], pa.timestamp("ns")),
                "zoned": pa.array([moment, moment, None], pa.timestamp("us", "Europe/Prague")),
                "clock": [dt.time(1, 2, 3, 4), dt.time(23, 59, 59), None],
                "span": [-dt.timedelta(hours=838, seconds=1), dt.timedelta(microseconds=1), None],
                "raw": [b"\x00\xff'\\\n\t", b"", None],
                "kind": pa.array(["a\n", "", None]).dictionary_encode(),
                "items": [["\n\\", None], [], None],
                "nothing": pa.nulls(3),
            }
        )
        first, second, nulls = self.both(connection, data, create_if_missing=True)
        assert (first["u"], first["i"], first["d"]) == (2**64 - 1, -(2**63), Decimal("1e-30"))
        assert (first["f"], second["f"]) == (1e308, -5e-324)
        assert (first["raw"], second["raw"], first["kind"]) == (b"\x00\xff'\\\n\t", b"", "a\n")
        assert first["zoned"] == moment.replace(tzinfo=None)
        assert (first["span"], second["clock"]) == (-dt.timedelta(hours=838, seconds=1), dt.timedelta(seconds=86399))
        assert (first["items"], second["d"]) == ('["\\n\\\\", null]', Decimal("-12345678901234567890.5"))
        assert set(nulls.values()) == {None}

    def test_bits_and_sql_modes(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (b BIT(9), o BIT, s TEXT)")
        self.execute(address, "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
        try:
            rows = self.both(connection, pa.table({"b": [257, None], "o": [True, False], "s": ["a\\b\n'", '"']}))
        finally:
            self.execute(address, "SET GLOBAL sql_mode = DEFAULT")
        assert rows == [{"b": 257, "o": 1, "s": "a\\b\n'"}, {"b": None, "o": 0, "s": '"'}]

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_server_names_column_and_row_but_no_value(
        self, connection: Connection, address: Address, engine: str
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT, d DATE, e ENUM('a'))")
        for data in ({"d": ["2024-01-01", "s3cr3t"]}, {"e": ["a", "s3cr3t"]}):
            (column,) = data
            with pytest.raises(DataError, match=rf"column {column}, row 2 of the input") as raised:
                self.write(connection, pa.table(data), engine=engine)
            assert "s3cr3t" not in str(raised.value)
        assert self.rows(address) == 0

    def test_key_that_is_there_is_an_error_not_a_warning(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY)", "INSERT INTO target VALUES (2)")
        for engine in ("load_data", "insert"):
            with pytest.raises(DataError, match="column id, row 2 of the input: duplicate key, in the table"):
                self.write(connection, pa.table({"id": [1, 2, 3]}), engine=engine)
        assert self.rows(address) == 1

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    @pytest.mark.parametrize(
        ("bad", "said"),
        [
            ({"id": 7}, r"column id, row 9,001 of the input: row 8 has the same key"),
            ({"id": -1}, r"column id, row 9,001 of the input: duplicate key, in the table"),
            ({"a": 2, "b": 3}, r"column a, b, row 9,001 of the input: row 3 has the same key"),
            ({"b": 20_000}, r"row 9,001 of the input: .*error (3819|4025)"),
            ({"parent": 5}, r"row 9,001 of the input: .*error 1452"),
            ({"j": "{nothing"}, r"column (j|\(any\)), row 9,001 of the input: "),
            ({"s": "s3cr3t"}, r"column s, row 9,001 of the input: "),
        ],
    )
    def test_row_is_named_whatever_is_wrong_with_it(
        self, connection: Connection, address: Address, engine: str, bad: dict[str, Any], said: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE parent (id INT PRIMARY KEY)",
            "INSERT INTO parent VALUES (1)",
            "CREATE TABLE target (id INT PRIMARY KEY, a INT, b INT, parent INT, j JSON, s ENUM('a', 'b'), "
            "UNIQUE ab (a, b), CHECK (b < 15000), FOREIGN KEY (parent) REFERENCES parent (id))",
            "INSERT INTO target (id) VALUES (-1)",
        )
        count = 10_000
        data: dict[str, list[Any]] = {
            "id": list(range(count)),
            "a": list(range(count)),
            "b": [number + 1 for number in range(count)],
            "parent": [1] * count,
            "j": ["[]"] * count,
            "s": ["a"] * count,
        }
        for name, value in bad.items():
            data[name][9000] = value
        with pytest.raises(DataError, match=said) as raised:
            self.write(connection, pa.table(data), engine=engine, batch_rows=4000 if "s" in bad else 65536)
        assert "s3cr3t" not in str(raised.value)
        assert self.rows(address) == 1

    def test_row_that_no_statement_can_hold(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT, b LONGBLOB)", "SET GLOBAL max_allowed_packet = 1048576")
        data = pa.table({"id": [1, 2], "b": [b"x" * 300_000, b"\xff" * 600_000]})
        try:
            with pytest.raises(
                DataError, match=r"row 2 of the input .*1,0\d\d,\d\d\d bytes .*max_allowed_packet"
            ) as raised:
                self.write(connection, data, engine="insert")
            assert (raised.value.row, self.rows(address)) == (2, 0)
            self.write(connection, data, engine="load_data")
            self.write(connection, data.slice(0, 1), engine="insert")
        finally:
            self.execute(address, "SET GLOBAL max_allowed_packet = DEFAULT")
        assert self.execute(address, "SELECT LENGTH(b) FROM target") == [(300_000,), (600_000,), (300_000,)]

    def test_upsert_never_changes_a_row_by_another_key(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY, mail VARCHAR(9) UNIQUE)")
        self.execute(address, "INSERT INTO target VALUES (1, 'a@b')")
        with pytest.raises(DataError, match="duplicate key"):
            self.write(connection, pa.table({"id": [2], "mail": ["a@b"]}), write_mode="upsert", primary_key="id")
        assert self.execute(address, "SELECT * FROM target") == [(1, "a@b")]

    def test_table_without_transactions_is_only_replaced(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT) ENGINE=MyISAM")
        with pytest.raises(DataError, match="no transactions"):
            self.write(connection, pa.table({"id": [1]}))
        self.write(connection, pa.table({"id": [1]}), write_mode="replace")
        assert self.rows(address) == 1

    def test_log_says_which_engine_and_why(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT)")
        caplog.set_level("INFO", "osiris_provider")
        self.write(connection, pa.table({"id": [1]}))
        assert "engine load_data: both sides allow" in caplog.text
        self.execute(address, "SET GLOBAL local_infile = OFF")
        try:
            self.write(connection, pa.table({"id": [1]}))
            assert "engine insert: the server has local_infile off" in caplog.text
            with pytest.raises(DriverConfigError, match="local_infile off"):
                self.write(connection, pa.table({"id": [1]}), engine="load_data")
        finally:
            self.execute(address, "SET GLOBAL local_infile = ON")
        assert self.rows(address) == 2

    def test_server_gets_no_file_that_it_asks_for(self, connection: Connection, connector: Connector[Any, Any]) -> None:
        with closing(connector.create_client(connection)) as client, client.cursor() as cursor:
            cursor.execute("CREATE TABLE target (s TEXT)")
            with pytest.raises(DiagnosedError, match="file_requested"):
                cursor.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE target")

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_full_table_is_said_and_stays_as_it_was(
        self, connection: Connection, address: Address, engine: str
    ) -> None:
        self.execute(
            address, "CREATE TABLE target (id INT, s CHAR(255)) ENGINE=MEMORY", "INSERT INTO target VALUES (5, 'there')"
        )
        data = pa.table({"id": range(200_000), "s": ["x" * 255] * 200_000})
        with pytest.raises(
            UnknownConnectorError, match=r"Step load: @mysql\.test: .* has run out of disk or memory"
        ) as raised:
            self.write(connection, data, RecordingContext(load_id="load"), engine=engine, write_mode="replace")
        assert raised.value.fault.slug == "server_full"
        assert self.execute(address, "SELECT * FROM target") == [(5, "there")]
        assert self.execute(address, "SHOW TABLES") == [("_osiris_loads",), ("target",)]
        assert self.execute(address, "SELECT * FROM _osiris_loads") == []
