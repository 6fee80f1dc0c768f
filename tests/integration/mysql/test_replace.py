"""mysql.writer keeps what hangs on a table, and says before it loads which right is missing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.errors import DataError, DriverConfigError, PermissionDeniedError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MYSQL

TWO = pa.table({"id": [1, 2]})


def unread() -> Iterator[pa.Table]:
    """Return an input of which no more may be read than what tells its columns."""
    yield TWO
    message = "rows were read before rights were looked at"
    raise AssertionError(message)


class Replacing(MySQLFamily):
    """The helpers of both classes."""

    def definition(self, address: Address) -> str:
        (row,) = self.execute(address, "SHOW CREATE TABLE target")
        return str(row[1])

    @pytest.fixture
    def user(self, address: Address, connection: Connection) -> Iterator[Connection]:
        """A connection of a user who has no right yet but to see the database."""
        name = f"u{uuid.uuid4().hex[:12]}"
        self.execute(address, f"CREATE USER {name} IDENTIFIED BY 's3cr3t'", f"GRANT SHOW VIEW ON *.* TO {name}")
        yield {**connection, "user": name, "password": "s3cr3t"}
        self.execute(address, f"DROP USER {name}")

    @pytest.fixture
    def elsewhere(self, address: Address) -> Iterator[str]:
        """A database that the application's user has no right on."""
        name = f"other_{uuid.uuid4().hex}"
        self.execute(address, f"CREATE DATABASE {name}")
        yield name
        self.execute(address, f"DROP DATABASE {name}")


