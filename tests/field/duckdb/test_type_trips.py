"""Every type of DuckDB, from table to table."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.errors import DataError

from tests.examples import examples
from tests.field.duckdb.test_types import KNOWN
from tests.field.sql.test_round_trips import SETTINGS
from tests.field.sql.type_trips import (
    TypeTrips,
    clocks,
    columns_of,
    days,
    decimals,
    documents,
    floats,
    integer_text,
    moments,
    numbers,
    texts,
    uuids,
    words,
)
from tests.integration.sql.families import Connection
from tests.servers import Address

BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
FLOATS = texts("0.1", "-0.0", "nan", "inf", "-inf", "3.4028235e38", "1e-45")
LAST = "294247-01-10 04:00:54.775806"
EXTREMES: dict[str, list[str]] = {
    "BOOLEAN": texts("true", "false"),
    **{name: integer_text(bits) for name, bits in BITS.items()},
    **{f"U{name}": integer_text(bits, signed=False) for name, bits in BITS.items()},
    "HUGEINT ": texts("9" * 38, "-" + "9" * 38),
    "BIGNUM": texts("9" * 60, "-1", "0"),
    "FLOAT": FLOATS,
    "DOUBLE": [*FLOATS, *texts("1.7976931348623157e308", "5e-324")],
    "DECIMAL(4,1)": texts("999.9", "-999.9", "0"),
    "DECIMAL(9,0)": texts("999999999"),
    "DECIMAL(18,3)": texts("-999999999999999.999"),
    "DECIMAL(38,10)": texts("9" * 28 + "." + "9" * 10),
    "DECIMAL(38,38)": texts("0." + "9" * 38),
    "VARCHAR": [*texts("", "ž", " a ", "a\nb", "NULL", "🦆"), "chr(0)"],
    "BLOB": ["''::BLOB", "'\\x00\\xFF'::BLOB", "'\\x5C\\x27'::BLOB"],
    "BIT": texts("0101", "0" * 70 + "1"),
    "UUID": texts("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"),
    "JSON": texts('{"a":1, "a": 1.0}', "null", "1e400", "[]"),
    "DATE": texts("0001-01-01", "9999-12-31", "0001-01-01 (BC)", "5877642-06-25 (BC)", "5881580-07-10"),
    "DATE ": texts("infinity", "-infinity", "0044-03-15 (BC)", "2024-02-29"),
    "TIME": texts("00:00:00", "23:59:59.999999"),
    "TIME ": texts("24:00:00", "01:00:00"),
    "TIMETZ": texts("10:20:30+02:00", "23:59:59.999999-15:59:59", "24:00:00+00"),
    "TIMESTAMP": texts("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "290309-12-22 (BC) 00:00:00", LAST),
    "TIMESTAMP ": texts("infinity", "-infinity", "0044-03-15 (BC) 12:00:00", LAST),
    "TIMESTAMP_S": texts("2026-01-02 03:04:05", "0001-01-01 00:00:00", "294246-01-10 04:00:54"),
    "TIMESTAMP_S ": texts("infinity", "2026-01-02 03:04:05"),
    "TIMESTAMP_MS": texts("2026-01-02 03:04:05.999", "294246-01-10 04:00:54.775"),
    "TIMESTAMP_MS ": texts("-infinity", "2026-01-02 03:04:05.999"),
    "TIMESTAMP_NS": texts("2026-01-02 03:04:05.123456789", "1677-09-22 00:00:00", "2262-04-11 23:47:16.854775806"),
    "TIMESTAMP_NS ": texts("infinity", "2026-01-02 03:04:05.123456789"),
    "TIMESTAMPTZ": texts("2026-01-02 05:04:05+02", "0001-01-01 00:00:00+00", f"{LAST}+00"),
    "TIMESTAMPTZ ": texts("infinity", "-infinity", "0044-03-15 (BC) 12:00:00+00"),
    "INTERVAL": texts("1 month 2 days 3 hours", "-1 day 00:00:00.000001", "-178956970 years", "2147483647 days"),
    "ENUM('a', 'b', '', 'it''s', 'A,B')": texts("a", "", "it's", "A,B"),
    "INTEGER[]": ["[1, NULL]", "[]"],
    "VARCHAR[]": ["['a', NULL, '', 'NULL', 'a,b']"],
    "INTEGER[2]": ["[1, NULL]"],
    "DATE[]": ["['infinity'::DATE]", "['2024-01-01'::DATE]"],
    "STRUCT(a INTEGER, b VARCHAR)": ["{'a': 1, 'b': NULL}", "{'a': NULL, 'b': 'x, ''y'}"],
    "STRUCT(a INTEGER, b VARCHAR)[]": ["[{'a': 1, 'b': NULL}]"],
    "STRUCT(a INTERVAL)": ["{'a': INTERVAL 1 DAY}"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'a': 1}", "MAP {}"],
    "MAP(VARCHAR, BIT)": ["MAP {'a': '01'::BIT}"],
    "UHUGEINT[]": [f"['{2**128 - 1}'::UHUGEINT]"],
    "TIME_NS": texts("10:20:30.123456789"),
    "TIMESTAMPTZ_NS": texts("2026-01-02 03:04:05+00"),
}
NEWER = {"TIME_NS", "TIMESTAMPTZ_NS"}
GENERATED: dict[str, st.SearchStrategy[str]] = {
    **{name: numbers(bits) for name, bits in BITS.items() if bits < 128},
    **{f"U{name}": numbers(bits, signed=False) for name, bits in BITS.items()},
    "HUGEINT": decimals(38, 0).map(lambda text: text.removesuffix(".0").partition(".")[0]),
    "BOOLEAN": st.booleans().map(str),
    "FLOAT": floats(32),
    "DOUBLE": floats(64),
    "DECIMAL(12,2)": decimals(12, 2),
    "DECIMAL(38,20)": decimals(38, 20),
    "VARCHAR": words,
    "BIT": st.text("01", min_size=1, max_size=70),
    "UUID": uuids,
    "JSON": documents,
    "DATE": days | days.map(lambda day: f"{day} (BC)"),
    "TIME": clocks,
    "TIMETZ": clocks.map(lambda clock: f"{clock}-03"),
    "TIMESTAMP": moments,
    "TIMESTAMPTZ": moments.map(lambda moment: f"{moment}+01:30"),
    "INTERVAL": st.tuples(numbers(16), numbers(16), clocks).map(lambda parts: "{} months {} days {}".format(*parts)),
    "ENUM('a', '', 'it''s')": st.sampled_from(["a", "", "it's"]),
    "INTEGER[]": st.lists(numbers(32), max_size=4).map(lambda items: f"[{', '.join(items)}]"),
}


class TestDuckDB(TypeTrips):
    family: ClassVar[str] = "duckdb"
    session: ClassVar[list[str]] = ["SET TimeZone = 'UTC'"]
    database: str

    @pytest.fixture
    def address(self, tmp_path: Path) -> Address:
        self.database = str(tmp_path / "trips.duckdb")
        return Address("", 0, "", "", self.database)

    @pytest.fixture
    def connection(self, address: Address) -> Iterator[Connection]:
        yield {"family": "duckdb", "alias": "test", "path": address.database}
        close_all()

    def execute(self, address: Address, *statements: str) -> list[tuple[Any, ...]]:
        close_all()
        # DuckDB waits for what is left of the streams of an extract that started over.
        gc.collect()
        with closing(duckdb.connect(address.database)) as database:
            for statement in statements:
                result = database.execute(statement)
            return result.fetchall()

    def sessions(self, address: Address) -> int:
        raise NotImplementedError

    def shown(self, column: str, declared: str) -> str:
        del declared
        return f"{column}::VARCHAR"

    def back(self, column: str, declared: str) -> str:
        return f"{column}::{declared}"

    def test_extremes(self, connection: Connection, address: Address, tmp_path: Path) -> None:
        columns = {name: values for name, values in EXTREMES.items() if name not in NEWER or name in KNOWN}
        assert self.trip(connection, address, tmp_path, columns) == set()

    @pytest.mark.parametrize("kind", ["UNION(num INTEGER, str VARCHAR)", "STRUCT(a UNION(n INTEGER))", "VARIANT"])
    def test_values_that_are_json_on_their_way_are_refused(
        self, connection: Connection, address: Address, kind: str
    ) -> None:
        if kind not in KNOWN and kind == "VARIANT":
            return
        self.execute(address, f"CREATE TABLE target (v {kind})")
        with pytest.raises(DataError, match="column v, row 1 of the input: a text does not say which") as raised:
            self.write(connection, pa.table({"v": [None, '{"num":2}']}))
        assert (raised.value.column, raised.value.row) == ("v", 1)
        assert self.execute(address, "SELECT * FROM target") == []

    @examples(6, SETTINGS)
    @given(columns_of(GENERATED))
    def test_generated(
        self, connection: Connection, address: Address, tmp_path: Path, columns: dict[str, list[str]]
    ) -> None:
        assert self.trip(connection, address, tmp_path, columns) == set()
