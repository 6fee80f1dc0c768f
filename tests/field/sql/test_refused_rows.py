"""A row that a server refuses is named: by the row, and by its column or the constraint that it breaks."""

from __future__ import annotations

import struct
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

from tests.field.conftest import Execute, PostgresTarget
from tests.servers.kinds import MYSQL_AND_MARIADB


def load(connection: dict[str, Any], table: pa.Table, **config: Any) -> None:
    step = {"resolved_connection": connection, "table": "target", **config}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=step, inputs={"e": {"data": table}}, ctx=RecordingContext())


def write_row(connection: dict[str, Any], row: dict[str, Any]) -> None:
    load(connection, pa.table({name: [value] for name, value in row.items()}))


def shape(code: int) -> bytes:
    return struct.pack("<IBI", 0, 1, code) + (
        struct.pack("<2d", 1, 2) if code == 1 else struct.pack("<I4d", 2, *[0.5] * 4)
    )


@MYSQL_AND_MARIADB
@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"p": shape(2)}, "p, row"),
        # In the order of bytes that PostGIS and others write too.
        ({"p": struct.pack(">IBI2d", 0, 0, 1, 1, 2)}, "p, row"),
        ({"g": b"abc"}, "g, row"),
        ({"g": "POINT(1 2)"}, "g, row"),
        ({"p": None, "l": None, "g": shape(1)[:-1]}, "g, row"),
        ({"l": shape(1)}, "l, row"),
        ({"c": 10}, r"(c|\(any\)), row 1 of the input: (it breaks constraint target_chk_1|the server)"),
        ({"id": 5, "c": 9}, r"\(any\), row 1 of the input: it breaks constraint big"),
    ],
)
def test_what_is_no_shape_names_its_column(
    connection: dict[str, Any], execute: Execute, values: dict[str, Any], column: str
) -> None:
    execute(
        "CREATE TABLE target (id INT PRIMARY KEY, p POINT, l LINESTRING, g GEOMETRY, c INT CHECK (c < 10), "
        "CONSTRAINT big CHECK (id + c < 12))"
    )
    row = {"id": 1, "p": shape(1), "l": shape(2), "g": shape(2), "c": 1, **values}
    with pytest.raises(DataError, match=f"column {column}"):
        write_row(connection, row)
    write_row(connection, {**row, "p": shape(1), "l": shape(2), "g": shape(1), "id": 1, "c": 1})
    assert execute("SELECT COUNT(*) FROM target") == ((1,),)


UPSERTED = "CREATE TABLE target (id INT PRIMARY KEY, mail VARCHAR(9) UNIQUE, c INT, CONSTRAINT small CHECK (c < 10))"
THERE = "INSERT INTO target VALUES (1, 'a@b', 0), (500, 'c@d', 0)"


def check_upsert(connection: dict[str, Any], execute: Execute, row: int, bad: dict[str, Any], said: str) -> None:
    """Upsert 1000 rows, one of which the table does not take: it is named, and nothing changes."""
    execute(UPSERTED)
    execute(THERE)
    rows: list[dict[str, Any]] = [{"id": number, "mail": str(number), "c": 1} for number in range(1, 1001)]
    rows[0]["mail"] = "a@b"
    rows[row - 1].update(bad)
    with pytest.raises(DataError, match=said) as raised:
        load(connection, pa.Table.from_pylist(rows), write_mode="upsert", primary_key="id", batch_rows=300)
    assert raised.value.row == row
    assert execute("SELECT * FROM target ORDER BY id") == ((1, "a@b", 0), (500, "c@d", 0))


BAD_ROWS: list[tuple[int, dict[str, Any], str]] = [
    (777, {"mail": "a@b"}, r"column mail, row 777 of the input: duplicate key"),
    (500, {"c": 10}, r"row 500 of the input: it breaks constraint small"),
    (1, {"c": 11}, r"row 1 of the input: it breaks constraint small"),
]


@MYSQL_AND_MARIADB
@pytest.mark.parametrize(("row", "bad", "said"), BAD_ROWS)
def test_mysql_names_the_row_of_an_upsert(
    connection: dict[str, Any], execute: Execute, row: int, bad: dict[str, Any], said: str
) -> None:
    check_upsert(connection, execute, row, bad, said)


@pytest.mark.parametrize(("row", "bad", "said"), BAD_ROWS)
def test_postgres_names_the_row_of_an_upsert(
    postgres_target: PostgresTarget, row: int, bad: dict[str, Any], said: str
) -> None:
    check_upsert(*postgres_target, row, bad, said)


