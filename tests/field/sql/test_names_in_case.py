"""Names that differ in case only are named both, where a server takes them for one; none shadows another."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.drivers.mysql.writer import MySQLWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address, MariaDBServer
from tests.servers.kinds import MYSQL_AND_MARIADB

TWO = pa.table({"Id": [1], "id": [2]})
UPSERT: dict[str, Any] = {"write_mode": "upsert", "primary_key": "id"}
RESERVED = "an upsert needs the name _Osiris_Row for a column of its own"


@MYSQL_AND_MARIADB
class TestMySQL(MySQLFamily):
    @pytest.mark.parametrize("config", [{}, {"create_if_missing": True}, UPSERT])
    def test_both_columns_are_named(self, connection: Connection, address: Address, config: dict[str, Any]) -> None:
        if not config.get("create_if_missing"):
            self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY)")
        with pytest.raises(DataError, match="columns Id and id of the input differ only in case, which MySQL"):
            self.write(connection, TWO, **config)

    def test_a_column_of_the_table_in_another_case_is_named(self, connection: Connection, address: Address) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY)")
        rows = pa.table({"ID": [1]})
        with pytest.raises(DataError, match=r"no column ID \(there is id\)"):
            self.write(connection, rows)
        with pytest.raises(DataError, match=r"lacks key column id \(there is ID\)"):
            self.write(connection, rows, **UPSERT)

    def test_a_column_with_the_name_of_the_writers_own_keeps_its_values(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY, _Osiris_Row INT)")
        rows = pa.table({"id": [5], "_Osiris_Row": [77]})
        with pytest.raises(DataError, match=RESERVED):
            self.write(connection, rows, **UPSERT)
        self.write(connection, rows)
        assert self.execute(address, "SELECT * FROM target") == [(5, 77)]


class TestPostgres(PostgresFamily):
    def test_columns_of_postgres_do_not_shadow_each_other_in_duckdb(
        self, connection: Connection, address: Address, tmp_path: Path
    ) -> None:
        self.write(connection, TWO, create_if_missing=True)
        assert self.execute(address, 'SELECT "Id", "id" FROM target') == [(1, 2)]
        read = self.extract(connection, "SELECT * FROM target")
        with pytest.raises(DataError, match="columns Id and id of the input differ only in case, which DuckDB"):
            write(str(tmp_path / "x.duckdb"), read, create_if_missing=True)

    def test_a_column_with_the_name_of_the_writers_own_is_refused(
        self, connection: Connection, address: Address
    ) -> None:
        self.execute(address, 'CREATE TABLE target (id INT PRIMARY KEY, "_Osiris_Row" INT)')
        with pytest.raises(DataError, match=RESERVED):
            self.write(connection, pa.table({"id": [5], "_Osiris_Row": [77]}), **UPSERT)


def write(path: str, rows: pa.Table, **config: Any) -> None:
    step = {"resolved_connection": {"family": "duckdb", "path": path}, "table": "target", **config}
    DuckDBWriter().run(step_id="load", config=step, inputs={"e": {"data": rows}}, ctx=RecordingContext())
    close_all()


def test_a_key_of_duckdb_may_be_spelt_in_another_case(tmp_path: Path) -> None:
    path = str(tmp_path / "x.duckdb")
    with closing(duckdb.connect(path)) as client:
        client.execute("CREATE TABLE target (Id INT PRIMARY KEY, V INT, w INT)")
        client.execute("INSERT INTO target VALUES (1, 1, 1), (2, 2, 2)")
    rows = pa.table({"v": [7, None], "ID": [1, 3]})
    write(path, rows, write_mode="upsert", primary_key="ID")
    with closing(duckdb.connect(path)) as client:
        assert client.execute("FROM target ORDER BY 1").fetchall() == [(1, 7, 1), (2, 2, 2), (3, None, None)]
    with pytest.raises(DataError, match="column ID: rows 1 and 2 of the input have the same key"):
        write(path, pa.table({"ID": [8, 8]}))
    with pytest.raises(DataError, match="column ID, row 2 of the input: duplicate key, in the table"):
        write(path, pa.table({"ID": [8, 1]}))
    with pytest.raises(DataError, match=RESERVED):
        write(path, pa.table({"ID": [1], "_Osiris_Row": [2]}), write_mode="upsert", primary_key="ID")


def test_rights_on_a_table_count_in_any_case_where_the_server_folds_names() -> None:
    with MariaDBServer(("--lower-case-table-names=1",)) as server, closing(server.connect()) as client:
        server.create_database("osiris_folds")
        connection = {"family": "mysql", "alias": "test", **asdict(server.app_on("osiris_folds"))}
        narrow = {**connection, "user": "narrow", "password": "s3cr3t"}
        with client.cursor() as cursor:
            cursor.execute("CREATE TABLE osiris_folds.Target (id INT)")
            cursor.execute("CREATE USER narrow IDENTIFIED BY 's3cr3t'")
            cursor.execute("GRANT INSERT ON osiris_folds.target TO narrow")
            for table in ("TARGET", "Osiris_Folds.target"):
                step = {"resolved_connection": narrow, "table": table}
                inputs = {"e": {"data": pa.table({"id": [1]})}}
                MySQLWriter().run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())
            cursor.execute("SELECT * FROM osiris_folds.target")
            assert cursor.fetchall() == ((1,), (1,))
        close_all()
