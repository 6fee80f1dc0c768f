"""PostgreSQL: what constraints and triggers would do at the commit is known before, and said."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest
from osiris_provider.errors import DataError
from osiris_provider.testing.secrecy import assert_silent

from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address

MODES = ["append", "replace", "upsert"]
LATE = "DEFERRABLE INITIALLY DEFERRED"
ROWS = pa.table({"id": [1, 2], "v": [4711, 4711]})


class TestPostgres(PostgresFamily):
    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(
        ("rule", "said"),
        [
            (f"CONSTRAINT own REFERENCES parent {LATE}", "it breaks constraint own"),
            (f"CONSTRAINT own UNIQUE {LATE}", r"duplicate key, .* \(constraint own\)"),
        ],
    )
    def test_a_broken_constraint_is_named_and_no_value(
        self, connection: Connection, address: Address, mode: str, rule: str, said: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE parent (id INT PRIMARY KEY)",
            f"CREATE TABLE target (id INT PRIMARY KEY, v INT {rule})",
        )
        with pytest.raises(
            DataError, match=f"Table target: a row of table target: {said}.*Nothing was written"
        ) as raised:
            self.write(connection, ROWS, write_mode=mode, primary_key="id")
        assert_silent("4711", raised.value)
        assert self.rows(address) == 0

    @pytest.mark.parametrize("mode", MODES)
    def test_rows_may_refer_to_rows_of_later_batches(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(address, f"CREATE TABLE target (id INT PRIMARY KEY, v INT REFERENCES target {LATE})")
        data = pa.table({"id": [1, 2, 3], "v": [3, 1, None]})
        with caplog.at_level(logging.WARNING):
            for _ in range(1 if mode == "append" else 2):
                self.write(connection, data, write_mode=mode, primary_key="id", batch_rows=1)
        assert self.rows(address) == 3
        assert caplog.text == ""

    @pytest.mark.parametrize("mode", MODES)
    def test_a_trigger_at_the_end_may_insert_a_row_before_the_one_that_it_refers_to(
        self, connection: Connection, address: Address, mode: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
            "CREATE TABLE parent (id INT PRIMARY KEY)",
            f"CREATE TABLE child (parent INT REFERENCES parent {LATE})",
            """CREATE FUNCTION add() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN INSERT INTO child VALUES (NEW.id); INSERT INTO parent VALUES (NEW.id); RETURN NULL; END $$""",
            f"CREATE CONSTRAINT TRIGGER add AFTER INSERT ON target {LATE} FOR EACH ROW EXECUTE FUNCTION add()",
        )
        self.write(connection, ROWS, write_mode=mode, primary_key="id")
        assert self.execute(address, "SELECT t.id FROM target t JOIN child ON t.id = parent ORDER BY 1") == [(1,), (2,)]

    @pytest.mark.parametrize("late", ["", LATE])
    def test_rows_of_others_may_refer_to_those_that_come_again(
        self, connection: Connection, address: Address, late: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
            "INSERT INTO target VALUES (4711, 1)",
            f"CREATE TABLE child (t INT CONSTRAINT refers REFERENCES target {late})",
            "INSERT INTO child VALUES (4711)",
        )
        said = "a row of table child: it breaks" if late else r"other rows refer to them \("
        with pytest.raises(DataError, match=f"{said}.*constraint refers.*Nothing was written") as raised:
            self.write(connection, ROWS, write_mode="replace")
        assert_silent("4711", raised.value)
        if late:
            self.write(connection, pa.table({"id": [4711, 2]}), write_mode="replace")
        assert self.execute(address, "SELECT id FROM target ORDER BY id") == ([(2,), (4711,)] if late else [(4711,)])

    @pytest.mark.parametrize("mode", MODES)
    def test_rows_that_a_trigger_deletes_at_the_end_are_said(
        self, connection: Connection, address: Address, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
            """CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN DELETE FROM target WHERE id = NEW.id AND v < 0; RETURN NULL; END $$""",
            f"CREATE CONSTRAINT TRIGGER drop_it AFTER INSERT ON target {LATE} FOR EACH ROW EXECUTE FUNCTION drop_it()",
        )
        with caplog.at_level(logging.WARNING):
            self.write(connection, pa.table({"id": [1, 2], "v": [1, -1]}), write_mode=mode, primary_key="id")
        said = "did not keep 1 of the rows" if mode == "upsert" else "1 rows of table target were deleted by a trigger"
        assert said in caplog.text
        assert self.execute(address, "SELECT id FROM target") == [(1,)]

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("late", ["", LATE])
    def test_a_row_that_a_trigger_refuses_is_none_that_the_step_does_not_know(
        self, connection: Connection, address: Address, mode: str, late: str
    ) -> None:
        self.execute(
            address,
            "CREATE TABLE target (id INT PRIMARY KEY, v INT)",
            """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
               BEGIN IF NEW.v < 0 THEN RAISE EXCEPTION 'not %', NEW.v; END IF; RETURN NULL; END $$""",
            f"CREATE {late and 'CONSTRAINT'} TRIGGER refuse AFTER INSERT ON target {late} FOR EACH ROW "
            "EXECUTE FUNCTION refuse()",
        )
        with pytest.raises(DataError, match=r"Table target: .*SQLSTATE P0001.*Nothing was written") as raised:
            self.write(connection, pa.table({"id": [1, 2], "v": [1, -77]}), write_mode=mode, primary_key="id")
        assert "77" not in str(raised.value)
        assert self.rows(address) == 0
