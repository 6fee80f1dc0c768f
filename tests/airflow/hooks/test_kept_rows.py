"""Rows and values that a server does not keep as a hook sends them are said, or refused."""

from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import time, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from osiris_provider.errors import DataError, OsirisError
from osiris_provider.hooks.bulk.mysql import dump
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from osiris_provider.hooks.postgres import OsirisPostgresHook

from tests.airflow.conftest import NewHook
from tests.airflow.hooks.test_bulk_files import switched
from tests.servers.process import Server

SKIP = [
    "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)",
    """CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.v = 'out' THEN RETURN NULL; END IF; RETURN NEW; END $$""",
    "CREATE TRIGGER skip BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION skip()",
]
ROWS = [(1, "a"), (2, "out"), (3, "b"), (4, "out"), (5, "c")]
LEFT_OUT = "Table t did not keep {} of {} rows: a trigger or rule of the table has left them out"


@pytest.fixture
def skipping(new_hook: NewHook) -> OsirisDbApiHook:
    hook = new_hook("postgres")
    hook.run(SKIP)
    return hook


@pytest.mark.parametrize("commit_every", [0, 2, 1000])
@pytest.mark.parametrize("replace", [False, True])
def test_inserted_rows_that_a_trigger_leaves_out_are_counted_and_said(
    skipping: OsirisDbApiHook, commit_every: int, replace: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        skipping.insert_rows("t", iter(ROWS), commit_every=commit_every, replace=replace, replace_index="id")
    assert LEFT_OUT.format(2, 5) in caplog.text
    assert skipping.get_records("SELECT id FROM t ORDER BY 1") == [(1,), (3,), (5,)]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        skipping.insert_rows("t", [(6, "x"), (7, "y")])
        skipping.upsert_rows("t", [(6, "z")], ["id", "v"], ["id"])
        # What is there is not to be changed.
        skipping.upsert_rows("t", [(6, "w")], ["id", "v"], ["id"], update_fields=[])
        skipping.insert_rows("t", [])
    assert caplog.text == ""


def test_threads_and_rows_that_work_with_the_same_hook_keep_out_of_each_others_way(
    skipping: OsirisDbApiHook, caplog: pytest.LogCaptureFixture
) -> None:
    skipping.run("CREATE TABLE kept (id INT, v TEXT)")
    both = Barrier(2, timeout=30)

    class Meeting(OsirisPostgresHook):
        def get_conn(self) -> Any:
            if self._watch is not None:
                both.wait()
            return super().get_conn()

    shared = Meeting()

    def rows() -> Iterator[tuple[int, str]]:
        for row in ROWS:
            shared.run("SELECT 1")
            yield row

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda table: shared.insert_rows(table, rows()), ["kept", "t"]))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["Table t did not keep 2 of 5 rows"]


DELETE = [
    "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)",
    """CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.v = 'out' THEN DELETE FROM t WHERE id = NEW.id; END IF; RETURN NULL; END $$""",
    "CREATE TRIGGER drop_it AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION drop_it()",
]
MOVE = [
    "CREATE TABLE t (id INT PRIMARY KEY, v TEXT) PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE high PARTITION OF t FOR VALUES FROM (10) TO (20)",
    """CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN UPDATE t SET id = id + 10 WHERE id = NEW.id AND v = 'out'; RETURN NULL; END $$""",
    "CREATE TRIGGER move AFTER INSERT ON low FOR EACH ROW EXECUTE FUNCTION move()",
]
ADD = [
    "CREATE TABLE t (id INT PRIMARY KEY, v TEXT)",
    """CREATE FUNCTION add() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN INSERT INTO t VALUES (NEW.id + 10, 'added'); RETURN NULL; END $$""",
    "CREATE TRIGGER add AFTER INSERT ON t FOR EACH ROW WHEN (NEW.v = 'out') EXECUTE FUNCTION add()",
]


def load_lines(hook: OsirisDbApiHook, folder: Path, table: str = "t") -> None:
    (folder / "lines").write_text("".join(f"{number}\t{value}\n" for number, value in ROWS))
    hook.bulk_load(table, str(folder / "lines"))


