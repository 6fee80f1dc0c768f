"""What a writer takes, its extractor reads again, value for value; what it cannot take is refused by column and row.

Generated Arrow tables go into tables that the writer creates. A table with what is to be refused has to be refused, and
is written again without that.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.errors import DataError

from tests.examples import examples
from tests.field.filesystem.test_csv_round_trips import FIRST, KINDS, LAST, UNITS, moments, plain, signed, texts
from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection, SQLFamily
from tests.servers import Address, MariaDBServer
from tests.servers.kinds import MYSQL_AND_MARIADB

SETTINGS = examples(
    12,
    # Each test runs on more than one server; a table of its own makes the shared database harmless.
    suppress_health_check=list(HealthCheck),
)
TABLES = itertools.count()
ROWS = 12
COLUMNS = 12
REFUSED = object()
FLOAT_MAX = (2 - 2**-23) * 2.0**127
YEARS_0_TO_9999 = (FIRST * 86_400 * 10**6, (LAST + 1) * 86_400 * 10**6 - 1)
# PostgreSQL calls the year 0 1 BC; Arrow writes no year that is later.
YEARS_1_TO_32767 = ((FIRST + 366) * 86_400 * 10**6, 11_248_738 * 86_400 * 10**6 - 1)
TIME_OF_MYSQL = (838 * 3600 + 59 * 60 + 59) * 10**6
# Most examples are to hold nothing that is refused, or nothing else would be looked at.
seconds_of_mysql = st.integers(-TIME_OF_MYSQL // 10**6, TIME_OF_MYSQL // 10**6)
plain_texts = texts.filter(lambda text: "\0" not in text)
nested = [
    (pa.list_(pa.int64()), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3)),
    (pa.list_(pa.string()), st.lists(st.none() | plain_texts, max_size=3)),
    (
        pa.struct({"a": pa.int32(), "b": pa.string(), "c": pa.float64()}),
        st.fixed_dictionaries(
            {
                "a": st.none() | st.integers(-9, 9),
                "b": st.none() | plain_texts,
                "c": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            }
        ),
    ),
]
TAME: dict[pa.DataType, st.SearchStrategy[Any]] = {
    **dict.fromkeys((pa.string(), pa.large_string(), pa.string_view()), plain_texts),
    **{pa.duration(unit): seconds_of_mysql.map(size.__mul__) for unit, size in UNITS.items()},
    pa.time64("ns"): st.integers(0, 86_400 * 10**6 - 1).map(lambda value: value * 1000),
    **{
        pa.timestamp(unit, zone): moments(unit)
        for unit in ("s", "ms", "us")
        for zone in (None, "UTC", "Europe/Prague", "+05:30")
    },
    **{
        pa.timestamp("ns", zone): st.integers(-(2**63) // 1000 + 1, 2**63 // 1000 - 1).map(lambda value: value * 1000)
        for zone in (None, "UTC", "Europe/Prague", "+05:30")
    },
    **{
        getattr(pa, f"float{bits}")(): st.floats(width=bits, allow_nan=False, allow_infinity=False)
        for bits in (16, 32, 64)
    },
}


WILD = [(kind, signed(64) if pa.types.is_timestamp(kind) else values) for kind, values in KINDS]


@st.composite
def columns(draw: st.DrawFn, dtype: pa.DataType, values: st.SearchStrategy[Any]) -> pa.Array:
    wild = draw(st.integers(0, 9)) == 0
    given = draw(st.lists(st.none() | (values if wild else TAME.get(dtype, values)), min_size=ROWS, max_size=ROWS))
    # Numbers of days and seconds go in as such: Python has no such moments.
    raw = pa.int32() if dtype == pa.date32() or pa.types.is_time32(dtype) else pa.int64()
    column = pa.array(given, raw).view(dtype) if pa.types.is_temporal(dtype) else pa.array(given, dtype)
    if dtype in (pa.string(), pa.int64()) and draw(st.booleans()):
        return column.dictionary_encode()
    return column


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(WILD + nested), min_size=1, max_size=COLUMNS, unique_by=lambda kind: kind[0]))
    arrays = {f"{dtype}"[:60].replace("%", ""): draw(columns(dtype, values)) for dtype, values in kinds}
    return pa.table({"n": range(1, ROWS + 1), **arrays})


def raw(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Return the values of a column; of moments their numbers."""
    if not pa.types.is_temporal(column.type):
        return list(column.to_pylist())
    numbers = pa.int32() if column.type.bit_width == 32 else pa.int64()
    return [value for chunk in pa.chunked_array([column]).chunks for value in chunk.view(numbers).to_pylist()]


