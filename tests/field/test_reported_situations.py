"""What users reported of CSV files and databases: each situation as it was reported, its input and its right value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.filesystem import csv_source
from osiris_provider.drivers.filesystem.drivers import CsvExtractor, CsvWriter
from osiris_provider.errors import DataError, OsirisError
from osiris_provider.testing.context import RecordingContext

from tests.field.conftest import Execute, PostgresTarget
from tests.field.duckdb.test_types import process, staged
from tests.field.filesystem.test_csv import read
from tests.field.sql.test_bending import write
from tests.servers.kinds import MYSQL_AND_MARIADB

MOMENT = dt.datetime.fromisoformat("2024-02-29T12:00:00.500000")
LONG = "orders_of_the_last_quarter_of_the_fiscal_year_by_country_and_pro"
"""64 bytes."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


CSV_TEXTS: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    ("leading zeros", "00501", {}, ["00501"]),
    ("leading zeros, quoted", '"00501"', {}, ["00501"]),
    ("a serial number became inf", "0047583311587E590003", {}, ["0047583311587E590003"]),
    ("an exponent without a point became 120000.0", "12E4", {}, ["12E4"]),
    ("hex became 31", "0x1F", {}, ["0x1F"]),
    ("a name became nan", "NAN", {}, ["NAN"]),
    ("a telephone number became a float", "+420777123456", {}, ["+420777123456"]),
    (
        "two ids became equal",
        "12345678901234567890\n12345678901234567891",
        {},
        ["12345678901234567890", "12345678901234567891"],
    ),
    ("a later value disagrees", "1\n2\nx", {}, ["1", "2", "x"]),
    ("everything as text", "1\ntrue\n2024-01-01", {"default_type": "string"}, ["1", "true", "2024-01-01"]),
    ("NA is a country", "CZ\nNA", {}, ["CZ", "NA"]),
    ("NA is null if the config says so", "CZ\nNA", {"null_values": ["NA"]}, ["CZ", None]),
    ("a file of one column", "1\n\n3", {}, [1, None, 3]),
    ("CR LF inside quotes", '"a\r\nb"\r\n"c"', {}, ["a\r\nb", "c"]),
]


@pytest.mark.parametrize("block", [1, 5, 2**22])
@pytest.mark.parametrize(
    ("text", "config", "right"), [case[1:] for case in CSV_TEXTS], ids=[case[0] for case in CSV_TEXTS]
)
def test_csv_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, config: dict[str, Any], right: list[Any], block: int
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", block)
    assert read(tmp_path, f"v\n{text}\n", **config) == {"v": right}


CSV_FILES: dict[str, tuple[str | bytes, dict[str, Any], Any]] = {
    "a quote that is never closed": ('a,b\n1,"x\n2,y\n3,z\n', {}, "row 1 opens a quote that is never closed"),
    "Excel's sep=;": ("sep=;\na;b\n1;2\n", {}, {"a": [1], "b": [2]}),
    "a header without a final newline": ("a,b", {}, {"a": [], "b": []}),
    "columns": ("a,b\n1,2\n", {"columns": ["b"]}, {"b": [2]}),
    "quote": ("a,b\n'x,y',z\n", {"quote": "'"}, {"a": ["x,y"], "b": ["z"]}),
    "escape": ('a\n"x\\"y"\n', {"escape": "\\"}, {"a": ['x"y']}),
    "skip_rows": ("report\na\n1\n", {"skip_rows": 1}, {"a": [1]}),
    "comment": ("a\n# no\n1\n", {"comment": "#"}, {"a": [1]}),
    "limit": ("a\n1\n2\n3\n", {"limit": 2}, {"a": [1, 2]}),
    "decimal_point": ("a;b\n1,5;x\n", {"delimiter": ";", "decimal_point": ","}, {"a": [1.5], "b": ["x"]}),
    "encoding": ("a\nž\n".encode("cp1250"), {"encoding": "cp1250"}, {"a": ["ž"]}),
    "newline": ("a\rb\r", {"newline": "\r"}, {"a": ["b"]}),
    "bad_lines: error": ("a,b\n1,2\n3\n", {}, "row 2 has 1 cells and not 2"),
    "bad_lines: skip": ("a,b\n1,2\n3\n4,5\n", {"bad_lines": "skip"}, {"a": [1, 4], "b": [2, 5]}),
}