WAYS: dict[str, Callable[[OsirisDbApiHook, Path], object]] = {
    "insert": lambda hook, _: hook.insert_rows("t", ROWS, commit_every=2),
    "insert, each row for itself": lambda hook, _: hook.insert_rows("t", ROWS, autocommit=True),
    "replace": lambda hook, _: hook.insert_rows("t", ROWS, ["id", "v"], replace=True),
    "upsert": lambda hook, _: hook.upsert_rows("t", ROWS, ["id", "v"], ["id"]),
    "upsert, old rows stay": lambda hook, _: hook.upsert_rows("t", ROWS, ["id", "v"], ["id"], update_fields=[]),
    "load": load_lines,
    "load into columns": partial(load_lines, table='t (id, "v")'),
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_that_a_trigger_deletes_after_they_were_inserted_are_counted_and_said(
    new_hook: NewHook, tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = new_hook("postgres")
    hook.run([*DELETE, "INSERT INTO t VALUES (9, 'x'), (8, 'y')", "DELETE FROM t"])
    with caplog.at_level(logging.WARNING):
        WAYS[way](hook, tmp_path)
    said = [record.getMessage() for record in caplog.records]
    assert [one.partition(" by ")[0] for one in said] == ["2 rows of table t were deleted"]
    assert hook.get_records("SELECT id FROM t ORDER BY 1") == [(1,), (3,), (5,)]


@pytest.mark.parametrize(("statements", "ids"), [(MOVE, [1, 3, 5, 12, 14]), (ADD, [1, 2, 3, 4, 5, 12, 14])])
@pytest.mark.parametrize("way", WAYS)
def test_rows_that_a_trigger_moves_or_adds_are_not_lost(
    new_hook: NewHook, tmp_path: Path, way: str, statements: list[str], ids: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    hook = new_hook("postgres")
    hook.run(statements)
    with caplog.at_level(logging.WARNING):
        WAYS[way](hook, tmp_path)
    assert caplog.text == ""
    assert [number for (number,) in hook.get_records("SELECT id FROM t ORDER BY 1")] == ids


def test_rows_that_are_there_and_have_nothing_but_their_key_are_not_lost(
    new_hook: NewHook, caplog: pytest.LogCaptureFixture
) -> None:
    hook = new_hook("postgres")
    hook.run(["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"])
    with caplog.at_level(logging.WARNING):
        hook.insert_rows("t", [(1,), (2,)], replace=True)
    assert caplog.text == ""
    assert hook.get_records("SELECT id FROM t ORDER BY 1") == [(1,), (2,)]


LINES = {
    "rows": (b"1\ta\n2\tout\n3\tb\\\nb\n4\tout\n", 2, 4),
    "no end": (b"1\ta\n2\tout", 1, 2),
    "mark of the end": (b"1\ta\n\\.\n3\tb\n5\tc\n", 2, 3),
}


@pytest.mark.parametrize("name", LINES)
def test_loaded_lines_that_the_table_does_not_keep_are_counted_and_said(
    skipping: OsirisDbApiHook, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines, lost, sent = LINES[name]
    (tmp_path / "lines").write_bytes(lines)
    with caplog.at_level(logging.WARNING):
        skipping.bulk_load("t", str(tmp_path / "lines"))
    assert f"Table t did not keep {lost} of {sent} rows" in caplog.text
    for lines in (b"", b"6\tx\n7\ty\\\nz\n", b"8\tx\n9\ty", b"10\tx\n\\.\n"):
        caplog.clear()
        (tmp_path / "lines").write_bytes(lines)
        with caplog.at_level(logging.WARNING):
            skipping.bulk_load("t", str(tmp_path / "lines"))
        assert caplog.text == ""


@pytest.mark.parametrize("family", ["duckdb", "mysql", "postgres"])
@pytest.mark.parametrize("rows", [[(1, 2), (3, 4, 5), (6,)], [(1, 2), (3,)], [(1, 2), (3, 4, 5)]])
def test_rows_of_different_lengths_lend_each_other_no_values(
    new_hook: NewHook, family: str, rows: list[tuple[int, ...]]
) -> None:
    hook = new_hook(family)
    hook.run("CREATE TABLE t (a INT, b INT)")
    with pytest.raises(
        Exception, match=r"arguments|index out of range|^Row 2 of \d has \d values, and the first one 2\."
    ):
        hook.insert_rows("t", rows)
    assert hook.get_records("SELECT * FROM t") == []


@pytest.mark.parametrize("family", ["duckdb", "mysql", "postgres"])
def test_a_value_more_than_the_table_has_columns_is_not_left_out(new_hook: NewHook, family: str) -> None:
    hook = new_hook(family)
    hook.run("CREATE TABLE t (a INT, b VARCHAR(9))")
    with pytest.raises(Exception, match=r"2 columns but 3|Column count|more expressions"):
        hook.insert_rows("t", [(1, "x", 3)])
    assert hook.get_records("SELECT * FROM t") == []


@pytest.mark.parametrize("family", ["duckdb", "mysql", "postgres"])
def test_a_time_of_day_does_not_lose_its_time_zone(new_hook: NewHook, family: str) -> None:
    hook = new_hook(family)
    hook.run("CREATE TABLE t (v TIME(6))" if family == "mysql" else "CREATE TABLE t (v TIME)")
    with pytest.raises(TypeError, match="the time zone of a time of day"):
        hook.insert_rows("t", [(time(12, 30, tzinfo=timezone.utc),)])
    assert hook.get_records("SELECT * FROM t") == []


@pytest.fixture
def lenient(mysql_hook: OsirisDbApiHook, sql_server: object) -> Iterator[OsirisDbApiHook]:
    """A hook of a server that cuts and guesses, as older ones do by default, and is silent on what it rounds."""
    name = "mysql" if "MariaDB" not in str(mysql_hook.get_first("SELECT VERSION()")) else "mariadb"
    with closing(sql_server(name).connect()) as admin, admin.cursor() as cursor:  # type: ignore[operator] # a fixture
        cursor.execute("SET GLOBAL sql_mode = '', sql_notes = 0")
        yield mysql_hook
        cursor.execute("SET GLOBAL sql_mode = DEFAULT, sql_notes = DEFAULT")


@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "value"),
    [("VARCHAR(2)", "abc"), ("TINYINT", 300), ("INT", "12x"), ("DATE", "2024-02-31"), ("INT NOT NULL", None)],
)
def test_a_value_that_mysql_would_change_is_refused(
    lenient: OsirisDbApiHook, dtype: str, value: object, many: int
) -> None:
    lenient.run(f"CREATE TABLE t (id INT PRIMARY KEY, v {dtype})")
    rows = [(number, value) for number in range(many)]
    with pytest.raises(Exception, match=r"\((12\d\d|1048|1364|1366|1406)"):
        lenient.insert_rows("t", rows, target_fields=["id", "v"])
    assert lenient.get_records("SELECT * FROM t") == []


def test_zero_is_no_request_for_a_number(mysql_hook: OsirisDbApiHook) -> None:
    mysql_hook.run("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    mysql_hook.insert_rows("t", [(0, 1), (None, 2)])
    assert mysql_hook.get_records("SELECT * FROM t ORDER BY v") == [(0, 1), (1, 2)]


@pytest.mark.parametrize("many", [1, 3, 1025])
def test_a_value_that_mysql_rounds_is_said(
    lenient: OsirisDbApiHook, many: int, caplog: pytest.LogCaptureFixture
) -> None:
    (kept,) = lenient.get_first("SELECT @@max_error_count")
    lenient.run("CREATE TABLE t (id INT, v DECIMAL(5, 2))")
    with caplog.at_level(logging.WARNING):
        lenient.insert_rows("t", [(number, Decimal("1.239")) for number in range(many)], ["id", "v"], commit_every=0)
    said = f"1265: {many}" if many <= kept else f"1265: {kept}, and more"
    assert f"Table t: the server has warned of values that were inserted (times by code: {said})" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        lenient.insert_rows("t", [(number, Decimal("1.23")) for number in range(many)], ["id", "v"])
    assert caplog.text == ""


def test_a_value_that_mysql_would_round_is_not_loaded(
    lenient: OsirisDbApiHook, sql_server: Callable[[str], Server], tmp_path: Path
) -> None:
    name = "mariadb" if "MariaDB" in str(lenient.get_first("SELECT VERSION()")) else "mysql"
    lenient.run("CREATE TABLE t (id INT, v DECIMAL(5, 2))")
    (tmp_path / "lines").write_bytes(b"1\t1.23\n2\t1.239\n")
    with switched(name, sql_server, "ON"), pytest.raises(DataError, match="Nothing was written"):
        lenient.bulk_load("t", str(tmp_path / "lines"))
    assert lenient.get_records("SELECT * FROM t") == []


@pytest.mark.parametrize("rule", ["CASCADE", "SET NULL"])
def test_replaced_rows_take_none_of_other_tables_along(mysql_hook: OsirisDbApiHook, rule: str) -> None:
    mysql_hook.run(
        [
            "CREATE TABLE t (id INT PRIMARY KEY, v INT)",
            f"CREATE TABLE child (n INT, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE {rule})",
            "INSERT INTO t VALUES (1, 1)",
            "INSERT INTO child VALUES (1, 1)",
        ]
    )
    for name in ("t", "`t`", f"{mysql_hook.effective['database']}.t"):
        with pytest.raises(DataError, match="foreign keys of other tables") as raised:
            mysql_hook.insert_rows(name, [(1, 2)], ["id", "v"], replace=True)
        assert isinstance(raised.value, OsirisError)
    assert mysql_hook.get_records("SELECT * FROM child") == [(1, 1)]
    mysql_hook.upsert_rows("t", [(1, 3)], ["id", "v"], ["id"])
    assert mysql_hook.get_records("SELECT v, n, t FROM t, child") == [(3, 1, 1)]
    mysql_hook.run("DELETE FROM child")
    mysql_hook.insert_rows("t", [(1, 4)], ["id", "v"], replace=True)
    assert mysql_hook.get_records("SELECT v FROM t") == [(4,)]


def test_a_dump_has_the_rows_of_tables_that_inherit_and_no_generated_columns(new_hook: NewHook, tmp_path: Path) -> None:
    hook, file = new_hook("postgres"), tmp_path / "dump"
    hook.run(
        [
            'CREATE TABLE t (id INT, "V v" TEXT, g INT GENERATED ALWAYS AS (id * 2) STORED)',
            "CREATE TABLE heir () INHERITS (t)",
            "INSERT INTO t VALUES (1, 'a')",
            "INSERT INTO heir VALUES (2, 'b')",
            "CREATE VIEW seen AS SELECT * FROM t",
            "CREATE TABLE parts (id INT) PARTITION BY RANGE (id)",
            "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9)",
            "INSERT INTO parts VALUES (1)",
        ]
    )
    expected = {"t": "1\ta\n2\tb\n", "seen": "1\ta\t2\n2\tb\t4\n", "parts": "1\n"}
    for table, lines in expected.items():
        hook.bulk_dump(table, str(file))
        assert file.read_text() == lines
    hook.bulk_dump("public.t", str(file))
    hook.run("DELETE FROM t")
    hook.bulk_load("t", str(file))
    assert hook.get_records("SELECT * FROM t ORDER BY 1") == [(1, "a", 2), (2, "b", 4)]


def test_rows_of_mysql_that_no_file_takes_are_not_read_to_their_end(mysql_hook: OsirisDbApiHook) -> None:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    mysql_hook.run(["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1), (2)"])
    client = mysql_hook.get_conn()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        dump(client, "t", Full())
    assert not client.open


def test_rows_that_policies_hide_from_a_dump_are_said(
    new_hook: NewHook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hook = new_hook("postgres")
    hook.run(["CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"])
    with caplog.at_level(logging.WARNING):
        hook.bulk_dump("t", str(tmp_path / "dump"))
    assert caplog.text == ""
    hook.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    hook.run("CREATE POLICY own ON t USING (id = 1)")
    with caplog.at_level(logging.WARNING):
        hook.bulk_dump("t", str(tmp_path / "dump"))
    assert (tmp_path / "dump").read_text() == "1\n"
    assert "Table t: policies of row-level security show the user some of the rows" in caplog.text