def micros(value: int, dtype: pa.DataType) -> Any:
    """Return a moment or a time in microseconds, or that it is between two."""
    exact = Fraction(value * 10**6, UNITS[dtype.unit])
    return int(exact) if exact.denominator == 1 and abs(exact) < 2**63 else REFUSED


def days(value: int, dtype: pa.DataType) -> int:
    return value // 86_400_000 if dtype == pa.date64() else value


def wide(dtype: pa.DataType) -> pa.DataType:
    make = pa.decimal128 if dtype.precision <= 38 else pa.decimal256
    return make(dtype.precision, dtype.scale)


def has_nul(value: Any) -> bool:
    return "\0" in json.dumps(value, ensure_ascii=False).replace("\\u0000", "\0")


class RoundTrips(SQLFamily):
    """What the families do the same way.

    :cvar types: which Arrow type is read of those that are written, where it is another.
    """

    types: ClassVar[dict[pa.DataType, pa.DataType]] = {}

    def reading_type(self, dtype: pa.DataType) -> pa.DataType:
        """Return as which type values come back."""
        common = {
            pa.null(): pa.string(),
            pa.float16(): pa.float32(),
            pa.large_string(): pa.string(),
            pa.string_view(): pa.string(),
            pa.large_binary(): pa.binary(),
            pa.binary_view(): pa.binary(),
            pa.binary(3): pa.binary(),
            pa.date64(): pa.date32(),
            **self.types,
        }
        if dtype in common:
            return common[dtype]
        return wide(dtype) if pa.types.is_decimal(dtype) else self.other_type(dtype)

    def other_type(self, dtype: pa.DataType) -> pa.DataType:
        return dtype

    def kept(self, value: Any, dtype: pa.DataType) -> Any:
        """Return what is read of a value, or that it is refused."""
        raise NotImplementedError

    def read(self, value: Any, dtype: pa.DataType) -> Any:
        """Return a value that was read as it is compared with what was expected."""
        del dtype
        return value

    def trip(self, connection: Connection, table: pa.Table, writes: dict[str, Any], reads: dict[str, Any]) -> None:
        """Write a table and read it; if it holds what is refused, write it again without that."""
        name = f"t{next(TABLES)}"
        expected = {
            column: [None if value is None else self.kept(value, values.type) for value in raw(values)]
            for column, values in zip(plain(table).column_names, plain(table).columns, strict=True)
        }
        refused = {
            (column, row) for column, values in expected.items() for row, v in enumerate(values, 1) if v is REFUSED
        }
        config = {"table": name, "create_if_missing": True, **writes}
        if refused:
            with pytest.raises(DataError) as raised:
                self.write(connection, table, **config)
            assert "othing was written" in str(raised.value)
            assert (raised.value.column, raised.value.row) in refused, raised.value
            table = without(table, refused)
        self.write(connection, table, **config)
        actual = self.extract(connection, f"SELECT * FROM {name} ORDER BY n", **reads)
        assert actual.column_names == table.column_names
        for field in plain(table).schema:
            values = actual[field.name]
            assert is_same_type(values.type, self.reading_type(field.type)), field
            back = [None if value is None else self.read(value, field.type) for value in raw(values)]
            wanted = [None if value is REFUSED else value for value in expected[field.name]]
            assert all(map(is_same, back, wanted)), (field, back, wanted)


def nested_value(text: str, dtype: pa.DataType) -> Any:
    """Return what a JSON text says; the servers write a large number with all its zeros."""
    value = json.loads(text)
    if pa.types.is_struct(dtype):
        return {name: float(one) if name == "c" and one is not None else one for name, one in value.items()}
    return value


