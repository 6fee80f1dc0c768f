"""``bulk_dump`` and ``bulk_load`` of the SQL hooks: what is dumped is loaded again, or it is said what is not."""

from __future__ import annotations

import re
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as for_any
from hypothesis import strategies as st
from osiris_provider.errors import DataError
from osiris_provider.hooks.bulk import text
from osiris_provider.hooks.dbapi import OsirisDbApiHook
from pymysql.err import OperationalError

from tests.airflow.conftest import HOOKS, MYSQL_SERVERS, NewHook
from tests.airflow.hooks.sql_values import CASES
from tests.servers import MySQLFamilyServer
from tests.servers.process import Server

NUMBERS = count()
OPTIONS = settings(max_examples=12, suppress_health_check=list(HealthCheck))
SPECIAL = "".join(map(chr, [0, 8, 9, 10, 11, 12, 13, 26, 34, 39, 92])) + "Nx{}[], ü€😀"


@dataclass
class Bulk:
    """A hook, a folder, and tables with names of their own."""

    hook: OsirisDbApiHook
    folder: Path
    tables: list[str] = field(default_factory=list)

    def table(self, columns: str, *statements: str) -> str:
        """Create a table and return its name."""
        name = f"t{next(NUMBERS)}"
        self.hook.run([f"CREATE TABLE {name} ({columns})", *(text.format(name) for text in statements)])
        return name

    def load(self, table: str, lines: bytes) -> None:
        file = self.folder / "lines"
        file.write_bytes(lines)
        self.hook.bulk_load(table, str(file))

    def copied(self, columns: str, table: str) -> str:
        """Dump a table, load that into another and return its name."""
        copy = self.table(columns)
        self.copy(table, copy)
        return copy

    def copy(self, table: str, copy: str) -> None:
        file = str(self.folder / "dump")
        self.hook.bulk_dump(table, file)
        self.hook.bulk_load(copy, file)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        actual = self.hook.get_records(f"SELECT * FROM {table} ORDER BY 1")
        return [tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in actual]


@contextmanager
def switched(name: str, sql_server: Callable[[str], Server], state: str) -> Iterator[None]:
    """Have a server of MySQL take LOAD DATA LOCAL for a while, or not."""
    server = sql_server(name) if name in MYSQL_SERVERS else None
    if not isinstance(server, MySQLFamilyServer):
        yield
        return
    with server.connect() as client, client.cursor() as cursor:
        cursor.execute(f"SET GLOBAL local_infile = {state}")
        yield
        cursor.execute("SET GLOBAL local_infile = DEFAULT")


@pytest.fixture
def bulk_on(new_hook: NewHook, sql_server: Callable[[str], Server], tmp_path: Path) -> Callable[[str], Any]:
    @contextmanager
    def bulk_on(server: str) -> Iterator[Bulk]:
        hook = new_hook(server)
        with switched(server, sql_server, "ON"):
            yield Bulk(hook, tmp_path)

    return bulk_on


@pytest.fixture(params=HOOKS)
def bulk(request: pytest.FixtureRequest, bulk_on: Callable[[str], Any]) -> Iterator[Bulk]:
    with bulk_on(request.param) as bulk:
        yield bulk


@pytest.fixture(params=["mysql", "mariadb", "duckdb"])
def own_bulk(request: pytest.FixtureRequest, bulk_on: Callable[[str], Any]) -> Iterator[Bulk]:
    """Where the form of the file is this package's and not COPY's."""
    with bulk_on(request.param) as bulk:
        yield bulk


@pytest.fixture(params=MYSQL_SERVERS)
def mysql_bulk(request: pytest.FixtureRequest, bulk_on: Callable[[str], Any]) -> Iterator[Bulk]:
    with bulk_on(request.param) as bulk:
        yield bulk


def test_every_python_type_comes_back(bulk: Bulk) -> None:
    types = CASES[bulk.hook.family]
    columns = ", ".join(["n INTEGER", *(f"c{number} {dtype}" for number, (dtype, *_) in enumerate(types))])
    table = bulk.table(columns)
    values = [given for _, given, _ in types]
    bulk.hook.insert_rows(table, [(1, *values), (2, *[None] * len(values)), (3, *values)])
    copy = bulk.copied(columns, table)
    assert repr(bulk.rows(copy)) == repr(bulk.rows(table))


