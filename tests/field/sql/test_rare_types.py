"""Types of Arrow that few inputs have: their values stay what they are, or the column is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError, OsirisError
from osiris_provider.testing.context import RecordingContext

from tests.field.conftest import Execute, PostgresTarget
from tests.servers.kinds import MYSQL_AND_MARIADB

UUIDS = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\1" * 16], pa.binary(16)))
UUID = "01010101-0101-0101-0101-010101010101"
UNION = pa.UnionArray.from_dense(pa.array([1], pa.int8()), pa.array([0], pa.int32()), [pa.array([1]), pa.array(["a"])])
INTERVALS = pa.array([(1, 2, 3000)], pa.month_day_nano_interval())
KEPT: dict[str, tuple[pa.Array, Any]] = {
    "hundreds": (pa.array([Decimal(1200)], pa.decimal128(5, -2)), Decimal(1200)),
    "many hundreds": (pa.array([Decimal("12E+37")], pa.decimal128(38, -2)), 12 * 10**37),
    "uuids": (pa.ListArray.from_arrays([0, 1], UUIDS), [UUID]),
}
HALVES = pa.array([[np.float16(1.5)]], pa.list_(pa.float16()))
CASES: dict[str, tuple[pa.Array, Any]] = {
    **KEPT,
    "halves": (HALVES, [1.5]),
    "union": (UNION, "a"),
    "unions": (pa.ListArray.from_arrays([0, 1], UNION), ["a"]),
}


def load(connection: dict[str, Any], values: pa.Array) -> None:
    step = {"resolved_connection": connection, "table": "target", "write_mode": "append", "create_if_missing": True}
    driver = get_driver(f"{connection['family']}.writer")
    data = pa.table({"id": pa.array([1] * len(values)), "v": values})
    driver.run(step_id="load", config=step, inputs={"e": {"data": data}}, ctx=RecordingContext())


def check(connection: dict[str, Any], execute: Execute, cases: dict[str, Any], parsed: Callable[[Any], Any]) -> None:
    for values, right in cases.values():
        load(connection, values)
        ((value,),) = execute("SELECT v FROM target")
        assert parsed(value) == right
        execute("DROP TABLE target")
    with pytest.raises(DataError, match=r"Step load: column v: .* not take values of type month_day_nano") as raised:
        load(connection, INTERVALS)
    assert raised.value.column == "v"


@MYSQL_AND_MARIADB
def test_mysql(connection: dict[str, Any], execute: Execute) -> None:
    check(connection, execute, CASES, lambda value: json.loads(value) if isinstance(value, str) else value)


def test_postgres(postgres_target: PostgresTarget) -> None:
    check(*postgres_target, CASES, lambda value: value)


@pytest.fixture
def duckdb_file(tmp_path: Path) -> dict[str, Any]:
    return {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}


def test_duckdb(duckdb_file: dict[str, Any]) -> None:
    for values, right in KEPT.values():
        load(duckdb_file, values)
        close_all()
        with closing(duckdb.connect(duckdb_file["path"])) as database:
            ((value,),) = database.execute("SELECT v FROM target").fetchall()
            database.execute("DROP TABLE target")
        assert ([str(one) for one in value] if isinstance(value, list) else Decimal(value)) == right
    for values in (UNION, HALVES, pa.array([[Decimal(1)]], pa.list_(pa.decimal256(50, 2)))):
        with pytest.raises(DataError, match=r"Step load: column v: DuckDB does not take values of type") as raised:
            load(duckdb_file, values)
        assert raised.value.column == "v"


def test_a_key_that_another_writer_of_duckdb_has_taken_is_not_shown(duckdb_file: dict[str, Any]) -> None:
    other = get_connector("duckdb").client(duckdb_file).cursor()
    other.execute("CREATE TABLE target (id INT PRIMARY KEY)")

    def rows() -> Any:
        # One is written while the next is made.
        for number in (4711, 2, 3, 4):
            if number == 4:
                other.execute("INSERT INTO target VALUES (4711)")
            yield pa.table({"id": [number]})

    step = {"resolved_connection": duckdb_file, "table": "target", "batch_rows": 1}
    with (
        closing(other),
        pytest.raises(OsirisError, match=r"Other work at .* changed what this read or wrote") as raised,
    ):
        get_driver("duckdb.writer").run(
            step_id="load", config=step, inputs={"e": {"data": rows()}}, ctx=RecordingContext()
        )
    assert raised.value.is_transient
    assert "4711" not in str(raised.value)
    close_all()