@MYSQL_AND_MARIADB
class TestWhatReplaceKeeps(Replacing):
    def test_definition_comments_and_the_next_number(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY AUTO_INCREMENT COMMENT ' AUTO_INCREMENT=9', n INT DEFAULT 7, "
            "CONSTRAINT positive CHECK (n > 0), CHECK (n < 99)) COMMENT 'what it is for'",
            "INSERT INTO target (id) VALUES (4999)",
            "DELETE FROM target",
        )
        before = self.definition(address)
        assert "AUTO_INCREMENT=5000" in before
        self.write(connection, pa.table({"id": [1]}), write_mode="replace")
        assert self.definition(address) == before
        self.write(connection, pa.table({"n": [1]}), write_mode="replace")
        assert self.execute(address, "SELECT id FROM target") == [(5000,)]

    def test_next_number_of_a_table_that_is_swapped(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "osiris_provider")
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY AUTO_INCREMENT, n INT)",
            "INSERT INTO target VALUES (4999, 1)",
        )
        self.write(connection, pa.table({"n": [1]}), write_mode="replace")
        assert self.execute(address, "SELECT id FROM target") == [(5000,)]
        assert "empties and fills" not in caplog.text

    def test_triggers_that_the_user_may_not_see(
        self, user: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO", "osiris_provider")
        self.execute(
            address,
            "CREATE TABLE target (id INT)",
            "CREATE TRIGGER doubled BEFORE INSERT ON target FOR EACH ROW SET NEW.id = 2 * NEW.id",
            f"GRANT SELECT, INSERT, DELETE, CREATE, ALTER, DROP ON {address.database}.* TO {user['user']}",
        )
        self.write(user, TWO, write_mode="replace")
        assert self.execute(address, "SELECT id FROM target ORDER BY id") == [(2,), (4,)]
        assert len(self.execute(address, "SHOW TRIGGERS")) == 1
        assert "the user lacks TRIGGER on database" in caplog.text

    def test_foreign_keys_of_another_database(self, connection: Connection, address: Address, elsewhere: str) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY)",
            "INSERT INTO target VALUES (1)",
            f"CREATE TABLE {elsewhere}.child (id INT, FOREIGN KEY (id) REFERENCES {address.database}.target (id))",
        )
        with pytest.raises(DataError, match=r"may not see refer to it.*Nothing was written") as raised:
            self.write(connection, TWO, RecordingContext(load_id="load"), write_mode="replace")
        assert "Grant the user REFERENCES" in str(raised.value)
        assert self.execute(address, "SELECT * FROM target") == [(1,)]
        assert self.tables(address) == ["_osiris_loads", "target"]
        assert self.execute(address, "SELECT * FROM _osiris_loads") == []
        self.execute(address, f"GRANT REFERENCES ON {elsewhere}.* TO '{address.user}'@'%'")
        try:
            self.write(connection, TWO, RecordingContext(load_id="load"), write_mode="replace")
        finally:
            self.execute(address, f"REVOKE REFERENCES ON {elsewhere}.* FROM '{address.user}'@'%'")
        assert self.execute(address, "SELECT * FROM target") == [(1,), (2,)]
        ((_, child),) = self.execute(address, f"SHOW CREATE TABLE {elsewhere}.child")
        assert f"REFERENCES `{address.database}`.`target`" in child

    @pytest.mark.parametrize("mode", ["replace", "upsert"])
    def test_a_server_with_safe_updates(self, connection: Connection, address: Address, mode: str) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, n INT)",
            "INSERT INTO target VALUES (1, 1)",
            "CREATE TRIGGER checks BEFORE DELETE ON target FOR EACH ROW DO 0",
            "SET GLOBAL sql_safe_updates = ON",
        )
        try:
            self.write(connection, pa.table({"id": [1, 2], "n": [5, 6]}), write_mode=mode, primary_key="id")
        finally:
            self.execute(address, "SET GLOBAL sql_safe_updates = DEFAULT")
        assert self.execute(address, "SELECT * FROM target") == [(1, 5), (2, 6)]

    def test_a_database_with_a_percent_sign(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = f"100% of %s {uuid.uuid4().hex}"
        self.execute(address, f"CREATE DATABASE `{name}`", f"GRANT ALL ON `{name}`.* TO '{address.user}'@'%'")
        for load_id in ("first", "second", "second"):
            self.write(
                connection,
                TWO,
                RecordingContext(load_id=load_id),
                table=f"{name}.target",
                write_mode="replace",
                create_if_missing=True,
            )
        assert self.execute(address, f"SELECT COUNT(*) FROM `{name}`.target") == [(2,)]
        assert f"DELETE FROM `{name}`.`_osiris_loads` WHERE load_key" in caplog.text
        self.execute(address, f"DROP DATABASE `{name}`")

    def test_rights_on_the_table(self, connection: Connection, user: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT)", f"GRANT INSERT ON target TO {user['user']}")
        self.write(connection, TWO, write_mode="replace")
        self.write(user, pa.table({"id": [3]}))
        assert self.rows(address) == 3

    def test_a_view_is_emptied_and_filled(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE there (id INT)", "CREATE VIEW target AS SELECT id FROM there")
        self.write(connection, TWO, write_mode="replace")
        assert self.rows(address, "there") == 2

    def test_failed_load_leaves_no_transaction_open(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT)")
        for mode, data in (("append", {"z": [1]}), ("append", {"id": ["x"]}), ("upsert", {"id": [1]})):
            with pytest.raises(DataError):
                self.write(connection, pa.table(data), write_mode=mode, primary_key="id")
            query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()"
            assert self.execute(address, query) == [(0,)]
            # A transaction that has read the table would make this wait.
            self.execute(address, "SET lock_wait_timeout = 1", "ALTER TABLE target COMMENT 'changed'")


@MYSQL_AND_MARIADB
class TestRights(Replacing):
    @pytest.mark.parametrize(
        ("mode", "granted", "said"),
        [
            ("append", "SELECT ON {}.target", r"lacks INSERT on table {}\.target, which write_mode append needs"),
            ("append", "SELECT (id), INSERT (n) ON {}.target", r"lacks INSERT on table {}\.target"),
            ("upsert", "SELECT, INSERT ON {}.target", r"lacks UPDATE on table {}\.target"),
            ("upsert", "SELECT, INSERT, UPDATE ON {}.target", r"lacks CREATE TEMPORARY TABLES on database {}"),
            ("replace", "SELECT, INSERT ON {}.*", r"lacks DELETE on table .*the user lacks CREATE, ALTER, DROP, TRIG"),
        ],
    )
    def test_missing_right_is_named_before_a_row_is_read(
        self, user: Connection, address: Address, mode: str, granted: str, said: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, n INT)",
            f"GRANT {granted.format(address.database)} TO {user['user']}",
        )
        with pytest.raises(PermissionDeniedError, match=said.format(address.database)) as raised:
            self.write(user, unread(), write_mode=mode, primary_key="id", ledger=False)
        assert "Nothing was written" in str(raised.value)

    def test_missing_rights_of_the_ledger_and_of_a_new_table(self, user: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT)", f"GRANT INSERT ON target TO {user['user']}")
        ctx = RecordingContext(load_id="load")
        with pytest.raises(
            PermissionDeniedError, match=r"lacks SELECT, INSERT, UPDATE, DELETE, CREATE on .*ledger: false"
        ):
            self.write(user, unread(), ctx)
        with pytest.raises(PermissionDeniedError, match="lacks INSERT, CREATE, ALTER, DROP on database"):
            self.write(user, unread(), table="new", create_if_missing=True)

    def test_rights_on_columns_of_a_role_and_of_a_pattern_are_enough(self, user: Connection, address: Address) -> None:
        name, database = user["user"], address.database.replace("_", "\\_")
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY, n INT)")
        self.execute(address, f"GRANT INSERT (id) ON target TO {name}")
        self.write(user, TWO)
        default = "TO" if "Only" in type(self).__name__ or self.server.label == "mysql" else "FOR"
        role = f"r{name}"
        self.execute(
            address,
            f"CREATE ROLE {role}",
            f"GRANT SELECT, INSERT, UPDATE, CREATE TEMPORARY TABLES ON `{database[:-3]}%`.* TO {role}",
            f"GRANT {role} TO {name}",
            f"SET DEFAULT ROLE {role} {default} {name}",
        )
        try:
            self.write({**user, "alias": "with_role"}, pa.table({"id": [2, 3]}), write_mode="upsert", primary_key="id")
        finally:
            self.execute(address, f"DROP ROLE {role}")
        assert self.rows(address) == 3