def is_same_type(actual: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether types are equal; how the items of lists and the zone are called does not matter."""
    if pa.types.is_timestamp(actual) and pa.types.is_timestamp(wanted):
        return bool(actual.unit == wanted.unit) and bool(actual.tz is None) is bool(wanted.tz is None)
    return bool(actual == wanted or (pa.types.is_nested(wanted) and actual.id == wanted.id))


def is_same(actual: Any, wanted: Any) -> bool:
    """Return whether values are equal; NaN is NaN here, and -0.0 is not 0.0, unless in JSON."""
    return repr(actual) == repr(wanted) if isinstance(wanted, float) else bool(actual == wanted)


def without(table: pa.Table, refused: set[tuple[str, int]]) -> pa.Table:
    """Return a table with nulls in place of some values."""
    import pyarrow.compute as pc

    for index, name in enumerate(table.column_names):
        bad = pa.array([(name, row) in refused for row in range(1, len(table) + 1)])
        if pc.any(bad).as_py():
            column = table[name].combine_chunks()
            kind = column.type
            column = column.dictionary_decode() if pa.types.is_dictionary(kind) else column
            indices = pa.array([None if one else row for row, one in enumerate(bad.to_pylist())], pa.int64())
            table = table.set_column(index, name, column.take(indices))
    return table


@MYSQL_AND_MARIADB
class TestMySQL(MySQLFamily, RoundTrips):
    types: ClassVar[dict[pa.DataType, pa.DataType]] = {pa.bool_(): pa.int8()}

    @pytest.fixture(autouse=True)
    def _load_data_is_on(self, address: Address) -> Iterator[None]:
        self.execute(address, "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")

    def other_type(self, dtype: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(dtype):
            return pa.timestamp("us")
        if pa.types.is_time(dtype) or pa.types.is_duration(dtype):
            return pa.duration("us")
        return pa.string() if pa.types.is_nested(dtype) else dtype

    def kept(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_boolean(dtype):
            return int(value)
        if pa.types.is_floating(dtype):
            # MariaDB knows no sign of a zero; the edges of floats have a test of their own.
            return value or 0.0 if isfinite(value) else REFUSED
        if pa.types.is_date(dtype):
            return days(value, dtype)
        if pa.types.is_temporal(dtype):
            low, high = (-TIME_OF_MYSQL, TIME_OF_MYSQL) if pa.types.is_duration(dtype) else YEARS_0_TO_9999
            exact = micros(value, dtype)
            return exact if exact is not REFUSED and low <= exact <= high else REFUSED
        return value

    def read(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_floating(dtype):
            return value or 0.0
        return nested_value(value, dtype) if pa.types.is_nested(dtype) else value

    @SETTINGS
    @given(tables(), st.sampled_from(["load_data", "insert"]), st.sampled_from(["binary", "cursor"]))
    def test_arrow_tables(self, connection: Connection, table: pa.Table, write: str, read: str) -> None:
        has_float = {pa.float16(), pa.float32()} & set(table.schema.types)
        reads = {"engine": "binary" if has_float else read}
        self.trip(connection, table, {"engine": write}, reads)

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_the_edges_of_floats(self, connection: Connection, engine: str, mysql_family: Any) -> None:
        edges = [FLOAT_MAX, -FLOAT_MAX, 2.0**-149, -0.0, None]
        numbers = {"f": pa.array(edges, pa.float32()), "d": pa.array(edges, pa.float64())}
        table = pa.table({"n": list(range(len(edges))), **numbers})
        self.trip(connection, table, {"engine": engine}, {"engine": "binary"})
        name = f"t{next(TABLES)}"
        self.write(connection, table, table=name, create_if_missing=True, engine=engine)
        actual = self.extract(connection, f"SELECT f, d FROM {name} WHERE n = 3", engine="binary").to_pylist()
        zero = 0.0 if isinstance(mysql_family, MariaDBServer) else -0.0
        assert repr(actual) == repr([{"f": zero, "d": zero}])

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_floats_in_a_column_of_texts(self, connection: Connection, address: Address, engine: str) -> None:
        name = f"t{next(TABLES)}"
        self.execute(address, f"CREATE TABLE {name} (f VARCHAR(60))")
        self.write(connection, pa.table({"f": pa.array([-0.0, 0.1, 1.5], pa.float32())}), table=name, engine=engine)
        assert self.extract(connection, f"SELECT f FROM {name}")["f"].to_pylist() == ["-0", "0.1", "1.5"]


class TestPostgres(PostgresFamily, RoundTrips):
    types: ClassVar[dict[pa.DataType, pa.DataType]] = {
        pa.int8(): pa.int16(),
        pa.uint8(): pa.int16(),
        pa.uint16(): pa.int32(),
        pa.uint32(): pa.int64(),
        pa.uint64(): pa.decimal128(20, 0),
    }

    def other_type(self, dtype: pa.DataType) -> pa.DataType:
        if pa.types.is_timestamp(dtype):
            return pa.timestamp("us", dtype.tz and "UTC")
        if pa.types.is_time(dtype):
            return pa.time64("us")
        return pa.string() if pa.types.is_nested(dtype) or pa.types.is_duration(dtype) else dtype

    def kept(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_date(dtype):
            return days(value, dtype) if days(value, dtype) >= FIRST + 366 else REFUSED
        if pa.types.is_temporal(dtype):
            exact = micros(value, dtype)
            (low, high) = YEARS_1_TO_32767 if pa.types.is_timestamp(dtype) else (-(2**63), 2**63)
            return exact if exact is not REFUSED and low <= exact <= high else REFUSED
        if dtype == pa.uint64():
            return Decimal(value)
        if (isinstance(value, str) or pa.types.is_nested(dtype)) and has_nul(value):
            return REFUSED
        return value

    def read(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_duration(dtype):
            return iso_micros(value)
        return nested_value(value, dtype) if pa.types.is_nested(dtype) else value

    @SETTINGS
    @given(tables(), st.sampled_from(["copy", "cursor"]))
    def test_arrow_tables(self, connection: Connection, table: pa.Table, read: str) -> None:
        self.trip(connection, table, {}, {"engine": read})


def iso_micros(text: str) -> int:
    """Return an interval of hours, minutes and seconds in microseconds."""
    parts = re.fullmatch(r"PT(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?", text)
    assert parts, text
    hours, minutes, seconds = (Fraction(part or 0) for part in parts.groups())
    return int(((hours * 60 + minutes) * 60 + seconds) * 10**6)


class TestDuckDB(RoundTrips):
    family: ClassVar[str] = "duckdb"
    numbers: ClassVar[str] = "SELECT range AS n FROM range(1, {rows} + 1)"

    @pytest.fixture
    def connection(self, tmp_path: Path) -> Iterator[Connection]:
        yield {"family": "duckdb", "alias": "test", "path": str(tmp_path / "trips.duckdb")}
        close_all()

    def execute(self, address: Address, *statements: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def sessions(self, address: Address) -> int:
        raise NotImplementedError

    def other_type(self, dtype: pa.DataType) -> pa.DataType:
        if pa.types.is_decimal(dtype):
            return wide(dtype) if dtype.precision <= 38 else pa.string()
        if pa.types.is_timestamp(dtype) and dtype.tz:
            return pa.timestamp("ns" if dtype.unit == "ns" else "us", "UTC")
        if pa.types.is_time(dtype):
            return pa.time64("ns" if dtype.unit == "ns" else "us")
        return pa.string() if pa.types.is_duration(dtype) else dtype

    def reading_type(self, dtype: pa.DataType) -> pa.DataType:
        return self.other_type(dtype) if pa.types.is_decimal(dtype) else super().reading_type(dtype)

    def kept(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_date(dtype):
            return days(value, dtype)
        if pa.types.is_duration(dtype) or (pa.types.is_temporal(dtype) and dtype.unit != "ns"):
            exact = micros(value, dtype)
            return value if exact is not REFUSED and pa.types.is_timestamp(dtype) and not dtype.tz else exact
        return value

    def read(self, value: Any, dtype: pa.DataType) -> Any:
        if pa.types.is_duration(dtype):
            return clock_micros(value)
        return Decimal(value) if pa.types.is_decimal(dtype) else value

    @SETTINGS
    @given(tables())
    def test_arrow_tables(self, connection: Connection, table: pa.Table) -> None:
        self.trip(connection, table, {}, {})


def clock_micros(text: str) -> int:
    """Return an interval of DuckDB without days in microseconds."""
    parts = re.fullmatch(r"(-?)(\d+):(\d\d):([\d.]+)", text)
    assert parts, text
    sign, hours, minutes, seconds = parts.groups()
    total = ((int(hours) * 60 + int(minutes)) * 60 + Fraction(seconds)) * 10**6
    return int(-total if sign else total)