@pytest.mark.parametrize(("text", "config", "right"), CSV_FILES.values(), ids=CSV_FILES)
def test_csv_files(tmp_path: Path, text: str | bytes, config: dict[str, Any], right: Any) -> None:
    if isinstance(right, dict):
        assert read(tmp_path, text, **config) == right
        return
    with pytest.raises(DataError, match=right):
        read(tmp_path, text, **config)


def test_one_column_with_a_null_is_written_and_read_as_three_rows(tmp_path: Path) -> None:
    path = str(tmp_path / "x.csv")
    inputs = {"e": {"data": pa.table({"a": [1, None, 3]})}}
    CsvWriter().run(step_id="w", config={"path": path}, inputs=inputs, ctx=RecordingContext())
    actual = CsvExtractor().run(step_id="r", config={"path": path}, inputs={}, ctx=RecordingContext())["data"]
    assert actual.read_all().to_pydict() == {"a": [1, None, 3]}


Write = tuple[str, str, Any, Any]
"""Situation, type of the column, value, and what ``lossy: round`` makes of it; None if that refuses it, too."""
MYSQL_WRITES: list[Write] = [
    ("a text for an index", "ENUM('x','y')", "2", None),
    ("an integer for an index", "ENUM('x','y')", 2, None),
    ("1.239 became 1.24", "DECIMAL(5,2)", Decimal("1.239"), Decimal("1.24")),
    ("1.239 as a double", "DECIMAL(5,2)", 1.239, Decimal("1.24")),
    ("1.239 as a text", "DECIMAL(5,2)", "1.239", Decimal("1.24")),
    ("a fraction of a second was rounded", "DATETIME", MOMENT, MOMENT.replace(second=1, microsecond=0)),
    ("a fraction of a second was cut", "DATETIME(3)", MOMENT.replace(microsecond=1), MOMENT.replace(microsecond=0)),
    ("a timestamp lost its time", "DATE", MOMENT, MOMENT.date()),
    ("2^53 + 1 became 2^53", "DOUBLE", 2**53 + 1, 2.0**53),
]
POSTGRES_WRITES: list[Write] = [
    *(case for case in MYSQL_WRITES if case[1] in ("DECIMAL(5,2)", "DATE")),
    ("a fraction of a second was rounded", "TIMESTAMP(0)", MOMENT, MOMENT.replace(second=1, microsecond=0)),
    ("2^53 + 1 became 2^53", "DOUBLE PRECISION", 2**53 + 1, 2.0**53),
    ("now", "TIMESTAMP", "now", None),
    ("today", "DATE", "today", None),
    ("the second of January, or the first of February", "DATE", "01/02/2024", None),
    ("a text with U+0000", "TEXT", "a\0b", None),
]
DUCKDB_WRITES: list[Write] = [
    ("an integer for a member", "ENUM('x','y')", 2, None),
    *(case for case in MYSQL_WRITES if case[1] in ("DECIMAL(5,2)", "DATE", "DOUBLE")),
    ("a fraction of a second was rounded", "TIMESTAMP_S", MOMENT, MOMENT.replace(second=1, microsecond=0)),
]


def check(run: Any, connection: dict[str, Any], cases: list[Write]) -> None:
    """Write each value: it is refused by column and row, with ``lossy: round`` it is rounded, or refused as well."""
    for situation, kind, value, rounded in cases:
        run("DROP TABLE IF EXISTS target")
        run(f"CREATE TABLE target (id INT, v {kind})")
        with pytest.raises(DataError, match=r"Step load: .*column v, row 2 of the input: .*Nothing was written"):
            write(connection, [None, value])
        assert list(run("SELECT * FROM target")) == [], situation
        if rounded is None:
            with pytest.raises(DataError, match=r"column v, row 2 of the input"):
                write(connection, [None, value], lossy="round")
            continue
        write(connection, [value], lossy="round")
        assert [tuple(row) for row in run("SELECT v FROM target")] == [(rounded,)], situation