TEXTS = st.text(st.sampled_from(SPECIAL)) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
DATES = st.dates(date(1000, 1, 1))
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - the columns have no zone
COLUMNS: dict[str, dict[str, Any]] = {
    "mysql": {
        "LONGTEXT CHARACTER SET utf8mb4": TEXTS,
        "LONGBLOB": st.binary(),
        "BIGINT": st.integers(-(2**63), 2**63 - 1),
        "DOUBLE": FLOATS,
        "DECIMAL(30,9)": st.decimals(-(10**20), 10**20, places=9),
        "DATE": DATES,
        "DATETIME(6)": MOMENTS,
        "TIMESTAMP(6) NULL": st.datetimes(datetime(1970, 1, 2), datetime(2038, 1, 1)),  # noqa: DTZ001 - the same
        "TIME(6)": st.timedeltas(timedelta(hours=-838), timedelta(hours=838)),
        "JSON": st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9)),
    },
    "postgres": {
        "text": TEXTS.map(lambda text: text.replace("\0", "")),
        "bytea": st.binary(),
        "bigint": st.integers(-(2**63), 2**63 - 1),
        "double precision": st.floats(),
        "numeric": st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
        "date": DATES,
        "timestamp": MOMENTS,
        "time": st.times(),
        "interval": st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
        "boolean": st.booleans(),
        "text[]": st.lists(TEXTS.map(lambda text: text.replace("\0", ""))),
    },
    "duckdb": {
        "VARCHAR": TEXTS,
        "BLOB": st.binary(),
        "HUGEINT": st.integers(-(2**126), 2**126),
        "DOUBLE": st.floats(),
        "DECIMAL(30,9)": st.decimals(-(10**20), 10**20, places=9),
        "DATE": DATES,
        "TIMESTAMP": MOMENTS,
        "TIME": st.times(),
        "INTERVAL": st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
        "BOOLEAN": st.booleans(),
        "VARCHAR[]": st.lists(TEXTS),
        "STRUCT(a INTEGER, b VARCHAR)": st.fixed_dictionaries({"a": st.integers(0, 9), "b": TEXTS}),
    },
}


@OPTIONS
@for_any(data=st.data())
def test_any_rows_come_back(bulk: Bulk, data: st.DataObject) -> None:
    types = COLUMNS[bulk.hook.family]
    bulk.tables = bulk.tables or [
        bulk.table(", ".join(["n INTEGER", *(f"c{number} {dtype}" for number, dtype in enumerate(types))]))
        for _ in range(2)
    ]
    table, copy = bulk.tables
    rows = data.draw(st.lists(st.tuples(*(st.none() | values for values in types.values())), max_size=9))
    # DuckDB takes 20 ms to open a file that no one has open.
    with closing(bulk.hook.get_conn()):
        bulk.hook.run([f"DELETE FROM {table}", f"DELETE FROM {copy}"])
        bulk.hook.insert_rows(table, [(number, *row) for number, row in enumerate(rows)])
        bulk.copy(table, copy)
        assert repr(bulk.rows(copy)) == repr(bulk.rows(table))


CELLS = st.none() | st.binary() | st.lists(st.sampled_from([b"\\", b"\t", b"\n", b"N", b"X"])).map(b"".join)


@for_any(rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1), ended=st.booleans())
@example(rows=[[b"\\\n"], [b"\n"]], ended=False)
@OPTIONS
def test_lines_are_rows_again(rows: list[list[bytes | None]], ended: bool, tmp_path: Path) -> None:
    lines = b"".join(map(text.line_of, rows))
    file = tmp_path / "lines"
    file.write_bytes(lines if ended or rows[-1] == [b""] else lines.removesuffix(b"\n"))
    assert list(text.rows_in(file)) == rows


