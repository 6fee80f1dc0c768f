"""Every DuckDB type: its values arrive as they are, as text, or not at all."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.connectors.duckdb.client import DuckDBClient
from osiris_provider.drivers.data import ColumnNeedsTextError
from osiris_provider.drivers.duckdb.extractor import DuckDBExtractor, DuckDBProcessor
from osiris_provider.drivers.duckdb.types import quote
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.drivers.incremental.ordering import kind_of
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.runtime.staging import Staging
from osiris_provider.testing.context import RecordingContext
from upath import UPath

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reading.md"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


def stream(query: str, **config: Any) -> pa.RecordBatchReader:
    config = {"query": query, "resolved_connection": {"family": "duckdb", "path": ":memory:"}, **config}
    return DuckDBExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"]


def staged(tmp_path: Path, query: str, **config: Any) -> pa.Table:
    """Return what a task would leave in staging."""
    staging = Staging((tmp_path / "staging").as_uri(), UPath)
    return staging.read(staging.write(("dag", "run", "task", "0", "1"), stream(query, **config)))["table"]


UTC = dt.timezone.utc
US, DAY = pa.timestamp("us"), pa.date32()
MOMENT = dt.datetime.fromisoformat("2026-01-02T03:04:05")
BIG = 2**127 - 1
TYPES: dict[str, tuple[str, pa.DataType, Any]] = {
    "BOOLEAN": ("true", pa.bool_(), True),
    "TINYINT": ("-128", pa.int8(), -128),
    "SMALLINT": ("-32768", pa.int16(), -32768),
    "INTEGER": ("-2147483648", pa.int32(), -(2**31)),
    "BIGINT": ("-9223372036854775808", pa.int64(), -(2**63)),
    "UTINYINT": ("255", pa.uint8(), 255),
    "USMALLINT": ("65535", pa.uint16(), 65535),
    "UINTEGER": ("4294967295", pa.uint32(), 2**32 - 1),
    "UBIGINT": ("18446744073709551615", pa.uint64(), 2**64 - 1),
    "HUGEINT": ("9" * 38, pa.decimal128(38, 0), Decimal("9" * 38)),
    "UHUGEINT": (str(2**128 - 1), pa.decimal256(39, 0), Decimal(2**128 - 1)),
    "BIGNUM": ("9" * 60, pa.string(), "9" * 60),
    "FLOAT": ("0.1", pa.float32(), 0.10000000149011612),
    "DOUBLE": ("0.1", pa.float64(), 0.1),
    "DECIMAL(4,1)": ("123.4", pa.decimal128(4, 1), Decimal("123.4")),
    "DECIMAL(38,10)": ("-1.0000000001", pa.decimal128(38, 10), Decimal("-1.0000000001")),
    "VARCHAR": ("ž", pa.string(), "ž"),
    "BLOB": ("\\x00\\xFF", pa.binary(), b"\x00\xff"),
    "BIT": ("0101", pa.string(), "0101"),
    "UUID": ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "JSON": ('{"a":1}', pa.string(), '{"a":1}'),
    "DATE": ("9999-12-31", DAY, dt.date(9999, 12, 31)),
    "TIME": ("23:59:59.999999", pa.time64("us"), dt.time(23, 59, 59, 999999)),
    "TIMETZ": ("10:20:30+02:00", pa.string(), "10:20:30+02"),
    "TIMESTAMP": ("2026-01-02 03:04:05", US, MOMENT),
    # Parquet has no seconds.
    "TIMESTAMP_S": ("2026-01-02 03:04:05", pa.timestamp("ms"), MOMENT),
    "TIMESTAMP_MS": ("2026-01-02 03:04:05", pa.timestamp("ms"), MOMENT),
    "TIMESTAMP_NS": ("2026-01-02 03:04:05", pa.timestamp("ns"), MOMENT),
    "TIMESTAMPTZ": ("2026-01-02 05:04:05+02", pa.timestamp("us", "Etc/UTC"), MOMENT.replace(tzinfo=UTC)),
    "INTERVAL": ("1 month 2 days 3 hours", pa.string(), "1 month 2 days 03:00:00"),
    "ENUM('a', 'b')": ("a", pa.dictionary(pa.uint8(), pa.string()), "a"),
    "INTEGER[]": ("[1, NULL]", pa.list_(pa.int32()), [1, None]),
    "INTEGER[2]": ("[1, NULL]", pa.list_(pa.int32(), 2), [1, None]),
    "STRUCT(a INTEGER)": ("{'a': 1}", pa.struct([("a", pa.int32())]), {"a": 1}),
    "MAP(VARCHAR, INTEGER)": ("{a=1}", pa.map_(pa.string(), pa.int32()), [("a", 1)]),
    "UNION(num INTEGER, str VARCHAR)": ("2", pa.string(), '{"str":"2"}'),
    "UHUGEINT[]": (f"[{2**128 - 1}]", pa.list_(pa.string()), [str(2**128 - 1)]),
    "STRUCT(a INTERVAL)": ("{'a': 1 day}", pa.struct([("a", pa.string())]), {"a": "1 day"}),
    "MAP(VARCHAR, BIT)": ("{a=01}", pa.map_(pa.string(), pa.string()), [("a", "01")]),
    "STRUCT(a INTEGER[], b INTERVAL[2])": (
        "{'a': [1], 'b': ['1 day', NULL]}",
        pa.struct([("a", pa.list_(pa.int32())), ("b", pa.list_(pa.string(), 2))]),
        {"a": [1], "b": ["1 day", None]},
    ),
    "TIMETZ[1]": ("['10:20:30+02:00']", pa.list_(pa.string(), 1), ["10:20:30+02"]),
}


NEWER: dict[str, tuple[str, pa.DataType, Any]] = {
    "TIME_NS": ("10:20:30.123456789", pa.time64("ns"), dt.time(10, 20, 30, 123456)),
    "TIMESTAMPTZ_NS": ("2026-01-02 03:04:05+00", pa.timestamp("ns", "Etc/UTC"), MOMENT.replace(tzinfo=UTC)),
    "VARIANT": ("x", pa.string(), '"x"'),
    "VARIANT[]": ("['x']", pa.string(), '["x"]'),
}
"""Types that the oldest DuckDB does not have."""


def _logical_types() -> set[str]:
    with duckdb.connect() as database:
        actual = database.execute("SELECT DISTINCT logical_type FROM duckdb_types()").fetchall()
    return {name for (name,) in actual}


# The oldest knows TIME_NS, but gives it to no Arrow reader.
KNOWN = _logical_types() - (set() if hasattr(duckdb.DuckDBPyRelation, "to_arrow_reader") else {"TIME_NS"})
CASES = {**TYPES, **{name: case for name, case in NEWER.items() if name.removesuffix("[]") in KNOWN}}


@pytest.mark.parametrize(("name", "text", "dtype", "value"), [(n, *rest) for n, rest in CASES.items()], ids=CASES)
def test_each_type(tmp_path: Path, name: str, text: str, dtype: pa.DataType, value: Any) -> None:
    quoted = text.replace("'", "''")
    column = staged(tmp_path, f"SELECT CAST('{quoted}' AS {name}) AS a UNION ALL SELECT NULL").column("a")
    # DuckDB names the items of lists in a way of its own.
    assert column.type.id == dtype.id if pa.types.is_nested(dtype) else column.type == dtype
    if pa.types.is_timestamp(dtype) and dtype.unit == "ns":
        column = column.cast(pa.timestamp("us", dtype.tz))
    assert column.to_pylist() == [value, None]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{'a': INTERVAL 1 DAY, 'size': 5}", {"a": "1 day", "size": 5}),
        ("{'size': INTERVAL 1 DAY, 'child': 5}", {"size": "1 day", "child": 5}),
        ("[{'size': 5, 'a': '01'::BIT}]", [{"size": 5, "a": "01"}]),
        ("['01'::BIT]::BIT[1]", ["01"]),
    ],
)
def test_a_field_of_any_name_is_kept(expression: str, value: Any) -> None:
    assert stream(f"SELECT {expression} AS a").read_all()["a"].to_pylist() == [value]


TUPLES: list[tuple[str, Any]] = [
    ("row(1, 'x')", {"element1": 1, "element2": "x"}),
    # Fields without names cannot be cast; as JSON they keep their order.
    ("row(1, INTERVAL 1 DAY)", '[1,"1 day"]'),
    ("[row(INTERVAL 1 DAY)]", '[["1 day"]]'),
    ("{'s': row(INTERVAL 1 DAY)}", '{"s":["1 day"]}'),
]


@pytest.mark.parametrize(("expression", "value"), TUPLES if "TUPLE" in KNOWN else [])
def test_fields_without_names_come_in_their_order(expression: str, value: Any) -> None:
    assert stream(f"SELECT {expression} AS a").read_all()["a"].to_pylist() == [value]


def test_the_document_has_a_row_for_each_type_of_duckdb() -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## DuckDB's types")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([A-Z][A-Z_]*)", text))
    spelt = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ", "TIME WITH TIME ZONE": "TIMETZ"}
    known = {spelt.get(name, name) for name in _logical_types()}
    # NULL is no type of a column, TYPE one of arguments of functions.
    assert known - {"NULL", "TYPE"} <= documented


SPECIAL = {
    "39 digits": (f"{BIG}::HUGEINT", str(BIG)),
    "39 digits less than zero": ("('-' || '170141183460469231731687303715884105728')::HUGEINT", str(-(2**127))),
    "infinite date": ("'infinity'::DATE", "infinity"),
    "infinite date of the past": ("'-infinity'::DATE", "-infinity"),
    "infinite timestamp": ("'infinity'::TIMESTAMP", "infinity"),
    "infinite seconds": ("'-infinity'::TIMESTAMP_S", "-infinity"),
    "infinite milliseconds": ("'infinity'::TIMESTAMP_MS", "infinity"),
    "infinite nanoseconds": ("'-infinity'::TIMESTAMP_NS", "-infinity"),
    "infinite moment": ("'infinity'::TIMESTAMPTZ", "infinity"),
    "24:00": ("'24:00:00'::TIME", "24:00:00"),
}


if "TIME_NS" in KNOWN:
    SPECIAL["24:00 in nanoseconds"] = ("'24:00:00'::TIME_NS", "24:00:00")


@pytest.mark.parametrize(("expression", "text"), SPECIAL.values(), ids=SPECIAL)
def test_special_values(tmp_path: Path, expression: str, text: str) -> None:
    query = f"SELECT i, CASE WHEN i = 70000 THEN {expression} END AS a FROM range(1, 70002) r(i) ORDER BY i"
    table = staged(tmp_path, query)
    assert table.schema.field("a").type == pa.string()
    assert table.num_rows == 70_001
    assert table.column("a")[69_999].as_py() == text
    nulls = stream(query, special_values="null").read_all()
    assert nulls.column("a").null_count == 70_001
    assert nulls.schema.field("a").type != pa.string()
    with pytest.raises(
        ColumnNeedsTextError, match=rf"Step r: Column a holds {re.escape(text)} in row 70,000"
    ) as raised:
        stream(query, special_values="error").read_all()
    assert raised.value.again is None


def test_special_values_within_others(tmp_path: Path) -> None:
    query = "SELECT ['2026-01-01'::DATE, 'infinity'] AS a, {'x': [MAP{'y': 'infinity'::TIMESTAMP}]} AS b"
    assert staged(tmp_path, query).to_pylist() == [{"a": "[2026-01-01, infinity]", "b": "{'x': [{y=infinity}]}"}]
    with pytest.raises(DataError, match=r"Column a holds, in row 1"):
        stream(query, special_values="null").read_all()
    query = (
        "SELECT CASE WHEN i = 69999 THEN ['infinity'::DATE] ELSE ['2026-01-01'::DATE] END AS a FROM range(70001) r(i)"
    )
    with pytest.raises(ColumnNeedsTextError, match="Step r: Column a holds such a value in row 70,000"):
        stream(query, special_values="error").read_all()
    with pytest.raises(DataError, match="Step r: Column a holds, in row 70,000 of the result, a value within a list"):
        stream(query, special_values="null").read_all()


def test_text_columns(tmp_path: Path) -> None:
    table = staged(tmp_path, 'SELECT 1::BIGINT AS "a b", 2 AS b', text_columns=["a b"])
    assert table.to_pylist() == [{"a b": "1", "b": 2}]
    with pytest.raises(DriverConfigError, match=r"text_columns: the result has no column bb\. Did you mean 'b'"):
        stream("SELECT 1 AS b", text_columns=["bb"])


def order_of(name: str, dtype: pa.DataType) -> str:
    """Return in which order values of a type stand: DuckDB gives it an Arrow type that says so, but for these."""
    if name in ("VARCHAR", "JSON", "UUID"):
        return ""
    if name == "BIGNUM" or any(
        is_it(dtype) for is_it in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    ):
        return "number"
    return "time" if pa.types.is_date(dtype) or pa.types.is_timestamp(dtype) else "none"


def test_texts_say_in_which_order_their_values_stand() -> None:
    query = ", ".join(f"NULL::{name} AS {quote(name)}" for name in CASES)
    schema = stream(f"SELECT {query}", text_columns=list(CASES)).schema
    assert set(schema.types) == {pa.string()}
    orders = {name: order_of(name, dtype) for name, (_, dtype, _) in CASES.items()}
    assert {field.name: kind_of(field) for field in schema} == orders


def test_order_and_parameters_survive_a_conversion() -> None:
    query = "SELECT i, i::UHUGEINT AS u FROM range(200000) r(i) WHERE i < ? ORDER BY i DESC"
    table = stream(query, params=[150_000]).read_all()
    assert table.column("i").to_pylist() == list(range(149_999, -1, -1))
    assert [int(value) for value in table.column("u").to_pylist()] == list(range(149_999, -1, -1))


@given(
    st.lists(st.none() | st.integers(0, 2**128 - 1), max_size=5),
    st.lists(st.none() | st.integers(-(2**127), BIG), max_size=5),
)
def test_large_integers_round_trip(unsigned: list[int | None], signed: list[int | None]) -> None:
    for numbers, name in ((unsigned, "UHUGEINT"), (signed, "HUGEINT")):
        rows = ", ".join(f"({'NULL' if number is None else repr(str(number))}::{name})" for number in [*numbers, 0])
        reader = stream(f"SELECT * FROM (VALUES {rows}) t(a)", text_columns=["a"] if name == "HUGEINT" else [])
        actual = [None if value is None else int(value) for value in reader.read_all().column("a").to_pylist()]
        assert actual == [*numbers, 0]


def process(query: str, table: pa.Table) -> pa.Table:
    inputs = {"e": {"data": table}}
    config = {"query": query}
    return DuckDBProcessor().run(step_id="p", config=config, inputs=inputs, ctx=RecordingContext())["data"].read_all()


def test_a_processor_keeps_values_too() -> None:
    query = f"SELECT {2**128 - 1}::UHUGEINT AS u, INTERVAL 1 day AS i FROM e"
    assert process(query, pa.table({"x": [1]})).to_pylist() == [{"u": Decimal(2**128 - 1), "i": "1 day"}]
    with pytest.raises(DataError, match=r'Step p: Column d holds infinity in row 1.*Select "d"::VARCHAR'):
        process("SELECT 'infinity'::DATE AS d FROM e", pa.table({"x": [1]}))


BOTH = pa.table([pa.array([1]), pa.array([2])], names=["a", "A"])


def test_columns_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    said = r"columns a and A of .*differ only in case"
    with pytest.raises(DataError, match=f"Step p: {said}"):
        process("SELECT * FROM e", BOTH)
    connection = {"family": "duckdb", "path": str(tmp_path / "x.duckdb")}
    config = {"table": "t", "resolved_connection": connection}
    with pytest.raises(DataError, match=f"Step w: {said}"):
        DuckDBWriter().run(step_id="w", config=config, inputs={"e": {"data": BOTH}}, ctx=RecordingContext())
    close_all()
    with duckdb.connect(connection["path"]) as database:
        assert database.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


INNER = {"struct": pa.struct([("a", pa.int64()), ("A", pa.int64())])}
INNER["list"] = pa.list_(INNER["struct"])
INNER["map"] = pa.map_(pa.string(), INNER["list"])


@pytest.mark.parametrize("dtype", INNER.values(), ids=INNER)
def test_fields_that_differ_only_in_case_are_refused(tmp_path: Path, dtype: pa.DataType) -> None:
    table = pa.table({"x y": pa.nulls(1, dtype)})
    with pytest.raises(DataError, match=r"fields of column x y: a and A of input e differ only in case"):
        process("SELECT * FROM e", table)
    config = {"table": "t", "resolved_connection": {"family": "duckdb", "path": str(tmp_path / "x.duckdb")}}
    with pytest.raises(DataError, match=r"fields of column x y: a and A of the input differ only in case"):
        DuckDBWriter().run(step_id="w", config=config, inputs={"e": {"data": table}}, ctx=RecordingContext())


def of_one(value: dict[str, Any]) -> pa.Scalar:
    """Return a list of fixed size."""
    return pa.FixedSizeListArray.from_arrays(pa.array([value]), 1)[0]


LATE = "SELECT CASE WHEN i = 5000 THEN {} END AS b FROM range(6000) r(i)"


@pytest.mark.parametrize(
    ("query", "special_values"),
    [
        (LATE.format("'infinity'::DATE"), "text"),
        (LATE.format("'infinity'::DATE"), "error"),
        (LATE.format("error('x')"), "error"),
        ("SELECT no_such_column", "error"),
    ],
)
def test_a_stream_that_breaks_off_holds_no_file(tmp_path: Path, query: str, special_values: str) -> None:
    """DuckDB opens a file once a process: what a circle of references keeps open, the next one waits for."""
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).close()
    connection = {"family": "duckdb", "path": str(path)}
    known = {id(one) for one in gc.get_objects() if isinstance(one, DuckDBClient)}
    gc.disable()
    try:
        with contextlib.suppress(OsirisError):
            staged(tmp_path, query, resolved_connection=connection, special_values=special_values, batch_rows=1000)
        close_all()
        left = [one for one in gc.get_objects() if isinstance(one, DuckDBClient) and id(one) not in known]
        assert left == []
    finally:
        gc.enable()


@pytest.mark.parametrize("value", ["'x'::INTEGER", "9223372036854775807 + i", "10000 * (i + 1)::DECIMAL(38, 37)"])
def test_a_value_that_fails_late_is_an_error_of_data(value: str) -> None:
    with pytest.raises(DataError, match="Step r: a value does not fit its column or type"):
        stream(LATE.format(value), batch_rows=1000).read_all()


@pytest.mark.parametrize(
    ("kind", "integer", "dropping"),
    [
        ("STRUCT(a INT)", {"A": 1.5}, {"a": 1.5, "b": 2}),
        ("STRUCT(a INT)[]", [{"a": 1.5}], [{"a": 1.5, "b": 2}]),
        ("STRUCT(s STRUCT(a INT)[])", {"s": [{"a": 1.5}]}, {"s": [{"a": 1.5, "b": 2}]}),
        ("STRUCT(a INT)[1]", of_one({"a": 1.5}), of_one({"a": 1.5, "b": 2})),
    ],
)
def test_lossy_round_rounds_within_structs_and_drops_no_field(
    kind: str, integer: Any, dropping: Any, tmp_path: Path
) -> None:
    path = str(tmp_path / "structs.duckdb")
    with contextlib.closing(duckdb.connect(path)) as database:
        database.execute(f"CREATE TABLE target (v {kind})")

    def write(value: Any) -> None:
        connection = {"family": "duckdb", "path": path}
        config = {"resolved_connection": connection, "table": "target", "lossy": "round"}
        inputs = {"source": {"data": pa.table({"v": [value]})}}
        DuckDBWriter().run(step_id="w", config=config, inputs=inputs, ctx=RecordingContext())

    write(integer)
    with pytest.raises(DataError, match="column v, row 1 of the input: its field b has no place"):
        write(dropping)
