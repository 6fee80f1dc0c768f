"""PostgreSQL: rows that triggers, rules and policies leave out are said; other encodings are converted or refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.errors import DataError, OsirisError, PermissionDeniedError

from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address

LEFT_OUT = "table target did not keep {} of the rows: a trigger or rule of the table has left them out"
HIDDEN = "only the rows that policies of row-level security show"


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

    DELETING = (
        """CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN IF NEW.v < 0 THEN DELETE FROM target WHERE id = NEW.id; END IF; RETURN NULL; END $$""",
        "CREATE TRIGGER drop_it AFTER INSERT ON target FOR EACH ROW EXECUTE FUNCTION drop_it()",
    )

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_rows_that_a_trigger_deletes_after_they_were_written_are_counted_and_said(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY, v INT)", *self.DELETING)
        self.execute(address, "INSERT INTO target VALUES (9, 9), (8, 8)")
        data = pa.table({"id": [1, 2, 3], "v": [1, -1, -2]})
        with caplog.at_level(logging.WARNING):
            self.write(connection, data, write_mode=mode, primary_key="id", batch_rows=2)
        said = LEFT_OUT.format(2) if mode == "upsert" else "2 rows of table target were deleted by a trigger"
        assert f"Step load: {said}" in caplog.text
        assert self.execute(address, "SELECT id FROM target WHERE id < 5") == [(1,)]

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_rows_that_a_trigger_moves_to_another_partition_are_not_lost(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id)",
            "CREATE TABLE low PARTITION OF target FOR VALUES FROM (0) TO (10)",
            "CREATE TABLE high PARTITION OF target FOR VALUES FROM (10) TO (20)",
            """CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN UPDATE target SET id = id + 10 WHERE id = NEW.id AND v < 0; RETURN NULL; END $$""",
            "CREATE TRIGGER move AFTER INSERT ON low FOR EACH ROW EXECUTE FUNCTION move()",
            "INSERT INTO target VALUES (9, 9)",
        )
        with caplog.at_level(logging.WARNING):
            self.write(
                connection, pa.table({"id": [1, 2], "v": [1, -1]}), write_mode=mode, primary_key="id", batch_rows=2
            )
        assert "deleted by a trigger" not in caplog.text
        assert self.execute(address, "SELECT id FROM target WHERE id <> 9 ORDER BY id") == [(1,), (12,)]

    @pytest.mark.parametrize("mode", ["append", "replace"])
    def test_rows_that_the_trigger_of_a_view_leaves_out_are_counted_and_said(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE base (id INT PRIMARY KEY, v INT)",
            "CREATE VIEW target AS SELECT * FROM base",
            """CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.v < 0 THEN RETURN NULL; END IF; INSERT INTO base VALUES (NEW.*); RETURN NEW; END $$""",
            "CREATE TRIGGER pass INSTEAD OF INSERT ON target FOR EACH ROW EXECUTE FUNCTION pass()",
        )
        with caplog.at_level(logging.WARNING):
            self.write(connection, pa.table({"id": [1, 2, 3], "v": [1, -1, -2]}), write_mode=mode, batch_rows=2)
        assert f"Step load: {LEFT_OUT.format(2)}" in caplog.text
        assert self.execute(address, "SELECT id FROM base") == [(1,)]

    def test_a_view_is_written_to_and_a_row_that_it_does_not_take_is_named(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE base (id INT PRIMARY KEY, v NUMERIC(3, 1))",
            "CREATE VIEW target AS SELECT * FROM base WHERE id > 0 WITH CHECK OPTION",
        )
        with caplog.at_level(logging.WARNING):
            self.write(connection, pa.table({"id": [1, 2], "v": [0.5, None]}))
        assert caplog.text == ""
        for data, said in (
            ({"id": [3, -1]}, "row 2 of the input"),
            ({"id": [3, 4, 1]}, "row 3 of the input"),
            ({"id": [3], "v": [0.25]}, "column v, row 1 of the input"),
        ):
            with pytest.raises(DataError, match=f"target: .*{said}.*Nothing was written"):
                self.write(connection, pa.table(data))
        assert self.execute(address, "SELECT * FROM base ORDER BY id") == [(1, Decimal("0.5")), (2, None)]

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
        with caplog.at_level(logging.WARNING):
            for keys in ({"id": [1, 2]}, {"id": [1, 2], "v": [None, 5]}, {"id": [1, 2], "v": [None, 5]}):
                self.write(connection, pa.table(keys), write_mode="upsert", primary_key="id")
        assert self.execute(address, "SELECT * FROM target ORDER BY id") == [(1, None), (2, 5)]
        assert caplog.text == ""

    def test_rows_that_are_not_updated_are_said(
        self, connection: Connection, address: Address, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT, j JSON)",
            "INSERT INTO target VALUES (1, 1), (2, 2)",
            """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN IF OLD.v = 1 THEN RETURN NULL; END IF; RETURN NEW; END $$""",
            "CREATE TRIGGER keep BEFORE UPDATE ON target FOR EACH ROW EXECUTE FUNCTION keep()",
        )
        data = pa.table({"id": [1, 2, 3], "v": [7, 8, 9], "j": ["{}"] * 3})
        with caplog.at_level(logging.WARNING):
            self.write(connection, data, write_mode="upsert", primary_key="id")
        assert "Step load: 1 rows of table target are not as they were sent: a trigger or rule" in caplog.text
        assert self.execute(address, "SELECT id, v FROM target ORDER BY id") == [(1, 1), (2, 8), (3, 9)]

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("SELECT 1 AS a; SELECT 2 AS a", True),
            ("INSERT INTO target VALUES (1) RETURNING 1; SELECT 2 AS a;", True),
            ("SET LOCAL work_mem = '4MB'; SELECT 2 AS a", False),
            ("SELECT 2 AS a, '; SELECT 1;' AS b, $x$; SELECT 1;$x$ AS c -- ; SELECT 1;", False),
        ],
    )
    def test_rows_of_statements_before_the_last_are_said(
        self, connection: Connection, address: Address, query: str, said: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, "CREATE TABLE target (id INT)")
        with caplog.at_level(logging.WARNING):
            assert self.extract(connection, query)["a"].to_pylist() == [2]
        assert ("only the rows of the last one are read" in caplog.text) is said

    KEEPING = (
        (
            """CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN IF OLD.id = 1 THEN RETURN NULL; END IF; RETURN OLD; END $$""",
            "CREATE TRIGGER keep BEFORE DELETE ON {} FOR EACH ROW EXECUTE FUNCTION keep()",
        ),
        ("CREATE RULE keep AS ON DELETE TO {} WHERE OLD.id = 1 DO INSTEAD NOTHING",),
    )

    @pytest.mark.parametrize("statements", KEEPING, ids=["trigger", "rule"])
    def test_rows_that_stay_are_no_replace(
        self, connection: Connection, address: Address, statements: tuple[str, ...]
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT)",
            "INSERT INTO target VALUES (1), (2)",
            *(statement.format("target") for statement in statements),
        )
        with pytest.raises(DataError, match=r"keeps rows that replace deletes.*Nothing was written"):
            self.write(connection, pa.table({"id": [3]}), write_mode="replace")
        assert self.execute(address, "SELECT id FROM target ORDER BY id") == [(1,), (2,)]
        self.execute(address, "UPDATE target SET id = 5 WHERE id = 1")
        self.write(connection, pa.table({"id": [3]}), write_mode="replace")
        assert self.execute(address, "SELECT id FROM target") == [(3,)]

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

    @contextmanager
    def encoded(self, connection: Connection, address: Address, encoding: str) -> Iterator[Connection]:
        """Lend a database with another encoding, and a table of 20,002 rows whose last one has the byte E9."""
        name = f"{address.database}_encoded"
        with closing(self.server.connect()) as admin, admin.cursor() as cursor:
            admin.autocommit = True
            cursor.execute(
                f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' "
                f"OWNER {address.user}"
            )
            self.execute(
                replace(address, database=name),
                "SET client_encoding = 'LATIN1'",
                "CREATE TABLE target AS SELECT n AS id, 'x'::text AS v FROM generate_series(1, 20001) n",
                "INSERT INTO target VALUES (20002, E'\\xE9')",
            )
            yield {**connection, "database": name}
            close_all()
            cursor.execute(f"DROP DATABASE {name}")

    def test_a_text_without_an_encoding_names_its_row(self, connection: Connection, address: Address) -> None:
        with self.encoded(connection, address, "SQL_ASCII") as there:
            for engine, rows in (("copy", "row 20,002"), ("cursor", "rows 16,385 to 24,576")):
                with pytest.raises(
                    DataError, match=rf"Step extract: The server .* in {rows} of the result .*convert_to"
                ):
                    self.reader(there, table="target", engine=engine).read_all()
            query = "SELECT convert_to(v, 'SQL_ASCII') AS v FROM target WHERE id > 20000"
            assert self.extract(there, query)["v"].to_pylist() == [b"x", b"\xe9"]

    def test_a_text_of_another_encoding_is_converted_or_refused(self, connection: Connection, address: Address) -> None:
        with self.encoded(connection, address, "LATIN1") as there:
            for engine in ("copy", "cursor"):
                assert self.reader(there, table="target", engine=engine).read_all()["v"].to_pylist()[-2:] == ["x", "é"]
            with pytest.raises(DataError, match="target: column v, row 2 of the input"):
                self.write(there, pa.table({"v": ["é", "😀"]}))
            self.write(there, pa.table({"v": ["é"]}), write_mode="replace")
            assert self.reader(there, table="target").read_all()["v"].to_pylist() == ["é"]

    @pytest.mark.parametrize("also", [{}, {"u": [None]}], ids=["binary", "text"])
    def test_numbers_of_many_digits_and_zeros_stay(
        self, connection: Connection, address: Address, also: dict[str, Any]
    ) -> None:
        texts = ["5000000000.000001", "-1000000000.5", "1000000000000000000.000000001", "0.000067", "0", "10000"]
        numbers = [Decimal(text) for text in texts]
        self.execute(address, "CREATE TABLE target (u UUID, w NUMERIC, v NUMERIC(38, 9))")
        column = pa.array(numbers, pa.decimal128(38, 9))
        more = {name: pa.array(value * len(numbers), pa.string()) for name, value in also.items()}
        self.write(connection, pa.table({"v": column, "w": column, **more}))
        for name in ("v", "w"):
            stored = self.execute(address, f"SELECT {name}::text FROM target")
            assert [Decimal(text) for (text,) in stored] == numbers
        assert self.reader(connection, table="target").read_all()["v"].to_pylist() == numbers
