"""What the writers of all SQL families do, asked of a real server."""

from __future__ import annotations

import datetime as dt
import re
from abc import abstractmethod
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.testing.context import RecordingContext

from tests.integration.sql.families import Connection

KEYED = "CREATE TABLE target (id INT NOT NULL PRIMARY KEY, s VARCHAR(5))"
WIDE = (
    "CREATE TABLE target (id INT NOT NULL PRIMARY KEY, needed VARCHAR(9) NOT NULL, d DATE, n INT, other INT UNIQUE,"
    " m DECIMAL(6, 2))"
)


class WriterTests:
    """What the writers have in common; a family says how to reach it.

    :cvar limits_text: whether its texts have a length.
    """

    limits_text: ClassVar[bool] = True

    @abstractmethod
    def write(self, connection: Connection, data: Any, ctx: RecordingContext | None = None, **config: Any) -> Any:
        """Run the writer on table ``target``."""

    @abstractmethod
    def run(self, connection: Connection, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements by other means than the driver and return the rows of the last."""

    def content(self, connection: Connection) -> list[tuple[Any, ...]]:
        return sorted(self.run(connection, "SELECT * FROM target"))

    def test_batches_that_are_written_are_let_go(self, connection: Connection) -> None:
        self.run(connection, "CREATE TABLE target (n BIGINT)")
        allocated = []

        def chunks() -> Iterator[pa.Table]:
            for _ in range(40):
                allocated.append(pa.total_allocated_bytes())
                yield pa.table({"n": pa.array(range(10_000), pa.int64())})

        self.write(connection, chunks(), batch_rows=10_000)
        assert max(allocated) - allocated[0] < 10 * 80_000, "all of them take 40 times 80,000 bytes"

    def test_upsert_updates_and_adds(self, connection: Connection) -> None:
        self.run(connection, KEYED, "INSERT INTO target VALUES (1, 'old'), (2, 'kept')")
        data = pa.table({"s": ["new", None], "id": [1, 3]})
        written = self.write(connection, data, write_mode="upsert", primary_key="id")
        assert written == {"rows_written": 2}
        assert self.content(connection) == [(1, "new"), (2, "kept"), (3, None)]

    def test_upsert_keeps_columns_that_the_input_lacks(self, connection: Connection) -> None:
        self.run(connection, KEYED, "INSERT INTO target VALUES (1, 'kept')")
        self.write(connection, pa.table({"id": [1, 2]}), write_mode="upsert", primary_key=["id"])
        assert self.content(connection) == [(1, "kept"), (2, None)]

    def test_upsert_by_several_columns_creates_its_key(self, connection: Connection) -> None:
        keys: dict[str, Any] = {"write_mode": "upsert", "primary_key": ["a", "b"], "create_if_missing": True}
        self.write(connection, pa.table({"a": [1, 1], "b": ["x", "y"], "n": [1, 2]}), **keys)
        self.write(connection, pa.table({"a": [1, 2], "b": ["y", "y"], "n": [3, 4]}), **keys)
        assert self.content(connection) == [(1, "x", 1), (1, "y", 3), (2, "y", 4)]

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_tables_of_the_writers_are_not_written_to(self, mode: str, connection: Connection) -> None:
        for table in ("_osiris_loads", "Main._Osiris_stage"):
            with pytest.raises(DriverConfigError, match="table: names that begin with _osiris_ belong to the writers"):
                self.write(connection, pa.table({"id": [1]}), write_mode=mode, primary_key="id", table=table)

    def test_upsert_needs_a_key(self, connection: Connection) -> None:
        with pytest.raises(DriverConfigError, match="primary_key"):
            self.write(connection, pa.table({"id": [1]}), write_mode="upsert")
        with pytest.raises(DataError, match="lacks key column id"):
            self.write(connection, pa.table({"n": [1]}), write_mode="upsert", primary_key="id")
        self.run(connection, "CREATE TABLE target (id INT)")
        with pytest.raises(DataError, match="no primary or unique key of just id"):
            self.write(connection, pa.table({"id": [1]}), write_mode="upsert", primary_key="id")

    @pytest.mark.parametrize("batch_rows", [1, 100])
    def test_same_key_twice_in_an_upsert_is_an_error(self, connection: Connection, batch_rows: int) -> None:
        self.run(connection, KEYED)
        data = pa.table({"id": [7, 8, 9, 8], "s": ["a", "b", "c", "d"]})
        with pytest.raises(DataError, match=r"column id: rows 2 and 4 of the input have the same key") as raised:
            self.write(connection, data, write_mode="upsert", primary_key="id", batch_rows=batch_rows)
        assert raised.value.row == 4
        assert self.content(connection) == []

    def test_an_error_says_what_it_is_about(self, connection: Connection) -> None:
        def about(values: dict[str, list[Any]], **config: Any) -> tuple[str | None, str | None, int | None]:
            with pytest.raises(OsirisError) as raised:
                self.write(connection, pa.table(values), **config)
            error = raised.value
            assert error.step == "load"
            # Through the DSN of Supabase it has its schema before it.
            return error.table and error.table.removeprefix("public."), error.column, error.row

        assert about({"id": [2]}) == ("target", None, None)
        self.run(connection, KEYED, "INSERT INTO target VALUES (1, 'a')")
        assert about({"id": [2, None]}) == ("target", "id", 2)
        assert about({"id": [2, 1]}) == ("target", "id", 2)
        assert about({"id": [2, 3, 2]}, write_mode="upsert", primary_key="id") == ("target", "id", 3)
        assert about({"id": [2, 2**40]}) == ("target", "id", 2)
        assert about({"nothing": [1]}) == ("target", None, None)
        assert self.content(connection) == [(1, "a")]

    def test_a_struct_with_a_field_twice_is_refused(self, connection: Connection) -> None:
        duplicated = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
        for column in (duplicated, pa.ListArray.from_arrays([0, 1], duplicated)):
            with pytest.raises(DataError, match="Step load: column s has a struct with several fields named a"):
                self.write(connection, pa.table({"s": column}), create_if_missing=True)

    @pytest.mark.parametrize("mode", ["append", "replace"])
    @pytest.mark.parametrize("create", [False, True])
    def test_same_key_twice_is_an_error(self, connection: Connection, mode: str, create: bool) -> None:
        if not create:
            self.run(connection, KEYED)
        data = pa.table({"id": [7, 8, 9, 8], "s": ["a", "s3cr3t"[:5], "c", "d"]})
        with pytest.raises(DataError, match=r"Step load: .*\b4 of the input.*\bkey\b"):
            self.write(connection, data, write_mode=mode, primary_key="id", create_if_missing=create)
        if not create:
            assert self.content(connection) == []

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"id": [1, 2, None]}, r"column id, row 3 of the input: it is null"),
            ({"id": [1, 2], "s": ["fits", "does not"]}, r"column s, row 2 of the input: .*5 characters"),
            ({"id": [1, 2**31]}, r"column id, row 2 of the input: .*too large"),
            ({"id": ["1", "many"]}, r"column id, row 2 of the input: .*not a whole number"),
            ({"id": [1.0, 1.5]}, r"column id, row 2 of the input: .*not whole"),
            ({"id": [1], "z": [1]}, r"no column z"),
            ({"s": ["a"]}, r"(required|key) column id"),
        ],
    )
    def test_misfits_are_named_and_nothing_is_written(
        self, connection: Connection, mode: str, data: dict[str, list[Any]], said: str
    ) -> None:
        if "characters" in said and not self.limits_text:
            return
        self.run(connection, KEYED, "INSERT INTO target VALUES (5, 'there')")
        with pytest.raises(DataError, match=f"Step load: .*{said}"):
            self.write(connection, pa.table(data), write_mode=mode, primary_key="id", batch_rows=2)
        assert self.content(connection) == [(5, "there")]

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"d": ["2024-01-01", "s3cr3t"]}, r"column d\b.*row 2 of the input"),
            ({"d": [b"2024-01-01", b"s3cr3t"]}, r"column d\b"),
            ({"d": [1, 2]}, r"column d\b"),
            ({"n": [b"\x00", b"s3cr3t"]}, r"column n\b"),
            ({"n": [dt.date(2024, 1, 1), None]}, r"column n\b"),
            ({"n": [[1], [2]]}, r"column n\b"),
            ({"needed": ["a", None]}, r"column needed, row 2 of the input: it is null"),
            ({"other": [7, 7]}, r"(column other.*rows? (2|1 and 2)\b|rows? .*\bkey\b)"),
            ({"m": [Decimal("1.5"), Decimal("99999.5")]}, r"column m, row 2 of the input: .*out of range"),
        ],
    )
    def test_clashes_of_types_and_rules_are_named_but_no_value_is(
        self, connection: Connection, mode: str, data: dict[str, list[Any]], said: str
    ) -> None:
        self.run(connection, WIDE, "INSERT INTO target (id, needed) VALUES (5, 'there')")
        rows = {"id": [1, 2], "needed": ["a", "b"], **data}
        with pytest.raises(DataError, match=rf"Step load: .*[Tt]able (public\.)?target: .*{said}") as raised:
            self.write(connection, pa.table(rows), write_mode=mode, primary_key="id")
        assert "s3cr3t" not in str(raised.value)
        assert "othing was written" in str(raised.value)
        assert self.run(connection, "SELECT id, needed FROM target") == [(5, "there")]

    def test_columns_missing_on_both_sides_are_all_named(self, connection: Connection) -> None:
        self.run(connection, WIDE)
        with pytest.raises(DataError, match=r"no column y, z;.*required column needed\b"):
            self.write(connection, pa.table({"id": [1], "y": [1], "z": [1]}))

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_retry_of_an_ended_load_writes_nothing(self, connection: Connection, mode: str) -> None:
        self.run(connection, KEYED)
        ctx = RecordingContext(load_id='["dag", "run ✓", "task", -1]')
        config = {"write_mode": mode, "primary_key": "id"}
        first = self.write(connection, pa.table({"id": [1, 2]}), ctx, **config)
        self.run(connection, "INSERT INTO target VALUES (3, 'later')")
        again = self.write(connection, pa.table({"id": [1, 2]}), ctx, **config)
        assert first == again == {"rows_written": 2}
        assert self.content(connection) == [(1, None), (2, None), (3, "later")]
        other = RecordingContext(load_id="other")
        self.write(connection, pa.table({"id": [9]}), other, write_mode="replace")
        assert self.content(connection) == [(9, None)]
        recorded = self.run(connection, "SELECT load_id, target, state, rows_written FROM _osiris_loads ORDER BY 4")
        assert recorded == [("other", "target", "done", 1), (ctx.load_id, "target", "done", 2)]

    @pytest.mark.parametrize(("mode", "actual"), [("append", [1]), ("replace", [2]), ("upsert", [1, 2])])
    def test_cleared_task_loads_anew_unless_that_would_double_rows(
        self, connection: Connection, caplog: pytest.LogCaptureFixture, mode: str, actual: list[int]
    ) -> None:
        self.run(connection, KEYED)
        config = {"write_mode": mode, "primary_key": "id"}
        for number, cleared_at in ((1, 0), (2, 1), (3, 1)):
            ctx = RecordingContext(load_id="load", cleared_at=cleared_at)
            self.write(connection, pa.table({"id": [number]}), ctx, **config)
        assert [number for number, _ in self.content(connection)] == actual
        key = re.search(r"DELETE FROM \S*_osiris_loads\S WHERE load_key = '\w+'", caplog.text)
        assert key
        self.run(connection, key[0])
        self.write(connection, pa.table({"id": [3]}), ctx, **config)
        assert self.content(connection)[-1] == (3, None)

    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_created_table_is_in_the_ledger_too(self, connection: Connection, mode: str) -> None:
        ctx = RecordingContext(load_id="first")
        config = {"write_mode": mode, "primary_key": "id", "create_if_missing": True}
        for _ in range(2):
            assert self.write(connection, pa.table({"id": [1, 2]}), ctx, **config) == {"rows_written": 2}
        assert self.content(connection) == [(1,), (2,)]

    def test_failed_load_may_be_tried_again(self, connection: Connection) -> None:
        self.run(connection, KEYED)
        ctx = RecordingContext(load_id="load")
        with pytest.raises(DataError):
            self.write(connection, pa.table({"id": [1, None]}), ctx)
        assert self.write(connection, pa.table({"id": [1, 2]}), ctx) == {"rows_written": 2}
        assert self.content(connection) == [(1, None), (2, None)]

    def test_ledger_can_be_turned_off(self, connection: Connection) -> None:
        self.run(connection, "CREATE TABLE target (id INT)")
        ctx = RecordingContext(load_id="load")
        for _ in range(2):
            self.write(connection, pa.table({"id": [1]}), ctx, ledger=False)
        assert self.content(connection) == [(1,), (1,)]

    def test_old_loads_are_forgotten(self, connection: Connection) -> None:
        self.run(connection, "CREATE TABLE target (id INT)")
        self.write(connection, pa.table({"id": [1]}), RecordingContext(load_id="old"))
        self.run(connection, "UPDATE _osiris_loads SET loaded_at = TIMESTAMP '2001-01-01 00:00:00'")
        self.write(connection, pa.table({"id": [1]}), RecordingContext(load_id="new"))
        assert self.run(connection, "SELECT load_id FROM _osiris_loads") == [("new",)]

    def test_input_that_breaks_off_leaves_nothing_in_the_ledger(self, connection: Connection) -> None:
        self.run(connection, KEYED)
        ctx = RecordingContext(load_id="load")

        def breaking() -> Iterator[pa.Table]:
            yield pa.table({"id": [1]})
            message = "the source broke"
            raise OSError(message)

        with pytest.raises(Exception, match="the source broke"):
            self.write(connection, breaking(), ctx)
        assert self.write(connection, pa.table({"id": [1]}), ctx) == {"rows_written": 1}
        assert self.content(connection) == [(1, None)]


class SchemaTests(WriterTests):
    """What writers have in common whose databases have schemas."""

    @pytest.mark.parametrize("schema", ["sales", "100% of %s"])
    def test_ledger_lies_in_the_schema_of_the_table(
        self, connection: Connection, caplog: pytest.LogCaptureFixture, schema: str
    ) -> None:
        self.run(connection, f'CREATE SCHEMA "{schema}"')
        ctx = RecordingContext(load_id="load")
        for _ in range(2):
            self.write(connection, pa.table({"id": [1]}), ctx, table=f"{schema}.orders", create_if_missing=True)
        counted = self.run(connection, f'SELECT count(*) FROM "{schema}"._osiris_loads, "{schema}".orders')
        assert counted == [(1,)]
        said = re.search(r"DELETE FROM .* WHERE load_key = '\w+'", caplog.text)
        assert said
        self.run(connection, said[0])
        assert self.run(connection, f'SELECT count(*) FROM "{schema}"._osiris_loads') == [(0,)]