FORMS: list[tuple[bytes, list[Any]]] = [
    (b"", []),
    (b"1\ta\n", [(1, "a")]),
    (b"1\ta\n2\tb", [(1, "a"), (2, "b")]),
    (b"1\t", [(1, "")]),
    (b"1\ta\\\n", [(1, "a\n")]),
    (b"1\ta\\\nb\n2\t\\\\\n3\t\\N\n", [(1, "a\nb"), (2, "\\"), (3, None)]),
    (b"1\t\\a\\t\\\tb\\0c\n", [(1, "a\t\tb\0c")]),
]


def test_the_form_of_the_file(own_bulk: Bulk, capfd: pytest.CaptureFixture[str]) -> None:
    table = own_bulk.table("n INTEGER, v VARCHAR(9)")
    for lines, rows in FORMS:
        own_bulk.load(table, lines)
        assert f"Loaded {len(rows)} rows of" in "".join(capfd.readouterr()), lines
        assert own_bulk.rows(table) == rows, lines
        own_bulk.hook.run(f"DELETE FROM {table}")


def test_what_is_dumped_is_written_like_this(own_bulk: Bulk, capfd: pytest.CaptureFixture[str]) -> None:
    table = own_bulk.table("n INTEGER, v VARCHAR(9), b BLOB")
    own_bulk.hook.insert_rows(table, [(1, "a\tb\n\\\0ü", b"\0\xff"), (2, None, b""), (3, "\\N", None)])
    file = own_bulk.folder / "dump"
    own_bulk.hook.bulk_dump(table, str(file))
    assert "Dumped 3 rows of" in "".join(capfd.readouterr())
    assert (
        file.read_bytes() == rb"1	a\tb\n\\\0" + "ü".encode() + rb"	\\x00ff" + b"\n2\t\\N\t\\\\x\n3\t\\\\N\t\\N\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


WRONG = {
    "text for a number": ("n INTEGER, v VARCHAR(3)", b"1\ta\nx\ta\n", "column n.*row 2|row 2.*column n"),
    "a fraction": ("n INTEGER, v INTEGER", b"1\t1\n1\t1.5\n", "row 2"),
    "too many digits": ("n INTEGER, v DECIMAL(5,2)", b"1\t1.23\n1\t1.239\n", "row 2"),
    "an exponent": ("n INTEGER, v INTEGER", b"1\t1\n1\t15e-1\n", "row 2"),
    "too many digits of a second": (
        "n INTEGER, v TIMESTAMP",
        b"1\t2026-11-28 12:30:15.5000000000\n1\t2026-11-28 12:30:15.1234567\n",
        "",
    ),
    "a time of day for a date": ("n INTEGER, v DATE", b"1\t2026-11-28\n1\t2026-11-28 12:30:00\n", "row 2"),
    "a key that is there": ("n INTEGER PRIMARY KEY, v INTEGER", b"1\t1\n2\t2\n1\t3\n", "row"),
    "null where none may be": ("n INTEGER, v INTEGER NOT NULL", b"1\t1\n1\t\\N\n", "column v|row"),
    "too few values": ("n INTEGER, v INTEGER", b"1\t1\n1\n", "row 2"),
    "too many values": ("n INTEGER, v INTEGER", b"1\t1\n1\t1\t1\n", "row 2"),
    "bytes as they are": ("n INTEGER, v BLOB", b"1\t\\\\x00\n1\tabc\n", "row 2"),
    "an odd number of digits": ("n INTEGER, v BLOB", b"1\t\\\\x00\n1\t\\\\x000\n", "row 2"),
    "digits that are none": ("n INTEGER, v BLOB", b"1\t\\\\x00\n1\t\\\\x0g\n", "row 2"),
    "what is not UTF-8": ("n INTEGER, v VARCHAR(9)", b"1\tok\n1\t\xff\n", "row 2|1300"),
}


def test_what_does_not_fit_is_refused_as_a_whole(own_bulk: Bulk) -> None:
    for case, (columns, lines, location) in WRONG.items():
        table = own_bulk.table(columns)
        with pytest.raises(DataError) as raised:
            own_bulk.load(table, lines)
        assert re.search(f"(?is)({location}).*Nothing was written", str(raised.value)), (case, str(raised.value))
        assert (raised.value.table, raised.value.file) == (table, str(own_bulk.folder / "lines")), case
        assert own_bulk.rows(table) == [], case


def test_long_text_is_not_cut_and_a_foreign_key_has_the_column_of_its_table(mysql_bulk: Bulk) -> None:
    other = mysql_bulk.table("n INTEGER PRIMARY KEY")
    table = mysql_bulk.table(f"n INTEGER, v VARCHAR(3), w INTEGER, FOREIGN KEY (w) REFERENCES {other} (n)")
    for line, said in ((b"1\tabcd\t\\N\n", "v, row 1: .*"), (b"1\ta\t2\n", "w: the server does not take .*")):
        with pytest.raises(DataError, match=rf"into table {table}: column {said}\. Nothing was written"):
            mysql_bulk.load(table, line)
    assert mysql_bulk.rows(table) == []


def test_a_number_is_not_the_place_of_a_member(mysql_bulk: Bulk) -> None:
    for members in ("ENUM('a', 'b')", "SET('a', 'b')"):
        table = mysql_bulk.table(f"n INTEGER, v {members}")
        with pytest.raises(DataError, match="column v, row 2: it is a number and no member"):
            mysql_bulk.load(table, b"1\ta\n2\t2\n")
        assert mysql_bulk.rows(table) == []
    table = mysql_bulk.table("n INTEGER, v ENUM('2', 'b')")
    mysql_bulk.load(table, b"1\t2\n2\tb\n")
    assert mysql_bulk.rows(table) == [(1, "2"), (2, "b")]


def test_types_that_only_mysql_has(mysql_bulk: Bulk) -> None:
    columns = (
        "n INTEGER PRIMARY KEY AUTO_INCREMENT, f FLOAT, b BIT(9), e ENUM('a\tb', 'c'), s SET('x', 'y'), y YEAR, "
        "p POINT, vb VARBINARY(3), c BINARY(2), g INTEGER GENERATED ALWAYS AS (y + 1)"
    )
    table = mysql_bulk.table(
        columns,
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
        "INSERT INTO {} (n, f, b, e, s, y, p, vb, c) VALUES "
        "(0, 0.1, b'100000001', 'a\tb', 'x,y', 1999, POINT(1, 2), X'00', X'ff00'), "
        "(5, 16777217e20, NULL, NULL, '', NULL, NULL, NULL, NULL)",
    )
    values = "SELECT n, f * 1e0, b, e, s, y, HEX(p), vb, c, g FROM {} ORDER BY n"
    expected = mysql_bulk.hook.get_records(values.format(table))
    assert len(expected) == 2
    assert mysql_bulk.hook.get_records(values.format(mysql_bulk.copied(columns, table))) == expected


SHAPES = {
    "POINT": "POINT(1 2)",
    "LINESTRING": "LINESTRING(0 0, 1 2)",
    "POLYGON": "POLYGON((0 0, 0 1, 1 1, 0 0))",
    "MULTIPOINT": "MULTIPOINT(0 0, 1 2)",
    "MULTILINESTRING": "MULTILINESTRING((0 0, 1 2))",
    "MULTIPOLYGON": "MULTIPOLYGON(((0 0, 0 1, 1 1, 0 0)))",
    "GEOMETRYCOLLECTION": "GEOMETRYCOLLECTION(POINT(1 2))",
    "GEOMETRY": "POINT(1 2)",
}
BYTE_TYPES = ("TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB", "BINARY(4)", "VARBINARY(4)")


def test_every_type_of_bytes_that_mysql_has(mysql_bulk: Bulk) -> None:
    values = dict.fromkeys(BYTE_TYPES, "X'00ff095c'") | {name: f"ST_GeomFromText('{SHAPES[name]}')" for name in SHAPES}
    columns = ", ".join(f"c{number} {dtype}" for number, dtype in enumerate(values))
    table = mysql_bulk.table(columns, f"INSERT INTO {{}} VALUES ({', '.join(values.values())})")
    (row,) = mysql_bulk.rows(table)
    assert None not in row
    assert mysql_bulk.rows(mysql_bulk.copied(columns, table)) == [row]
    lines = (mysql_bulk.folder / "dump").read_bytes()
    assert lines == b"\t".join(rb"\\x" + bytes(value).hex().encode() for value in row) + b"\n"


def test_an_error_of_mysql_that_is_about_no_value_stays_what_it_is(mysql_bulk: Bulk) -> None:
    mysql_bulk.hook.run("CREATE VIEW v AS SELECT 1 AS n")
    with pytest.raises(OperationalError, match="is not updatable"):
        mysql_bulk.load("v", b"1\n")


def test_types_that_only_duckdb_has(bulk_on: Callable[[str], Any]) -> None:
    columns = (
        "n INTEGER, f FLOAT, u UUID, e ENUM('a', 'b'), m MAP(VARCHAR, INTEGER[]), tz TIMESTAMPTZ, b BIT, "
        "d DATE DEFAULT DATE '2026-01-01', g INTEGER GENERATED ALWAYS AS (n + 1)"
    )
    with bulk_on("duckdb") as bulk:
        table = bulk.table(
            columns,
            "INSERT INTO {} VALUES (1, 0.1, '12345678-1234-5678-1234-567812345678', 'b', MAP {{'it''s, {{': [1, NULL]}}"
            ", '2026-11-28 12:30:15.123456+02', '0101', 'infinity'), (2, 'nan', NULL, NULL, NULL, NULL, NULL, NULL)",
        )
        assert repr(bulk.rows(bulk.copied(columns, table))) == repr(bulk.rows(table))


def test_duckdb_does_not_dump_what_its_text_does_not_give_back(bulk_on: Callable[[str], Any]) -> None:
    with bulk_on("duckdb") as bulk:
        table = bulk.table("u UNION(n INTEGER, s VARCHAR)", "INSERT INTO {} VALUES (union_value(n := 1))")
        file = bulk.folder / "dump"
        with pytest.raises(DataError, match=r"row 1 .* another when it is read") as raised:
            bulk.hook.bulk_dump(table, str(file))
        assert (raised.value.table, raised.value.row) == (table, 1)
        assert file.read_bytes() == b""


@pytest.mark.parametrize("server", MYSQL_SERVERS)
def test_mysql_says_how_to_switch_loading_on(
    server: str, new_hook: NewHook, sql_server: Callable[[str], Server], tmp_path: Path
) -> None:
    bulk = Bulk(new_hook(server), tmp_path)
    table = bulk.table("n INTEGER")
    with switched(server, sql_server, "OFF"), pytest.raises(DataError, match="SET GLOBAL local_infile = ON") as raised:
        bulk.load(table, b"1\n")
    assert (raised.value.table, raised.value.file) == (table, str(tmp_path / "lines"))
    assert bulk.rows(table) == []


def test_rows_that_are_there_stay(own_bulk: Bulk) -> None:
    table = own_bulk.table("n INTEGER PRIMARY KEY", "INSERT INTO {} VALUES (1)")
    with pytest.raises(DataError, match="Nothing was written"):
        own_bulk.load(table, b"2\n1\n")
    own_bulk.load(table, b"3\n")
    assert own_bulk.rows(table) == [(1,), (3,)]


def test_what_a_table_without_transactions_keeps_is_said(mysql_bulk: Bulk) -> None:
    mysql_bulk.hook.run("CREATE TABLE m (n INTEGER) ENGINE=MyISAM")
    with pytest.raises(DataError, match="has no transactions: what was taken is there"):
        mysql_bulk.load("m", b"1\nx\n")


def test_a_dump_of_mysql_holds_a_row_at_a_time(mysql_bulk: Bulk) -> None:
    table = mysql_bulk.table("n INTEGER, v LONGBLOB")
    mysql_bulk.hook.insert_rows(table, ((n, b"x" * 100_000) for n in range(200)), commit_every=50)
    file = mysql_bulk.folder / "dump"
    tracemalloc.start()
    try:
        mysql_bulk.hook.bulk_dump(table, str(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.stat().st_size > 40_000_000
    assert peak < 8_000_000


def test_a_missing_file_is_an_error(bulk: Bulk) -> None:
    table = bulk.table("n INTEGER")
    with pytest.raises(FileNotFoundError):
        bulk.hook.bulk_load(table, str(bulk.folder / "no_such_file"))