@MYSQL_AND_MARIADB
class TestTables(Replacing):
    def test_key_of_a_part_of_a_column_is_no_key_of_the_rest(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (a INT NOT NULL, b VARCHAR(50) NOT NULL, UNIQUE (a, b(10)))")
        self.execute(address, "INSERT INTO target VALUES (1, 'x'), (1, 'y')")
        with pytest.raises(DataError, match="no primary or unique key of just a"):
            self.write(connection, pa.table({"a": [1], "b": ["z"]}), write_mode="upsert", primary_key="a")
        assert self.rows(address) == 2

    def test_new_tables_hold_every_text(self, connection: Connection, address: Address) -> None:
        self.execute(address, f"ALTER DATABASE {address.database} CHARACTER SET latin1")
        for mode in ("append", "replace"):
            table = pa.table({"s": ["ž😀"]})
            self.write(
                {**connection, "charset": "latin1"}, table, write_mode=mode, create_if_missing=True, table=f"t_ž_{mode}"
            )
            assert self.execute(address, f"SELECT HEX(s) FROM t_ž_{mode}") == [("C5BEF09F9880",)]

    def test_a_server_whose_default_engine_has_no_transactions(self, connection: Connection, address: Address) -> None:
        self.execute(address, "SET GLOBAL default_storage_engine = MyISAM")
        try:
            for _ in range(2):
                self.write(connection, TWO, write_mode="append", create_if_missing=True)
        finally:
            self.execute(address, "SET GLOBAL default_storage_engine = DEFAULT")
        assert self.rows(address) == 4

    def test_collation_of_the_database_is_kept(self, connection: Connection, address: Address) -> None:
        self.execute(address, f"ALTER DATABASE {address.database} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        self.write(connection, pa.table({"s": ["a", "A"]}), primary_key="s", create_if_missing=True)
        assert "utf8mb4_bin" in self.definition(address)


@ONLY_MYSQL
class TestOnlyMySQL(Replacing):
    @pytest.fixture
    def keys_required(self, address: Address) -> Iterator[None]:
        self.execute(address, "CREATE TABLE target (id INT)", "INSERT INTO target VALUES (9)")
        self.execute(address, "SET GLOBAL sql_require_primary_key = ON")
        yield
        self.execute(address, "SET GLOBAL sql_require_primary_key = DEFAULT")

    @pytest.mark.usefixtures("keys_required")
    def test_server_that_wants_primary_keys(self, connection: Connection, address: Address) -> None:
        ctx = RecordingContext(load_id="load")
        with pytest.raises(DriverConfigError, match="Set primary_key"):
            self.write(connection, TWO, ctx, table="new", create_if_missing=True)
        self.write(connection, TWO, ctx, table="new", create_if_missing=True, primary_key="id")
        for mode in ("upsert", "replace"):
            self.write(connection, TWO, table="new", write_mode=mode, primary_key="id")
            assert self.rows(address, "new") == 2
        self.write(connection, TWO, write_mode="replace")
        assert self.rows(address) == 2
        assert self.tables(address) == ["_osiris_loads", "new", "target"]

    def test_histograms_are_kept(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT)",
            "INSERT INTO target VALUES (1), (2)",
            "ANALYZE TABLE target UPDATE HISTOGRAM ON id",
        )
        self.write(connection, TWO, write_mode="replace")
        query = f"SELECT COUNT(*) FROM information_schema.column_statistics WHERE schema_name = '{address.database}'"
        assert self.execute(address, query) == [(1,)]

    def test_invisible_column_that_needs_a_value(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT, needed INT NOT NULL INVISIBLE)")
        for mode in ("append", "replace"):
            with pytest.raises(DataError, match="lacks required column needed"):
                self.write(connection, TWO, write_mode=mode)
        assert self.rows(address) == 0

    def test_hidden_primary_key(self, connection: Connection, address: Address) -> None:
        self.execute(address, "SET sql_generate_invisible_primary_key = ON", "CREATE TABLE target (id INT)")
        for mode in ("append", "replace"):
            self.write(connection, TWO, write_mode=mode)
        assert self.execute(address, "SELECT id FROM target") == [(1,), (2,)]

    def test_key_that_is_hidden_or_of_an_expression(self, connection: Connection, address: Address) -> None:
        self.execute(
            address,
            "CREATE TABLE target (k INT AUTO_INCREMENT PRIMARY KEY, id INT, n INT, "
            "UNIQUE one (id) INVISIBLE, UNIQUE two ((n + 1)))",
            "INSERT INTO target VALUES (1, 1, 1)",
        )
        data: dict[str, Any] = {"id": [1, 2], "n": [5, 6]}
        self.write(connection, pa.table(data), write_mode="upsert", primary_key="id")
        assert self.execute(address, "SELECT id, n FROM target ORDER BY id") == [(1, 5), (2, 6)]
        with pytest.raises(DataError, match="no primary or unique key of just n"):
            self.write(connection, pa.table(data), write_mode="upsert", primary_key="n")

    def test_partial_revokes(self, user: Connection, address: Address) -> None:
        name = user["user"]
        self.execute(address, "CREATE TABLE target (id INT)", "SET GLOBAL partial_revokes = ON")
        try:
            self.execute(
                address, f"GRANT SELECT, INSERT ON *.* TO {name}", f"REVOKE INSERT ON {address.database}.* FROM {name}"
            )
            with pytest.raises(PermissionDeniedError, match="lacks INSERT"):
                self.write(user, unread())
        finally:
            self.execute(address, f"DROP USER {name}", f"CREATE USER {name}")
            self.execute(address, "SET GLOBAL partial_revokes = OFF")