@MYSQL_AND_MARIADB
def test_mysql_bends_nothing(connection: dict[str, Any], execute: Execute) -> None:
    check(execute, connection, MYSQL_WRITES)


def test_postgres_bends_nothing(postgres_target: PostgresTarget) -> None:
    connection, run = postgres_target
    check(run, connection, POSTGRES_WRITES)
    write(connection, ["a\0b"], strip_nul=True)
    assert run("SELECT v FROM target") == (("ab",),)


def test_two_tables_of_postgres_that_agree_in_63_bytes_stay_two(
    postgres_target: PostgresTarget,
) -> None:
    connection, run = postgres_target
    for ending in ("ducts", "jects"):
        with pytest.raises(OsirisError, match=r"Step load: table orders_of_.* 68 bytes; PostgreSQL would cut it to 63"):
            write(connection, [1], table=LONG[:-1] + ending, write_mode="replace", create_if_missing=True)
    with pytest.raises(DataError, match=r"Step load: column orders_of_.* 64 bytes.*Nothing was written"):
        write_columns(connection, pa.table({LONG: [1]}))
    assert run("SELECT * FROM pg_tables WHERE schemaname = 'public'") == ()


def write_columns(connection: dict[str, Any], table: pa.Table) -> None:
    from osiris_provider.drivers import get_driver

    config = {"resolved_connection": connection, "table": "target", "create_if_missing": True}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=config, inputs={"e": {"data": table}}, ctx=RecordingContext())


def test_duckdb_bends_nothing_and_refuses_names_that_differ_in_case(tmp_path: Path) -> None:
    path = str(tmp_path / "x.duckdb")
    connection = {"family": "duckdb", "alias": "test", "path": path}

    def run(statement: str) -> Any:
        close_all()
        with closing(duckdb.connect(path)) as database:
            return database.execute(statement).fetchall()

    check(run, connection, DUCKDB_WRITES)
    both = pa.table([[1], [2]], names=["a", "A"])
    for refused in (lambda: process("SELECT * FROM e", both), lambda: write_columns(connection, both)):
        with pytest.raises(DataError, match=r"columns a and A of .* differ only in case"):
            refused()


DUCKDB_READS: dict[str, tuple[str, str, Any]] = {
    "became -1": ("UHUGEINT", str(2**128 - 1), Decimal(2**128 - 1)),
    "39 digits": ("HUGEINT", str(2**127 - 1), str(2**127 - 1)),
    "lost its offset": ("TIMETZ", "10:20:30+02", "10:20:30+02"),
    "opaque bytes of bits": ("BIT", "0101", "0101"),
    "opaque bytes of digits": ("BIGNUM", "9" * 45, "9" * 45),
    "text garbage": ("DATE", "infinity", "infinity"),
    "text garbage of the past": ("TIMESTAMP", "-infinity", "-infinity"),
    "a failure that names no column": ("INTERVAL", "1 month 2 days", "1 month 2 days"),
    "another": ("UNION(n INTEGER, s VARCHAR)", "x", '{"s":"x"}'),
}


@pytest.mark.parametrize(("kind", "text", "right"), DUCKDB_READS.values(), ids=DUCKDB_READS)
def test_duckdb_values_are_read_and_get_into_csv(tmp_path: Path, kind: str, text: str, right: Any) -> None:
    table = staged(tmp_path, f"SELECT '{text}'::{kind} AS v")
    assert table.to_pylist() == [{"v": right}]
    path = str(tmp_path / "x.csv")
    CsvWriter().run(step_id="w", config={"path": path}, inputs={"e": {"data": table}}, ctx=RecordingContext())
    config = {"path": path, "column_types": {"v": "string"}}
    actual = CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"]
    assert actual.read_all().to_pylist() == [{"v": str(right)}]
