"""Every Arrow type into a table that the writer creates, and out again: the values are the same.

Nested values come back as JSON, except from DuckDB, which has types for them.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from math import nan
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.postgres.test_drivers import PostgresFamily
from tests.integration.sql.families import Connection
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB

UTC = dt.timezone.utc
MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
EARLY = dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
DAY = dt.date(2024, 1, 1)
WIDE = Decimal("1234567890123456789012345678.1234567890")
ARRAYS: dict[str, pa.Array] = {
    "bool": pa.array([True, False, None]),
    **{
        f"{sign}int{bits}": pa.array(
            [0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1, None],
            getattr(pa, f"{sign}int{bits}")(),
        )
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float16": pa.array([1.5, -65504.0, None], pa.float16()),
    "float32": pa.array([1.1, -3.4e38, None], pa.float32()),
    "float64": pa.array([0.1, 1.7976931348623157e308, None], pa.float64()),
    "decimal32": pa.array([Decimal("-1234567.89"), Decimal("0.01"), None], pa.decimal32(9, 2)),
    "decimal64": pa.array([Decimal("-1234567890.12"), Decimal("0.01"), None], pa.decimal64(18, 2)),
    "decimal128": pa.array([WIDE, -WIDE, None], pa.decimal128(38, 10)),
    "decimal256": pa.array([Decimal("1e-30"), -(Decimal(10) ** 34), None], pa.decimal256(65, 30)),
    "decimal_scale0": pa.array([Decimal(10**37), Decimal(-1), None], pa.decimal128(38, 0)),
    "date32": pa.array([dt.date(2024, 2, 29), dt.date(1000, 1, 1), None], pa.date32()),
    "date64": pa.array([dt.date(2024, 2, 29), dt.date(9999, 12, 31), None], pa.date64()),
    **{
        f"timestamp_{unit}": pa.array([0, 1_700_000_000 * 1000**power, None], pa.timestamp(unit))
        for power, unit in enumerate(("s", "ms", "us", "ns"))
    },
    "timestamp_early": pa.array([dt.datetime(1583, 1, 1, tzinfo=UTC), EARLY, None], pa.timestamp("us")),
    "zoned": pa.array([MOMENT, MOMENT, None], pa.timestamp("us", "Europe/Prague")),
    "zoned_ns": pa.array([MOMENT, MOMENT, None], pa.timestamp("ns", "America/New_York")),
    "time32_s": pa.array([dt.time(0, 0), dt.time(23, 59, 59), None], pa.time32("s")),
    "time32_ms": pa.array([dt.time(1, 2, 3, 4000), dt.time(23, 59, 59), None], pa.time32("ms")),
    "time64_us": pa.array([dt.time(1, 2, 3, 4), dt.time(23, 59, 59, 999999), None], pa.time64("us")),
    "time64_ns": pa.array([dt.time(1, 2, 3, 4), dt.time(23, 59, 59, 999999), None], pa.time64("ns")),
    **{f"duration_{unit}": pa.array([-3600, 1, None], pa.duration(unit)) for unit in ("s", "ms", "us")},
    "duration_long": pa.array([dt.timedelta(hours=-838, seconds=1), dt.timedelta(hours=838), None]),
    "string": pa.array(["", "ž€😀\n\t\\\"',", None]),
    "large_string": pa.array(["", "\\N", None], pa.large_string()),
    "string_view": pa.array(["", "a text that is longer than twelve bytes", None], pa.string_view()),
    "binary": pa.array([b"", b"\x00\xff'\\\n\t", None]),
    "large_binary": pa.array([b"", b"\x80", None], pa.large_binary()),
    "fixed_binary": pa.array([b"\x00\x01", b"\xff\xfe", None], pa.binary(2)),
    "binary_view": pa.array([b"", b"\x80" * 20, None], pa.binary_view()),
    "uuid": pa.array([UUID(int=1).bytes, UUID(int=2**128 - 1).bytes, None], pa.uuid()),
    "json": pa.array(['{"a": [1, null]}', "[]", None], pa.json_()),
    "run_ends": pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["twice", None])),
    "dictionary": pa.array(["a\n", "", None]).dictionary_encode(),
    "dictionary_int": pa.array([7, -7, None]).dictionary_encode(),
    "nothing": pa.nulls(3),
    "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
    "list_of_texts": pa.array([["ž\n\"'\\", ""], [None], None], pa.large_list(pa.string())),
    "fixed_list": pa.array([[1.5, 2.5], [0.0, -1.0], None], pa.list_(pa.float64(), 2)),
    "struct": pa.array([{"a": 1, "b": {"c": "x"}}, {"a": None, "b": None}, None]),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
}


def plain(value: Any) -> Any:
    """Return a value as it is compared: moments without a zone, as UTC tells them; UUIDs as text."""
    if isinstance(value, dt.datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return str(value) if isinstance(value, UUID) else value


def plains(column: pa.Array) -> list[Any]:
    """Return the values of a column, without pandas' types for nanoseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz))
    if pa.types.is_time64(kind):
        column = column.cast(pa.time64("us"))
    return [plain(value) for value in column.to_pylist()]


def as_json(value: Any) -> Any:
    """Return a nested value as JSON has it."""
    return None if value is None else json.loads(json.dumps(value))