def test_postgres_names_the_row_whatever_line_of_the_text_it_is_on(postgres_target: PostgresTarget) -> None:
    connection, execute = postgres_target
    execute("CREATE TABLE target (a text, b text, n int CHECK (n < 10))")
    texts = {"a": ["1\r1\n\n1", "2\n\n2", "", "4\r4", "5\n5", None], "b": ["\r1", "2\n", "3\r\n3", None, "5", "6"]}
    for row in range(1, 7):
        # As a text, a number does not go in binary.
        numbers = ["10" if number == row else "1" for number in range(1, 7)]
        with pytest.raises(DataError, match=f"row {row} of the input: it breaks constraint target_n_check"):
            load(connection, pa.table({**texts, "n": numbers}))
    assert execute("SELECT * FROM target") == ()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("regclass", "pg_class", "no_such_s3cr3t"),
        ("regtype", "integer", "no_such_s3cr3t"),
        ("regproc", "now", "no_such_s3cr3t"),
        ("regnamespace", "pg_catalog", "no_such_s3cr3t"),
        ("regrole", "pg_read_all_data", "no_such_s3cr3t"),
    ],
)
def test_a_name_that_postgres_does_not_know_is_a_fault_of_its_row(
    postgres_target: PostgresTarget, kind: str, good: str, bad: str
) -> None:
    connection, execute = postgres_target
    execute(f"CREATE TABLE target (v {kind})")
    with pytest.raises(DataError, match="column v, row 2 of the input: the server does not take the value") as raised:
        load(connection, pa.table({"v": [good, bad]}))
    assert "s3cr3t" not in str(raised.value)
    load(connection, pa.table({"v": [good]}))
    assert execute("SELECT v::text FROM target") == ((good,),)


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("append", {776: {"id": 500}}, "column id, row 777 of the input: duplicate key, in the table"),
        ("append", {776: {"mail": "c@d"}}, "column mail, row 777 of the input: duplicate key, in the table"),
        ("append", {776: {"c": 10}}, "row 777 of the input: it breaks a rule of the table"),
        # The keys of rows that go are free.
        ("replace", {1: {"id": 500}, 2: {"mail": "a@b"}, 776: {"c": 10}}, "row 777 of the input: it breaks a rule of"),
    ],
)
def test_duckdb_names_the_row_that_the_table_does_not_take(
    tmp_path: Path, mode: str, given: dict[int, dict[str, Any]], said: str
) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}
    with closing(duckdb.connect(connection["path"])) as database:
        for statement in (UPSERTED, THERE):
            database.execute(statement)
    rows = [{"id": number, "mail": str(number), "c": 1} for number in range(1001, 2001)]
    for number, row in given.items():
        rows[number].update(row)
    with pytest.raises(DataError, match=said) as raised:
        load(connection, pa.Table.from_pylist(rows), write_mode=mode)
    assert (raised.value.row, "c@d" in str(raised.value)) == (777, False)
    close_all()
    with closing(duckdb.connect(connection["path"])) as database:
        assert database.execute("FROM target ORDER BY id").fetchall() == [(1, "a@b", 0), (500, "c@d", 0)]


def test_duckdb_says_among_which_rows_a_key_is_that_an_earlier_part_had(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}
    with closing(duckdb.connect(connection["path"])) as database:
        database.execute("CREATE TABLE target (id INT PRIMARY KEY)")
    ids = [*range(122_881), 7]
    with pytest.raises(DataError, match="among rows 122,881 to 122,882 of the input: one breaks a rule of the table"):
        load(connection, pa.table({"id": ids}), batch_rows=122_880)
    close_all()
    with closing(duckdb.connect(connection["path"])) as database:
        assert database.execute("SELECT count(*) FROM target").fetchall() == [(0,)]


def test_duckdb_names_the_value_that_it_does_not_turn_into_its_column(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}
    with closing(duckdb.connect(connection["path"])) as database:
        database.execute("CREATE TABLE target (id INT, v INTEGER[])")
    with pytest.raises(DataError) as raised:
        load(connection, pa.table({"id": [1, 2, 3, 4], "v": ["[1, 2]", None, "s3cr3t", "x"]}))
    assert str(raised.value) == (
        "Step load: Table target: column v, row 3 of the input: DuckDB does not turn string into INTEGER(), "
        "or not this value. Nothing was written."
    )
