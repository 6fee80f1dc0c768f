"""Which texts of a file a column takes: one that the server would round, cut or guess is refused."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from osiris_provider.errors import DataError
from osiris_provider.hooks.bulk import mysql
from osiris_provider.hooks.bulk.duckdb import Column, load

INTEGER = (["1", "+1", "7.", "7.00", " 8 "], ["1.5", "1e1", "x", ""])
SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
MOMENT, ZONE = "2026-11-28 12:30:15", "+02"
DUCKDB: dict[str, tuple[list[str], list[str]]] = {
    **dict.fromkeys(SIGNED, ([*INTEGER[0], "-1"], INTEGER[1])),
    **dict.fromkeys(UNSIGNED, (INTEGER[0], [*INTEGER[1], "-1"])),
    "DATE": (["2026-11-28"], [MOMENT, "x"]),
    "TIME": (["12:30:15", "12:30:15.123456", "12:30:15.1234560"], ["12:30:15.1234567", "x"]),
    "TIMESTAMP": ([MOMENT, f"{MOMENT}.123456", f"{MOMENT}.1234560"], [f"{MOMENT}.1234567", "x"]),
    "TIMESTAMP WITH TIME ZONE": ([f"{MOMENT}{ZONE}", f"{MOMENT}.123456{ZONE}"], [f"{MOMENT}.1234567{ZONE}", "x"]),
    "DECIMAL(5,2)": (["1.23", "-1.2300", ".5", "+7", "999.99"], ["1.235", "1000", "x"]),
    "BLOB": ([r"\x", r"\x00fF"], ["x00", r"\x0", r"\x0g", ""]),
    "DOUBLE": (["1.5", "1e300", "nan"], ["x"]),
    "VARCHAR": (["", "x", "1.5"], []),
}


@pytest.mark.parametrize("dtype", DUCKDB)
def test_duckdb_takes_the_text_of_a_value_and_no_other(dtype: str) -> None:
    right, wrong = DUCKDB[dtype]
    question = f"SELECT {Column('c', dtype).fits('t')} FROM (SELECT unnest(?::VARCHAR[]) AS t)"
    with duckdb.connect() as connection:
        fits = connection.execute(question, [[*right, *wrong]]).fetchall()
    assert [bool(one) for (one,) in fits] == [True] * len(right) + [False] * len(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [("1\n", "row 1: it breaks a rule"), ("2\n3\n1\n", "row 1: it, or one of the next 2, breaks a rule")],
)
def test_among_which_rows_one_breaks_a_rule_of_duckdb(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text(text)
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        with pytest.raises(DataError, match=said):
            load(connection, "t", path)


BYTES = ("tinyblob", "blob", "mediumblob", "longblob", "binary(2)", "varbinary(2)", "vector(3)", "geomcollection")
SHAPES = ("point", "linestring", "polygon")
INTEGERS = ("tinyint(1)", "smallint", "mediumint", "int", "bigint unsigned")
MYSQL: dict[str, tuple[list[str], list[str]]] = {
    **dict.fromkeys(
        [*BYTES, *SHAPES, *(f"multi{shape}" for shape in SHAPES), "geometry"],
        ([r"\x", r"\x00fF"], ["x00", r"\x0", r"\x0g", ""]),
    ),
    **dict.fromkeys(INTEGERS, (["1", "-1", "+1", "7.", "7.00", "1e3", "1.5E1"], ["1.5", "15e-1", "x", ""])),
    "datetime(3)": ([MOMENT, f"{MOMENT}.123", f"{MOMENT}.12300"], [f"{MOMENT}.1234"]),
    "timestamp": ([MOMENT, f"{MOMENT}.000"], [f"{MOMENT}.1"]),
    "time(6)": (["-12:30:15.123456"], ["12:30:15.1234567"]),
    "enum('a','b')": (["a", "x", ""], ["2"]),
    "set('a','b')": (["a,b", ""], ["1"]),
    # Which is a member of its own.
    "enum('2','b')": (["2", "b"], []),
    # Of these the server itself says so.
    **dict.fromkeys(
        ("float", "double", "decimal(5,2)", "varchar(3)", "bit(9)", "date", "json"), (["x", "1.5", ""], [])
    ),
}


@pytest.mark.parametrize("dtype", MYSQL)
def test_it_is_said_what_a_column_of_mysql_does_not_take(dtype: str) -> None:
    right, wrong = MYSQL[dtype]
    column = mysql._Column("c", dtype)  # noqa: SLF001 - where the rules are
    assert [bool(column.problem(text.encode())) for text in (*right, *wrong)] == [False] * len(right) + [True] * len(
        wrong
    )
    # A rule is kept by the server, too.
    assert bool(column.loaded) is bool(wrong) or dtype in ("enum('2','b')", "bit(9)")


def test_values_of_mysql_are_written_as_they_are_read() -> None:
    bits, blob, text, real = (mysql._Column("c`", dtype) for dtype in ("bit(9)", "blob", "text", "float"))  # noqa: SLF001 - as above
    assert [bits.written(b"\1\1"), bits.written(None)] == [b"257", None]
    assert [blob.written(b"\0\xff"), blob.written(None)] == [rb"\x00ff", None]
    assert [text.written(b"\0x"), text.selected] == [b"\0x", "`c```"]
    assert real.selected == "`c``` * 1e0"
