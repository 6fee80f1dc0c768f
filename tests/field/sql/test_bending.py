"""No writer lets a server round, cut or guess: such a value is refused with column and row, and nothing is written."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import closing
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints
from osiris_provider.drivers.sql.values.validate import fitting
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.field.conftest import PostgresTarget
from tests.servers.kinds import MYSQL_AND_MARIADB

DAY = dt.datetime.fromisoformat("2024-02-29")
NOON = DAY.replace(hour=12)
HALF, FINE = NOON.replace(microsecond=500_000), NOON.replace(microsecond=1)
WIDE = Decimal("12345678901234567.89")
EPOCH_ROUNDED = dt.datetime.fromisoformat("1970-01-01 00:00:00.000002")

WRITING = (Path(__file__).resolve().parents[3] / "docs" / "writing.md").read_text(encoding="utf-8")

Case = tuple[str, Any, Any]
"""Type of a column, a value that fits, and one that the server would bend."""

COMMON: list[Case] = [
    ("DECIMAL(5,2)", Decimal("1.230"), Decimal("1.239")),
    ("DECIMAL(5,2)", 1.25, 1.239),
    ("DECIMAL(5,2)", "1.250", "1.239"),
    ("DECIMAL(5,2)", "125e-2", "1239e-3"),
    ("DECIMAL(10,8)", 1e-7, 1.5e-8),
    ("DECIMAL(38,2)", "1e30", "1234567890123456789012345678901.005e0"),
    ("DECIMAL(5,1)", Decimal("9.90"), Decimal("9.99")),
    ("BIGINT", Decimal(-(2**63)), Decimal(2**63)),
    ("BIGINT", 2**53, 2.0**63),
    ("DOUBLE PRECISION", Decimal("0.3"), Decimal("0.30000000000000001")),
    ("DATE", DAY, NOON),
    ("DATE", DAY.replace(tzinfo=dt.timezone.utc), NOON.replace(tzinfo=dt.timezone.utc)),
    ("DATE", "2024-02-29", "2024-02-29 12:00:00"),
    ("DATE", "2024-02-29", "02/29/2024"),
    ("DATE", "2024-02-29", "20240229"),
    ("DATE", DAY.date(), 20240229),
    ("TIME", dt.time(1), NOON),
    ("VARCHAR(60)", dt.date(2024, 1, 2), pa.scalar(12_000_000, pa.date32())),
    ("VARCHAR(60)", NOON, pa.scalar(10**18, pa.timestamp("us"))),
    ("VARCHAR(60)", NOON.replace(tzinfo=dt.timezone.utc), pa.scalar(10**18, pa.timestamp("us", "UTC"))),
    ("VARCHAR(60)", dt.timedelta(days=-1), pa.scalar(1, pa.duration("ns"))),
]
TEXTS_IN_JSON: list[tuple[Any, Any]] = [
    ([dt.time(12)], pa.scalar([1], pa.list_(pa.time64("ns")))),
    ({"a": dt.timedelta(1)}, pa.scalar({"a": [1001]}, pa.struct([("a", pa.list_(pa.duration("ns")))]))),
    ([DAY.date()], pa.scalar([-719_163], pa.list_(pa.date32()))),
    ([DAY.date()], pa.scalar([2_932_897 * 86_400_000], pa.list_(pa.date64()))),
    ([pa.scalar(0, pa.timestamp("us"))], pa.scalar([-(2**60)], pa.list_(pa.timestamp("us")))),
]
SERVERS: list[Case] = [
    *COMMON,
    ("VARCHAR(60)", NOON, pa.scalar(1, pa.timestamp("ns"))),
    ("VARCHAR(60)", dt.time(12), pa.scalar(1, pa.time64("ns"))),
    *(("JSON", good, bad) for good, bad in TEXTS_IN_JSON),
]
MYSQL: list[Case] = [
    *SERVERS,
    ("INT", Decimal("2.0"), Decimal("99.9")),
    ("INT UNSIGNED", Decimal(2**32 - 1), Decimal(-1)),
    ("ENUM('x','y')", "y", "2"),
    ("ENUM('x','y')", "y", 2),
    ("ENUM('x','y')", "y", "Y"),
    ("ENUM('it''s','a\\\\b')", "it's", "its"),
    ("SET('x','y','z')", "x,z", "6"),
    ("SET('x','y')", "", 1),
    ("DATETIME", NOON, HALF),
    ("DATETIME(3)", HALF, FINE),
    ("DATETIME", "2024-02-29T12:00", "2024-02-29 12:00:00.9"),
    ("DATETIME", "2024-02-29 12:00:00", "24-2-29 12:00"),
    ("TIMESTAMP NULL", NOON, HALF),
    ("TIME", dt.time(12), dt.time(12, 0, 0, 1)),
    ("TIME", dt.timedelta(hours=-800), dt.timedelta(milliseconds=-1)),
    ("TIME", "-800:00:00", "12"),
    ("DATETIME", NOON, dt.time(12)),
    ("DOUBLE", 2**53, 2**53 + 1),
    ("DOUBLE", -(2**63), 2**63 - 1),
    ("DOUBLE", Decimal("0.10"), WIDE),
    ("DOUBLE", "9007199254740992", "9007199254740993"),
    ("FLOAT", 2**24, 2**24 + 1),
    ("FLOAT", 0.5, 0.1),
    ("YEAR", 2024, 24),
    ("YEAR", pa.scalar(2024, pa.int16()), pa.scalar(24, pa.int8())),
    ("YEAR", "2024", "24"),
    ("CHAR(5)", " a", "a "),
    ("BIT(8)", 255, -1),
    ("BIT(8)", "5", "1.5"),
    ("BIT(8)", 5, 1.5),
    ("BINARY(3)", b"abc", b"ab"),
]
POSTGRES: list[Case] = [
    ("JSONB", [{"a": 1.5}], [{"a": float("nan")}]),
    *SERVERS,
    ("NUMERIC(5,2)", Decimal("1.230"), Decimal("1.239")),
    ("NUMERIC(2,-3)", 12_000, 12_345),
    ("NUMERIC(2,-3)", Decimal("12000.0"), Decimal("12000.5")),
    ("NUMERIC(2,-3)", "12e3", "1.2345e4"),
    ("NUMERIC(2,-3)", 12e3, 1.5e3),
    ("NUMERIC(3,5)", Decimal("0.001230"), Decimal("0.001234")),
    ("INT", 2, Decimal("99.9")),
    ("DATE", "infinity", "now"),
    ("DATE", "0044-03-15 BC", "today"),
    ("DATE", "2024-01-02", "01/02/2024"),
    ("TIMESTAMP", "-infinity", "yesterday"),
    ("TIMESTAMP", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05+05"),
    ("TIMESTAMPTZ", "2024-01-02 03:04:05+05:30", "epoch"),
    ("TIMESTAMPTZ", "infinity", "2024-01-02 03:04:05 Europe/Prague"),
    ("TIME", "03:04:05", "allballs"),
    ("TIMESTAMP(0)", NOON, HALF),
    ("TIMESTAMPTZ(3)", HALF, FINE),
    ("TIME(0)", dt.time(12), dt.time(12, 0, 0, 1)),
    ("DOUBLE PRECISION", 2**53, 2**53 + 1),
    ("DOUBLE PRECISION", Decimal("0.10"), WIDE),
    ("REAL", 0.5, 0.1),
    ("INTERVAL", "1 mon", 2),
    ("INTERVAL", dt.timedelta(days=-1), pa.scalar(1, pa.duration("ns"))),
    ("INTERVAL", dt.timedelta(days=-1), pa.scalar(2**62, pa.duration("s"))),
    ("INTERVAL(3)", dt.timedelta(days=-1), dt.timedelta(microseconds=1)),
    ("INTERVAL(0)", "PT1S", "PT1.5S"),
    ("INTERVAL(0)", "1.5 days", "1 day 1.5 sec"),
    ("INTERVAL", "PT0.000001S", "PT0.0000001S"),
    ("INTERVAL YEAR TO MONTH", "1 year 2 mons", "1 mon 5 days"),
    ("INTERVAL YEAR TO MONTH", "-14 months", "P1Y2M3D"),
    ("INTERVAL YEAR TO MONTH", dt.timedelta(0), dt.timedelta(days=40)),
    ("INTERVAL YEAR TO MONTH", "P1Y2M", "P2W"),
    ("INTERVAL YEAR TO MONTH", "PT0S", "PT5S"),
    ("INTERVAL DAY TO MINUTE", "P-1DT2H-5M", "P1DT1.5H"),
    ("INTERVAL YEAR", "3 years", "1 year 2 mons"),
    ("INTERVAL DAY", "1 mon 2 days", "2 days 03:00:00"),
    ("INTERVAL DAY", dt.timedelta(0), dt.timedelta(days=1)),
    ("INTERVAL DAY TO HOUR", "1 day 2 hours", "1 day 90 minutes"),
    ("INTERVAL DAY TO HOUR", dt.timedelta(hours=49), dt.timedelta(minutes=90)),
    ("INTERVAL HOUR TO MINUTE", dt.timedelta(minutes=90), dt.timedelta(seconds=90)),
    ("INTERVAL HOUR TO MINUTE", "1 hour 30 min", "1:30:10"),
    ("INTERVAL HOUR TO MINUTE", dt.time(1, 30), dt.time(1, 30, 30)),
    ("INTERVAL DAY TO SECOND(0)", dt.timedelta(seconds=90), dt.timedelta(milliseconds=1500)),
    ("months_only", "5 months", "5 days"),
    ("INTERVAL", "1.5 years", "1.1 years"),
    ("INTERVAL", "P0.5Y", "P0.3Y"),
    ("INTERVAL", "1.5 mons", "1.5 us"),
    ("INTERVAL", "0.5 days", "0.1 microseconds"),
    ("INTERVAL", "0.001 ms", "0.0001 ms"),
    ("INTERVAL(3)", "1.5 ms 500 us", "1 ms 500 us"),
    ("INTERVAL", "1 mil 0.5 centuries", "0.0001 cent"),
    ("TIME", "23:59:59.999999", "23:59:60"),
    ("TIMESTAMP", "2016-12-31 23:59:59", "2016-12-31 23:59:60"),
    ("DOUBLE PRECISION", "0.1", "12345678901234567.89"),
    ("DOUBLE PRECISION", "1e22", "1e-400"),
    ("REAL", "0.1", "16777217"),
    ("MONEY", "$1,234.50", "1.239"),
    ("MONEY", "-$1234.5", "1,5"),
    ("MONEY", "(.5)", "12,34.5"),
    ("MONEY", "$5.", "$"),
    ("MONEY", Decimal("1.230"), Decimal("1.239")),
    ("NAME", "a" * 63, "a" * 64),
    ('"char"', "a", "ab"),
    ("BYTEA", "\\x5c6162", "a\\142c"),
    ("BYTEA", "a\nb", "\\\\\nab"),
    ("BYTEA", b"a\\142c", " \\x6162"),
    ("OID", 2**32 - 1, -1),
    ("OID", "4294967295", "-1"),
    ("OID", Decimal(2**32 - 1), Decimal(-1)),
    ("TIMESTAMP", pa.scalar(2**63 - 808, pa.timestamp("ns")), pa.scalar(2**63 - 1, pa.timestamp("ns"))),
    ("XID", "0", "-5"),
    ("cents", Decimal("1.230"), Decimal("1.239")),
    ("many_cents", "1.230", "1.239"),
    ("whole_seconds", NOON, HALF),
    ("some_day", "2024-02-29", "today"),
]
DOMAINS = (
    "CREATE DOMAIN cents AS numeric(5, 2)",
    "CREATE DOMAIN many_cents AS cents CHECK (VALUE > 0)",
    "CREATE DOMAIN whole_seconds AS timestamp(0)",
    "CREATE DOMAIN some_day AS date",
    "CREATE DOMAIN months_only AS interval month",
)
DUCKDB: list[Case] = [
    *COMMON,
    ("INT", Decimal("2.0"), Decimal("99.9")),
    ("BIGINT", -(2.0**63), 2.0**63),
    ("UINTEGER", Decimal(2**32 - 1), Decimal(-1)),
    ("TIMESTAMP", pa.scalar(2**63 - 808, pa.timestamp("ns")), pa.scalar(2**63 - 1, pa.timestamp("ns"))),
    ("ENUM('x','y')", "y", 2),
    ("DATE", "infinity", "epoch"),
    ("TIMESTAMP_S", NOON, HALF),
    ("TIMESTAMP_MS", HALF, FINE),
    ("TIMESTAMP", "2024-01-02 03:04:05", "2024-01-02 03:04:05+05"),
    ("DOUBLE", 2**53, 2**53 + 1),
    ("DOUBLE", "1e300", "1e400"),
    ("FLOAT", 0.5, 0.1),
    ("BOOLEAN", 1, 2),
    ("BOOLEAN", 0.0, 0.5),
    ("DECIMAL(5,2)[]", [Decimal("1.250")], [Decimal("1.259")]),
    ("DECIMAL(5,2)[2]", [Decimal("1.250"), None], [Decimal("1.259"), None]),
    ("STRUCT(a DECIMAL(5,2))", {"a": Decimal("1.250")}, {"a": Decimal("1.259")}),
    ("STRUCT(a INT)", {"a": 1}, {"a": 1, "b": 2}),
    ("STRUCT(a INT, b INT)", {"a": 1}, {"a": 1, "c": 2}),
    ("DECIMAL(5,2)[]", "[1.5, NULL]", "[1.5, 1.239]"),
    ("DECIMAL(5,2)[][]", "[[1.5], NULL]", "[[1.5], [1.239]]"),
    ("STRUCT(a DECIMAL(5,2), b VARCHAR)", "{'a': 1.5, 'b': 1.239}", "{'a': 1.239, 'b': x}"),
    ('STRUCT("x ""y" INT[2])', "{'x \"y': [1, 2]}", "{'x \"y': [1, 2.5]}"),
    ("MAP(DATE, TIMESTAMP_S)", "{2024-02-29=2024-02-29 12:00:00}", "{2024-02-29=2024-02-29 12:00:00.5}"),
    ("MAP(DATE, INT)", "{2024-02-29=1}", "{epoch=1}"),
    ("MAP(VARCHAR, INT)", "{a=1, b=1}", "{a=1, a=2}"),
    ("DATE[]", "[2024-02-29]", "[epoch]"),
    ("DOUBLE[]", "[0.1, nan]", "[9007199254740993]"),
    ("INTERVAL[]", "[1.5 years]", "[1.1 years]"),
    ("ENUM('x','y')[]", ["y", None], ["Y"]),
    ("ENUM('x','y')[]", "[x, y]", "[2]"),
    ("UTINYINT[]", "[255]", "[1.5]"),
    ("BIGNUM", "9" * 60, "1.5"),
    ("BIGNUM", 2.0, 1.5),
    ("INTERVAL", "0.5 days", "0.1 us"),
    ("TIMESTAMP_S[]", [NOON], [HALF]),
    ("DATE[]", [DAY], [NOON]),
    ("FLOAT[]", [0.5], [0.1]),
    ("DOUBLE[]", [2**53], [2**53 + 1]),
    ("INTERVAL", dt.timedelta(days=-1), pa.scalar(1, pa.duration("ns"))),
    ("INTERVAL[]", [dt.timedelta(1)], pa.scalar([1], pa.list_(pa.duration("ns")))),
    ("VARCHAR", pa.scalar((1, 2, 3000)), pa.scalar((1, 2, 3001), pa.month_day_nano_interval())),
]


def ids(cases: list[Case]) -> list[str]:
    return [f"{kind} {bad!r}" for kind, _, bad in cases]


def write(connection: dict[str, Any], values: list[Any], **config: Any) -> None:
    """Write a table of one column, whose Arrow type is that of the values."""
    step = {"resolved_connection": connection, "table": "target", **config}
    inputs = {"source": {"data": pa.table({"id": range(len(values)), "v": values})}}
    driver = get_driver(f"{connection['family']}.writer")
    driver.run(step_id="load", config=step, inputs=inputs, ctx=RecordingContext())


def check(connection: dict[str, Any], case: Case, count: Any) -> None:
    """Write what fits, then what does not; ``count`` returns how many rows there are."""
    kind, good, _ = case
    write(connection, [good, None])
    assert count() == 2, kind
    check_refusal(connection, case)
    assert count() == 2, kind


def check_refusal(connection: dict[str, Any], case: Case, **config: Any) -> None:
    kind, good, bad = case
    values = [good if type(good) is type(bad) else None, bad]
    for mode in ("append", "replace", "upsert") if kind.startswith("DECIMAL") else ("append",):
        with pytest.raises(DataError, match=r"column v, row 2 of the input: .*Nothing was written"):
            write(connection, values, write_mode=mode, primary_key="id", **config)


@MYSQL_AND_MARIADB
class TestMySQL:
    def test_what_the_server_would_bend_is_refused(self, connection: dict[str, Any], execute: Any) -> None:
        for case in MYSQL:
            execute("DROP TABLE IF EXISTS target")
            execute(f"CREATE TABLE target (id INT PRIMARY KEY, v {case[0]})")
            check(connection, case, lambda: execute("SELECT COUNT(*) FROM target")[0][0])

    @pytest.mark.parametrize("engine", ["auto", "insert"])
    def test_lossy_round_rounds(self, connection: dict[str, Any], execute: Any, engine: str) -> None:
        cases = [
            ("DECIMAL(5,2)", Decimal("1.239"), Decimal("1.24")),
            ("DATE", NOON, DAY.date()),
            ("DATETIME", HALF, NOON.replace(second=1)),
            ("DOUBLE", 2**53 + 1, 2.0**53),
            ("", pa.scalar(1500, pa.timestamp("ns")), EPOCH_ROUNDED),
        ]
        for kind, value, expected in cases:
            execute("DROP TABLE IF EXISTS target")
            if kind:
                execute(f"CREATE TABLE target (id INT PRIMARY KEY, v {kind})")
            write(connection, [value], lossy="round", engine=engine, create_if_missing=True)
            assert execute("SELECT v FROM target") == ((expected,),), kind

    def test_nested_values_are_json_as_documented(self, connection: dict[str, Any], execute: Any) -> None:
        assert "bytes are Base64, decimals and times are texts with all their digits" in WRITING
        execute("DROP TABLE IF EXISTS target")
        execute("CREATE TABLE target (id INT PRIMARY KEY, v JSON)")
        value = {"b": b"\x00\xff", "d": Decimal("12345678901234567.890"), "t": NOON, "n": [2**63 - 1, None]}
        write(connection, [value])
        ((text,),) = execute("SELECT v FROM target")
        expected = {"b": "AP8=", "d": "12345678901234567.890", "t": "2024-02-29 12:00:00", "n": [2**63 - 1, None]}
        assert json.loads(text) == expected
        with pytest.raises(DataError, match="Nothing was written"):
            write(connection, [{"x": float("nan")}])

    def test_nothing_is_guessed_with_lossy_round_either(self, connection: dict[str, Any], execute: Any) -> None:
        for kind, bad in (("ENUM('x','y')", "2"), ("DATE", "20240229"), ("YEAR", 24)):
            execute("DROP TABLE IF EXISTS target")
            execute(f"CREATE TABLE target (id INT PRIMARY KEY, v {kind})")
            with pytest.raises(DataError, match="column v, row 1 of the input"):
                write(connection, [bad], lossy="round")


class TestPostgres:
    def test_what_the_server_would_bend_is_refused(self, postgres_target: PostgresTarget) -> None:
        connection, execute = postgres_target
        for domain in DOMAINS:
            execute(domain)
        for case in POSTGRES:
            execute("DROP TABLE IF EXISTS target")
            execute(f"CREATE TABLE target (id INT PRIMARY KEY, v {case[0]})")
            check(connection, case, lambda: execute("SELECT COUNT(*) FROM target")[0][0])
        execute("DROP TABLE target")
        execute("CREATE TABLE target (id INT, v TIMESTAMP(0))")
        write(connection, [HALF], lossy="round")
        assert execute("SELECT v FROM target") == ((NOON.replace(second=1),),)
        # Rounded up, it would be beyond the type of the input.
        write(connection, [pa.scalar(2**63 - 1, pa.timestamp("ns"))], lossy="round", write_mode="replace")
        assert execute("SELECT v FROM target") == ((dt.datetime.fromisoformat("2262-04-11 23:47:16"),),)
        write(connection, [pa.scalar(1500, pa.timestamp("ns"))], lossy="round", table="created", create_if_missing=True)
        assert execute("SELECT v FROM created") == ((EPOCH_ROUNDED,),)


class TestDuckDB:
    def test_what_the_server_would_bend_is_refused(self, tmp_path: Path) -> None:
        path = str(tmp_path / "bend.duckdb")
        connection = {"family": "duckdb", "alias": "test", "path": path}
        # Opening the file takes longer than anything that is done with it: twice, not for each case.
        with closing(duckdb.connect(path)) as database:
            for number, (kind, _, _) in enumerate(DUCKDB):
                database.execute(f"CREATE TABLE t{number} (id INT PRIMARY KEY, v {kind})")
        for number, case in enumerate(DUCKDB):
            write(connection, [case[1], None], table=f"t{number}")
            check_refusal(connection, case, table=f"t{number}")
        close_all()
        with closing(duckdb.connect(path)) as database:
            for number, (kind, _, _) in enumerate(DUCKDB):
                actual = database.execute(f"SELECT id, v IS NULL FROM t{number} ORDER BY id").fetchall()
                assert actual == [(0, False), (1, True)], kind


def is_refused(column: pa.Array, limits: ColumnConstraints) -> bool:
    """Return whether a value does not go into a column of these limits."""
    batch = pa.RecordBatch.from_arrays([column], names=["v"])
    try:
        list(fitting(iter([batch]), "t", {"v": limits}))
    except DataError:
        return True
    return False


@given(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(2**53 - 9, 2**53 + 9), st.integers(2**63 - 2048, 2**63 - 1))
)
def test_whole_numbers_go_into_a_double_only_unchanged(value: int) -> None:
    column = pa.array([None, value], pa.int64())
    assert is_refused(column, ColumnConstraints(number=True, mantissa=53)) == (int(float(value)) != value)


@given(st.integers(0, 2**64 - 1))
def test_unsigned_numbers_go_into_a_double_only_unchanged(value: int) -> None:
    column = pa.array([value, None], pa.uint64())
    assert is_refused(column, ColumnConstraints(number=True, mantissa=53)) == (int(float(value)) != value)


@given(st.decimals(-(10**9), 10**9, places=6), st.integers(0, 6))
def test_decimals_go_into_a_column_only_with_all_their_digits(value: Decimal, scale: int) -> None:
    limits = ColumnConstraints(number=True, digits=20, scale=scale)
    expected = (Fraction(value) * 10**scale).denominator != 1
    assert is_refused(pa.array([value], pa.decimal128(20, 6)), limits) == expected
    assert is_refused(pa.array([str(value)]), limits) == expected
    assert is_refused(pa.array([f"{value:e}"]), limits) == expected


@given(st.datetimes(), st.integers(0, 6), st.sampled_from(["us", "ns"]))
def test_moments_are_cut_only_of_zeros(value: dt.datetime, fraction: int, unit: str) -> None:
    from osiris_provider.drivers.sql.values.constraints import Moments
    from osiris_provider.drivers.sql.values.lossless import round_moments

    value = value.replace(year=1700 + value.year % 500)
    column = pa.array([value, None], pa.timestamp(unit))
    limits = ColumnConstraints(moments=Moments("timestamp", fraction))
    step = 10 ** (6 - fraction)
    assert is_refused(column, limits) == bool(value.microsecond % step)
    assert is_refused(pa.array([value.isoformat()]), limits) == bool(value.microsecond % step)
    (near, _) = round_moments(column, fraction).cast(pa.timestamp("us")).to_pylist()
    assert not near.microsecond % step
    assert -step / 2 < (near - value) / dt.timedelta(microseconds=1) <= step / 2 or near == value
