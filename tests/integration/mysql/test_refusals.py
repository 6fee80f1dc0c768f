"""What mysql.writer says when the server refuses, where no row, no key or no column of it can be told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql.ledger import TABLE, Ledger
from osiris_provider.errors import ConnectorError, DataError, PermissionDeniedError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.mysql.test_replace import TWO, Replacing, unread
from tests.integration.sql.families import Connection
from tests.integration.waiting import comes_true
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MARIADB, ONLY_MYSQL

ENGINES = ("load_data", "insert")


class Loading(MySQLFamily):
    @pytest.fixture(autouse=True)
    def _load_data_is_on(self, address: Address) -> Iterator[None]:
        self.execute(address, "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")


@MYSQL_AND_MARIADB
class TestRows(Loading):
    @pytest.mark.parametrize("engine", ENGINES)
    def test_a_key_that_is_not_of_columns(self, connection: Connection, address: Address, engine: str) -> None:
        self.execute(address, "CREATE TABLE target (s TEXT, UNIQUE part (s(3)))")
        said = r"column \(any\), row 3 of the input: duplicate key, in the table or in an earlier row"
        with pytest.raises(DataError, match=said) as raised:
            self.write(connection, pa.table({"s": ["abd", "abc1", "abc2"]}), engine=engine)
        assert (raised.value.row, self.rows(address)) == (3, 0)

    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize(
        ("last", "said"),
        [
            ((6, "2024-02-29"), r"duplicate key, in the table or in an earlier row \(error 1062\)"),
            ((7, "2024-02-30"), r"the server does not take the value, .* \(error \d+\)"),
        ],
    )
    def test_a_table_that_keeps_what_a_failed_statement_has_written(
        self, connection: Connection, address: Address, engine: str, last: tuple[int, str], said: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, d DATE) ENGINE=MyISAM",
            "INSERT INTO target (id) VALUES (9)",
        )
        rows = [*((number, "2024-02-29") for number in range(1, 7)), last]
        data = pa.table({"id": [number for number, _ in rows], "d": [day for _, day in rows]})
        with pytest.raises(DataError, match=rf"among rows 5 to 7 of the input: {said}. Nothing was written"):
            self.write(connection, data, engine=engine, write_mode="replace", batch_rows=4)
        assert self.execute(address, "SELECT * FROM target") == [(9, None)]
        assert self.tables(address) == ["target"]


class Triggered(Loading):
    """A trigger that refuses a few rows, whichever come first, as rules do that look at what others write."""

    @pytest.fixture(params=["load_data", "insert", "upsert"])
    def config(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        upsert = {"write_mode": "upsert", "primary_key": "id"}
        return upsert if request.param == "upsert" else {"engine": request.param}

    def refuse(self, address: Address, *codes: int) -> None:
        signals = "".join(
            f"IF COALESCE(@refused, 0) = {number} THEN SET @refused = {number + 1}; "
            f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 's3cr3t'; END IF; "
            for number, code in enumerate(codes)
        )
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            f"CREATE TRIGGER refuses BEFORE INSERT ON target FOR EACH ROW BEGIN {signals} END",
        )


@MYSQL_AND_MARIADB
class TestRefusedOnce(Triggered):
    @pytest.mark.parametrize(
        ("code", "reason"),
        [(1062, "duplicate key, in the table or in an earlier row"), (1265, "the server does not take the value")],
    )
    def test_a_row_that_is_taken_when_it_comes_again(
        self, connection: Connection, address: Address, config: dict[str, Any], code: int, reason: str
    ) -> None:
        self.refuse(address, code)
        with pytest.raises(DataError, match=rf"(among rows 1 to 2|a row) of the input.*: {reason}") as raised:
            self.write(connection, TWO, **config)
        said = str(raised.value)
        assert f"(error {code}). Nothing was written." in said
        assert ("s3cr3t" in said, raised.value.row, self.rows(address)) == (False, None, 0)

    def test_another_error_while_the_row_is_looked_for_is_what_is_said(
        self, connection: Connection, address: Address, config: dict[str, Any]
    ) -> None:
        self.refuse(address, 1062, 1205)
        with pytest.raises(ConnectorError) as raised:
            self.write(connection, TWO, **config)
        assert (raised.value.fault.slug, self.rows(address)) == ("lock_timeout", 0)

    def test_rows_that_cannot_be_deleted_for_another_reason_than_a_foreign_key(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            "INSERT INTO target VALUES (7)",
            "CREATE TRIGGER keeps BEFORE DELETE ON target FOR EACH ROW "
            "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'no'",
        )
        with pytest.raises(ConnectorError) as raised:
            self.write(connection, TWO, write_mode="replace")
        assert (raised.value.fault.slug, self.execute(address, "SELECT id FROM target")) == ("lock_timeout", [(7,)])


@MYSQL_AND_MARIADB
class TestTables(Replacing):
    @pytest.mark.parametrize("table", ["target", "new"])
    def test_a_server_that_is_read_only(self, connection: Connection, address: Address, table: str) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY)", "SET GLOBAL read_only = ON")
        try:
            with pytest.raises(ConnectorError) as raised:
                self.write(connection, unread(), table=table, write_mode="replace", create_if_missing=True)
        finally:
            self.execute(address, "SET GLOBAL read_only = OFF")
        assert (raised.value.fault.slug, self.tables(address)) == ("read_only", ["target"])

    def test_triggers_are_kept(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "osiris_provider")
        self.execute(
            address,
            "CREATE TABLE target (id INT)",
            "CREATE TRIGGER doubled BEFORE INSERT ON target FOR EACH ROW SET NEW.id = 2 * NEW.id",
        )
        self.write(connection, TWO, write_mode="replace")
        assert self.execute(address, "SELECT id FROM target ORDER BY id") == [(2,), (4,)]
        assert "empties and fills table target: it has triggers" in caplog.text

    def test_a_view_from_which_the_server_deletes_nothing(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE a (id INT PRIMARY KEY)",
            "CREATE TABLE b (id INT PRIMARY KEY)",
            "CREATE VIEW target AS SELECT a.id FROM a JOIN b ON a.id = b.id",
        )
        with pytest.raises(ConnectorError, match="join view") as raised:
            self.write(connection, unread(), write_mode="replace")
        assert raised.value.fault.slug == "statement_refused"

    def test_a_view_that_the_user_may_not_read(self, user: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE base (id INT PRIMARY KEY)",
            "INSERT INTO base VALUES (7)",
            "CREATE VIEW target AS SELECT id FROM base",
            f"GRANT INSERT, DELETE ON target TO {user['user']}",
        )
        self.write(user, TWO, write_mode="replace", ledger=False)
        assert self.execute(address, "SELECT id FROM base") == [(1,), (2,)]


@MYSQL_AND_MARIADB
class TestLoadsThatDied(Replacing):
    """Tables that a load has left beside its target, in the place of which it was to put a new one."""

    @pytest.fixture
    def left(self, address: Address) -> str:
        name = f"_osiris_{hashlib.sha256(b'target').hexdigest()[:16]}_{'0' * 16}_old"
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY)", f"CREATE TABLE {name} (id INT PRIMARY KEY)")
        return name

    def test_one_to_which_others_refer_is_kept_and_named(
        self, connection: Connection, address: Address, left: str
    ) -> None:
        self.execute(address, f"CREATE TABLE child (id INT, FOREIGN KEY (id) REFERENCES {left} (id))")
        with pytest.raises(DataError, match=rf"has left {left}, .*Have them refer to target again, then drop {left}"):
            self.write(connection, unread(), write_mode="replace")
        assert set(self.tables(address)) == {"target", left, "child"}
        self.execute(address, "DROP TABLE child")
        self.write(connection, TWO, write_mode="replace")
        assert self.tables(address) == ["target"]

    def test_one_that_the_user_may_not_drop(self, user: Connection, address: Address, left: str) -> None:
        self.execute(address, f"GRANT SELECT ON {left} TO {user['user']}", f"GRANT ALL ON target TO {user['user']}")
        with pytest.raises(PermissionDeniedError) as raised:
            self.write(user, unread(), write_mode="replace", ledger=False)
        assert (raised.value.fault.slug, set(self.tables(address))) == ("denied", {"target", left})


@MYSQL_AND_MARIADB
class TestTwoTriesAtOnce(MySQLFamily):
    def test_the_second_waits_and_writes_nothing(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT)")
        ctx = RecordingContext(load_id="load")
        with closing(self.server.connect()) as first, first.cursor() as cursor, ThreadPoolExecutor(1) as pool:
            first.select_db(address.database)

            def run(statement: str, values: Any) -> Any:
                cursor.execute(statement, values)
                return cursor.fetchall()

            ledger = Ledger(run, TABLE, "load", "target")
            ledger.create("ENGINE=InnoDB")
            first.begin()
            ledger.claim("INSERT INTO {}")
            second = pool.submit(self.write, connection, unread(), ctx)
            waits = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'INSERT IGNORE%'"
            assert comes_true(lambda: self.execute(address, waits) == [(1,)])
            ledger.finish(7)
            first.commit()
            assert second.result() == {"rows_written": 7}
        assert "an earlier try of this task has written these 7 rows to target" in caplog.text
        assert self.rows(address) == 0


@ONLY_MYSQL
class TestBytesForJSON(Loading):
    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_column_is_named(self, connection: Connection, address: Address, engine: str) -> None:
        self.execute(address, "CREATE TABLE target (j JSON, k JSON, l JSON)")
        data = pa.table({"j": ["1", "2"], "k": [None, b"2"], "l": [None, None]})
        with pytest.raises(DataError, match=r"column k, row 2 of the input: .*\(error 3144\)"):
            self.write(connection, data, engine=engine)
        assert self.rows(address) == 0


@ONLY_MARIADB
class TestValuesThatAreNames(Loading):
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("value", ["s3cr3t", "it's"])
    def test_a_value_is_not_taken_for_the_name_of_a_column(
        self, connection: Connection, address: Address, engine: str, value: str
    ) -> None:
        self.execute(address, "CREATE TABLE target (s3cr3t INT, ip INET6)")
        with pytest.raises(DataError, match="column ip, row 2 of the input") as raised:
            self.write(connection, pa.table({"s3cr3t": [1, 2], "ip": ["::1", value]}), engine=engine)
        assert (raised.value.row, "s3cr3t" in str(raised.value)) == (2, False)
