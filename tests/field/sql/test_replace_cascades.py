"""A replace deletes the rows of its own table only: what foreign keys would do to other tables is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent

from tests.field.conftest import Execute, PostgresTarget
from tests.servers import PostgresServer
from tests.servers.kinds import MYSQL_AND_MARIADB, ONLY_MYSQL

NEW = pa.table({"id": [1, 2], "v": [10, 20]})
OTHERS = "foreign keys of other tables"
REFER = r"Table target: replace deletes its rows, and other rows refer to them \(.*Nothing was written"


def replace(connection: dict[str, Any], table: str = "target", rows: pa.Table = NEW, **config: Any) -> None:
    step = {"resolved_connection": connection, "table": table, "write_mode": "replace", **config}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=step, inputs={"e": {"data": rows}}, ctx=RecordingContext(load_id="load"))


def create(execute: Execute, rule: str) -> None:
    execute("CREATE TABLE target (id INT PRIMARY KEY, v INT)")
    execute("INSERT INTO target VALUES (1, 1), (7, 7)")
    execute(f"CREATE TABLE child (n INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES target (id) {rule})")


@MYSQL_AND_MARIADB
class TestMySQL:
    @pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
    def test_rows_of_other_tables_stay(self, connection: dict[str, Any], execute: Execute, rule: str) -> None:
        create(execute, rule)
        execute("INSERT INTO child VALUES (1, 1), (2, 7), (3, NULL)")
        execute("COMMIT")
        with pytest.raises(DataError, match=rf"{OTHERS}.*{connection['database']}\.child \({rule}\)") as raised:
            replace(connection)
        assert "Nothing was written" in str(raised.value)
        execute("COMMIT")
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 1), (7, 7))
        assert execute("SELECT * FROM child ORDER BY n") == ((1, 1), (2, 7), (3, None))
        # Rows that refer to none lose nothing.
        execute("UPDATE child SET t = NULL")
        execute("COMMIT")
        replace(connection)
        execute("COMMIT")
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 10), (2, 20))
        assert execute("SELECT * FROM child ORDER BY n") == ((1, None), (2, None), (3, None))

    def test_rows_to_which_others_refer_are_an_error(self, connection: dict[str, Any], execute: Execute) -> None:
        create(execute, "")
        execute("INSERT INTO target VALUES (4711, 7)")
        execute("INSERT INTO child VALUES (1, 4711)")
        execute("COMMIT")
        with pytest.raises(DataError, match=REFER) as raised:
            replace(connection)
        assert_silent("4711", raised.value)
        execute("COMMIT")
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 1), (7, 7), (4711, 7))

    def test_a_view_has_the_rules_of_its_table(self, connection: dict[str, Any], execute: Execute) -> None:
        create(execute, "ON DELETE CASCADE")
        execute("INSERT INTO child VALUES (1, 1)")
        execute("CREATE VIEW inner_view AS SELECT id, v FROM target")
        execute("CREATE VIEW outer_view AS SELECT id, v FROM inner_view")
        execute("COMMIT")
        for view in ("inner_view", "outer_view"):
            with pytest.raises(DataError, match=OTHERS):
                replace(connection, view)
        execute("COMMIT")
        assert execute("SELECT * FROM child") == ((1, 1),)

    def test_rules_of_its_own_rows_change_no_others(self, connection: dict[str, Any], execute: Execute) -> None:
        execute("CREATE TABLE parent (id INT PRIMARY KEY)")
        execute("INSERT INTO parent VALUES (1)")
        execute(
            "CREATE TABLE target (id INT PRIMARY KEY, v INT, p INT, FOREIGN KEY (p) REFERENCES parent (id) "
            "ON DELETE CASCADE, FOREIGN KEY (v) REFERENCES target (id) ON DELETE CASCADE)"
        )
        execute("INSERT INTO target VALUES (1, 1, 1)")
        execute("COMMIT")
        replace(connection, rows=pa.table({"id": [1, 2], "v": [1, 1]}))
        execute("COMMIT")
        assert execute("SELECT COUNT(*) FROM target") == ((2,),)

    @pytest.mark.parametrize("right", ["REFERENCES", "SELECT", "DELETE"])
    def test_a_table_of_which_the_user_may_not_see_all(
        self, connection: dict[str, Any], execute: Execute, right: str
    ) -> None:
        create(execute, "ON DELETE CASCADE")
        execute("INSERT INTO child VALUES (1, 1)")
        name = f"u{connection['database'][-12:]}"
        execute(f"CREATE USER {name} IDENTIFIED BY 's3cr3t'")
        execute(f"GRANT INSERT, DELETE, SELECT ON target TO {name}")
        execute(f"GRANT {right} ON child TO {name}")
        # MariaDB shows the rules of foreign keys to users with rights on the database only.
        rule = r"child \((ON DELETE CASCADE|by a rule that the user may not see)\)"
        step = {**connection, "user": name, "password": "s3cr3t"}
        try:
            with pytest.raises(DataError, match=f"{OTHERS}.*{rule}"):
                replace(step, ledger=False)
        finally:
            execute(f"DROP USER {name}")
        assert execute("SELECT * FROM child") == ((1, 1),)

    @pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
    def test_tables_that_the_user_may_not_see_keep_their_rows(
        self, connection: dict[str, Any], execute: Execute, rule: str
    ) -> None:
        database = connection["database"]
        name, hidden = f"u{database[-12:]}", f"{database}_hidden"
        narrow = {**connection, "user": name, "password": "s3cr3t"}
        execute("CREATE TABLE target (id INT PRIMARY KEY, v INT)")
        execute("INSERT INTO target VALUES (1, 1), (7, 7)")
        execute(f"CREATE DATABASE {hidden}")
        execute(f"CREATE USER {name} IDENTIFIED BY 's3cr3t'")
        execute(f"GRANT INSERT, DELETE ON target TO {name}")
        try:
            execute(f"CREATE TABLE {hidden}.child (t INT, FOREIGN KEY (t) REFERENCES {database}.target (id) {rule})")
            execute(f"INSERT INTO {hidden}.child VALUES (7)")
            with pytest.raises(DataError, match=r"the user may not see may then delete.*REFERENCES.*TRIGGER"):
                replace(narrow, ledger=False)
            assert execute(f"SELECT * FROM {hidden}.child") == ((7,),)
            execute(f"GRANT REFERENCES ON {hidden}.child TO {name}")
            with pytest.raises(DataError, match=rf"{OTHERS}.*{hidden}\.child"):
                replace(narrow, ledger=False)
            assert execute("SELECT * FROM target ORDER BY id") == ((1, 1), (7, 7))
            execute(f"DROP TABLE {hidden}.child")
            replace(narrow, ledger=False)
        finally:
            execute(f"DROP USER {name}")
            execute(f"DROP DATABASE {hidden}")
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 10), (2, 20))

    @pytest.mark.parametrize("view", ["inner_view", "outer_view"])
    def test_nor_do_those_behind_a_view_lose_theirs(
        self, connection: dict[str, Any], execute: Execute, view: str
    ) -> None:
        database = connection["database"]
        name, hidden = f"u{database[-12:]}", f"{database}_hidden"
        narrow = {**connection, "user": name, "password": "s3cr3t"}
        execute(f"CREATE DATABASE {hidden}")
        execute(f"CREATE USER {name} IDENTIFIED BY 's3cr3t'")
        try:
            execute(f"CREATE TABLE {hidden}.base (id INT PRIMARY KEY, v INT)")
            execute(f"INSERT INTO {hidden}.base VALUES (7, 7)")
            execute(f"CREATE TABLE {hidden}.child (t INT, FOREIGN KEY (t) REFERENCES base (id) ON DELETE CASCADE)")
            execute(f"INSERT INTO {hidden}.child VALUES (7)")
            execute(f"CREATE VIEW inner_view AS SELECT * FROM {hidden}.base")
            execute("CREATE VIEW outer_view AS SELECT * FROM inner_view WHERE id NOT IN (SELECT 0 FROM DUAL)")
            execute(f"GRANT SELECT, INSERT, DELETE ON {view} TO {name}")
            with pytest.raises(DataError, match=r"the user may not see may then delete.*REFERENCES.*TRIGGER"):
                replace(narrow, view, ledger=False)
            assert execute(f"SELECT * FROM {hidden}.child") == ((7,),)
            execute("COMMIT")
            execute(f"DROP TABLE {hidden}.child")
            replace(narrow, view, ledger=False)
            assert execute(f"SELECT * FROM {hidden}.base ORDER BY id") == ((1, 10), (2, 20))
        finally:
            close_all()
            execute(f"DROP USER {name}")
            execute(f"DROP DATABASE {hidden}")


class TestTriggers:
    """MariaDB shows that there is a trigger to everyone who sees the table."""

    @ONLY_MYSQL
    def test_triggers_that_may_be_seen_do_what_they_are_for(self, connection: dict[str, Any], execute: Execute) -> None:
        name = f"u{connection['database'][-12:]}"
        narrow = {**connection, "user": name, "password": "s3cr3t"}
        execute("CREATE TABLE target (id INT PRIMARY KEY, v INT)")
        execute("INSERT INTO target VALUES (7, 7)")
        execute("CREATE TABLE gone (id INT)")
        execute("CREATE TRIGGER note BEFORE DELETE ON target FOR EACH ROW INSERT INTO gone VALUES (OLD.id)")
        execute(f"CREATE USER {name} IDENTIFIED BY 's3cr3t'")
        execute(f"GRANT INSERT, DELETE ON target TO {name}")
        try:
            with pytest.raises(DataError, match=r"foreign keys or triggers that the user may not see.*TRIGGER on it"):
                replace(narrow, ledger=False)
            assert execute("SELECT * FROM gone") == ()
            execute(f"GRANT TRIGGER ON target TO {name}")
            replace(narrow, ledger=False)
        finally:
            execute(f"DROP USER {name}")
        assert execute("SELECT * FROM gone") == ((7,),)


class TestPostgres:
    @pytest.mark.parametrize("rule", ["ON DELETE CASCADE", "ON DELETE SET NULL", "ON DELETE SET DEFAULT"])
    def test_rows_of_other_tables_stay(self, postgres_target: PostgresTarget, rule: str) -> None:
        connection, execute = postgres_target
        create(execute, rule)
        execute("INSERT INTO child VALUES (1, 1), (2, 7), (3, NULL)")
        with pytest.raises(DataError, match=rf"{OTHERS}.*child \({rule}, 2 rows\)") as raised:
            replace(connection)
        assert "Nothing was written" in str(raised.value)
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 1), (7, 7))
        assert execute("SELECT * FROM child ORDER BY n") == ((1, 1), (2, 7), (3, None))
        execute("UPDATE child SET t = NULL")
        replace(connection)
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 10), (2, 20))
        assert execute("SELECT * FROM child ORDER BY n") == ((1, None), (2, None), (3, None))

    def test_a_view_and_partitions_have_the_rules_of_their_tables(self, postgres_target: PostgresTarget) -> None:
        connection, execute = postgres_target
        execute("CREATE SCHEMA shop")
        execute("CREATE TABLE target (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id)")
        execute("CREATE TABLE target_1 PARTITION OF target FOR VALUES FROM (0) TO (5)")
        execute("CREATE TABLE target_2 PARTITION OF target FOR VALUES FROM (5) TO (9)")
        execute("INSERT INTO target VALUES (1, 1), (7, 7)")
        execute("CREATE VIEW seen AS SELECT * FROM target")
        execute("CREATE TABLE shop.child (n INT, t INT REFERENCES target ON DELETE CASCADE) PARTITION BY RANGE (n)")
        execute("CREATE TABLE shop.child_1 PARTITION OF shop.child FOR VALUES FROM (0) TO (9)")
        execute("INSERT INTO shop.child VALUES (1, 7)")
        for table in ("target", "seen"):
            with pytest.raises(DataError, match=r"shop\.child_1 \(ON DELETE CASCADE, 1 row"):
                replace(connection, table)
        assert execute("SELECT * FROM shop.child") == ((1, 7),)

    def test_rules_of_its_own_rows_change_no_others(self, postgres_target: PostgresTarget) -> None:
        connection, execute = postgres_target
        execute("CREATE TABLE parent (id INT PRIMARY KEY)")
        execute("INSERT INTO parent VALUES (1)")
        execute(
            "CREATE TABLE target (id INT PRIMARY KEY, v INT REFERENCES target ON DELETE CASCADE, "
            "p INT DEFAULT 1 REFERENCES parent ON DELETE CASCADE) PARTITION BY RANGE (id)"
        )
        execute("CREATE TABLE target_1 PARTITION OF target FOR VALUES FROM (0) TO (2)")
        execute("CREATE TABLE target_2 PARTITION OF target FOR VALUES FROM (2) TO (9)")
        rows = pa.table({"id": [1, 2], "v": [1, 1]})
        for _ in range(2):
            replace(connection, rows=rows)
            assert execute("SELECT * FROM target ORDER BY id") == ((1, 1, 1), (2, 1, 1))

    def test_tables_that_inherit_keep_their_rows(self, postgres_target: PostgresTarget) -> None:
        connection, execute = postgres_target
        execute("CREATE TABLE target (id INT PRIMARY KEY, v INT)")
        execute("CREATE TABLE more (note TEXT) INHERITS (target)")
        execute("INSERT INTO more VALUES (1, 1, 'only here')")
        with pytest.raises(DataError, match=r"tables that inherit from it.*more \(1 row"):
            replace(connection)
        assert execute("SELECT * FROM more") == ((1, 1, "only here"),)
        execute("DELETE FROM more")
        execute("CREATE TABLE same () INHERITS (target)")
        execute("INSERT INTO same VALUES (1, 1)")
        replace(connection)
        assert execute("SELECT * FROM target ORDER BY id") == ((1, 10), (2, 20))

    def test_a_server_that_counts_no_rows_is_asked_for_its_rules(
        self, postgres_target: PostgresTarget, postgres: PostgresServer
    ) -> None:
        connection, execute = postgres_target
        create(execute, "ON DELETE CASCADE")
        execute("INSERT INTO child VALUES (1, 1)")
        with closing(postgres.connect()) as admin, admin.cursor() as cursor:
            admin.autocommit = True
            cursor.execute(f"ALTER DATABASE {connection['database']} SET track_counts = off")
        with pytest.raises(DataError, match=rf"{OTHERS}.*child \(ON DELETE CASCADE\)"):
            replace(connection)
        assert execute("SELECT * FROM child") == ((1, 1),)


class TestDuckDB:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Iterator[Path]:
        yield tmp_path / "shop.duckdb"
        close_all()

    def test_there_are_no_such_rules_and_rows_that_refer_are_an_error(self, path: Path) -> None:
        with closing(duckdb.connect(str(path))) as client:
            client.execute("CREATE TABLE t (id INT PRIMARY KEY)")
            for rule in ("CASCADE", "SET NULL", "SET DEFAULT"):
                with pytest.raises(duckdb.Error, match="CASCADE"):
                    client.execute(f"CREATE TABLE c (t INT REFERENCES t (id) ON DELETE {rule})")
            client.execute("CREATE TABLE target (id INT PRIMARY KEY, v INT)")
            client.execute("INSERT INTO target VALUES (1, 1), (4711, 7)")
            client.execute("CREATE TABLE child (n INT, t INT REFERENCES target (id))")
            client.execute("INSERT INTO child VALUES (1, 4711)")
        with pytest.raises(DataError, match=REFER) as raised:
            replace({"family": "duckdb", "alias": "test", "path": str(path)})
        assert_silent("4711", raised.value)
        close_all()
        with closing(duckdb.connect(str(path))) as client:
            assert client.execute("SELECT * FROM target ORDER BY id").fetchall() == [(1, 1), (4711, 7)]
            assert client.execute("SELECT * FROM child").fetchall() == [(1, 4711)]