class TypeTests:
    """What the families do the same way."""

    nested_is_json = True

    def copied(self, connection: Connection, data: pa.Table, **config: Any) -> pa.Table:
        """Write into a new table and read it again."""
        family = connection["family"]
        step = {"resolved_connection": connection, "table": "target", "create_if_missing": True, **config}
        ctx = RecordingContext()
        get_driver(f"{family}.writer").run(step_id="load", config=step, inputs={"source": {"data": data}}, ctx=ctx)
        step = {"resolved_connection": connection, "query": "SELECT * FROM target ORDER BY n"}
        read = get_driver(f"{family}.extractor").run(step_id="extract", config=step, inputs={}, ctx=ctx)
        table: pa.Table = read["data"].read_all()
        return table

    def check(self, connection: Connection, **config: Any) -> None:
        actual = self.copied(connection, pa.table({"n": [1, 2, 3], **ARRAYS}), **config)
        assert actual.column_names == ["n", *ARRAYS]
        wrong = {}
        for name, column in ARRAYS.items():
            expected = self.expected(plains(column))
            values = self.actual(plains(actual[name].combine_chunks()), expected)
            if self.nested_is_json and pa.types.is_nested(column.type) and not pa.types.is_run_end_encoded(column.type):
                values = [None if value is None else json.loads(value) for value in values]
                expected = [as_json(value) for value in expected]
            if values != expected:
                wrong[name] = (actual.schema.field(name).type, values, expected)
        assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())

    def expected(self, values: list[Any]) -> list[Any]:
        """Return what comes back of the values of a column."""
        return values

    def actual(self, values: list[Any], expected: list[Any]) -> list[Any]:
        """Return what was read as it is compared with what was expected."""
        del expected
        return values

    def test_nanoseconds_are_refused_unless_they_may_be_rounded(self, connection: Connection) -> None:
        late = pa.array([1_999, -1], pa.timestamp("ns"))
        clock = pa.array([1_999, 499], pa.time64("ns"))
        for name, column in (("t", late), ("c", clock)):
            with pytest.raises(DataError, match=f"column {name}, row 1 of the input: the column keeps 6 digits"):
                self.copied(connection, pa.table({"n": [1, 2], name: column}))
        actual = self.copied(connection, pa.table({"n": [1, 2], "t": late, "c": clock}), lossy="round")
        assert actual["t"].cast(pa.int64()).to_pylist() == [2, 0]
        assert self.expected([dt.time(0, 0, 0, 2), dt.time()]) == plains(actual["c"].combine_chunks())

    def test_every_type_comes_back(self, connection: Connection) -> None:
        self.check(connection)


def interval_of(text: str) -> dt.timedelta:
    """Return an interval of PostgreSQL, which is read as ISO 8601."""
    parts = re.fullmatch(r"PT(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?", text)
    hours, minutes, seconds = (float(part or 0) for part in parts.groups()) if parts else (nan, nan, nan)
    return dt.timedelta(hours=hours, minutes=minutes, seconds=seconds)


class TestPostgresTypes(PostgresFamily, TypeTests):
    def actual(self, values: list[Any], expected: list[Any]) -> list[Any]:
        is_interval = isinstance(expected[0], dt.timedelta)
        return [value and interval_of(value) for value in values] if is_interval else values


@MYSQL_AND_MARIADB
class TestMySQLTypes(MySQLFamily, TypeTests):
    @pytest.fixture(autouse=True)
    def _load_data_is_on(self, address: Address) -> Iterator[None]:
        self.execute(address, "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")

    def expected(self, values: list[Any]) -> list[Any]:
        """Return times as durations: a TIME of MySQL may have 838 hours."""
        return [
            dt.datetime.combine(DAY, one) - dt.datetime.combine(DAY, dt.time()) if isinstance(one, dt.time) else one
            for one in values
        ]

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_every_type_comes_back_by_either_engine(self, connection: Connection, engine: str) -> None:
        self.check(connection, engine=engine)


def clock(text: str) -> dt.timedelta:
    """Return an interval of DuckDB without days."""
    sign, hours, minutes, seconds = re.findall(r"^(-?)(\d+):(\d\d):([\d.]+)$", text)[0]
    size = dt.timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return -size if sign else size


class TestDuckDBTypes(TypeTests):
    nested_is_json = False

    def test_nanoseconds_are_refused_unless_they_may_be_rounded(self, connection: Connection) -> None:
        """Not here: DuckDB has a type for them."""
        late = pa.array([1_999, -1], pa.timestamp("ns"))
        assert self.copied(connection, pa.table({"n": [1, 2], "t": late}))["t"].combine_chunks() == late

    def actual(self, values: list[Any], expected: list[Any]) -> list[Any]:
        """Return intervals, and decimals that DuckDB keeps as text, as what they say."""
        if isinstance(expected[0], dt.timedelta):
            return [value and clock(value) for value in values]
        is_text = isinstance(expected[0], Decimal) and isinstance(values[0], str)
        return [value and Decimal(value) for value in values] if is_text else values

    @pytest.fixture
    def connection(self, tmp_path: Path) -> Iterator[Connection]:
        yield {"family": "duckdb", "alias": "test", "path": str(tmp_path / "types.duckdb")}
        close_all()
