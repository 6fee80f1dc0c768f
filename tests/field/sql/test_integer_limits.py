"""The least and the greatest number of each type of whole numbers go in, and those beyond are refused as such."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
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

MYSQL = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64}
POSTGRES = {"SMALLINT": 16, "INT": 32, "BIGINT": 64}
DUCKDB = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}


def signed(bits: int) -> tuple[int, int]:
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def unsigned(bits: int) -> tuple[int, int]:
    return 0, 2**bits - 1


LIMITS = {
    "mysql": {
        **{kind: signed(bits) for kind, bits in MYSQL.items()},
        **{f"{kind} UNSIGNED": unsigned(bits) for kind, bits in MYSQL.items()},
        "BIT(9)": unsigned(9),
    },
    "postgres": {**{kind: signed(bits) for kind, bits in POSTGRES.items()}, "OID": unsigned(32)},
    "duckdb": {
        **{kind: signed(bits) for kind, bits in DUCKDB.items()},
        **{f"U{kind}": unsigned(bits) for kind, bits in DUCKDB.items()},
    },
}


def load(connection: dict[str, Any], values: pa.Array) -> None:
    step = {"resolved_connection": connection, "table": "target"}
    driver = get_driver(f"{connection['family']}.writer")
    data = {"data": pa.table({"v": values})}
    driver.run(step_id="load", config=step, inputs={"e": data}, ctx=RecordingContext())


def numbers(*values: int) -> list[pa.Array]:
    """Return whole numbers as decimals, and as integers if these hold them."""
    arrays = [pa.array(list(map(Decimal, values)), pa.decimal256(60, 0))]
    return [*arrays, pa.array(values, pa.int64())] if all(-(2**63) <= one < 2**63 for one in values) else arrays


def check(connection: dict[str, Any], low: int, high: int) -> None:
    for values in numbers(low, high):
        load(connection, values)
    for beyond in (low - 1, high + 1):
        for values in numbers(low, beyond):
            with pytest.raises(DataError, match=r"column v, row 2 of the input: the number is (too|out)"):
                load(connection, values)


@MYSQL_AND_MARIADB
def test_mysql(connection: dict[str, Any], execute: Execute) -> None:
    for kind, (low, high) in LIMITS["mysql"].items():
        execute(f"CREATE TABLE target (v {kind})")
        check(connection, low, high)
        assert {int(value) for (value,) in execute("SELECT v + 0 FROM target")} == {low, high}
        execute("DROP TABLE target")


def test_postgres(postgres_target: PostgresTarget) -> None:
    connection, execute = postgres_target
    for kind, (low, high) in LIMITS["postgres"].items():
        execute(f"CREATE TABLE target (v {kind})")
        check(connection, low, high)
        assert {int(value) for (value,) in execute("SELECT v::text FROM target")} == {low, high}
        execute("DROP TABLE target")


def test_duckdb(tmp_path: Path) -> None:
    connection = {"family": "duckdb", "alias": "test", "path": str(tmp_path / "x.duckdb")}
    for kind, (low, high) in LIMITS["duckdb"].items():
        with closing(duckdb.connect(connection["path"])) as database:
            database.execute(f"CREATE OR REPLACE TABLE target (v {kind})")
        check(connection, low, high)
        close_all()
        with closing(duckdb.connect(connection["path"])) as database:
            assert {int(value) for (value,) in database.execute("FROM target").fetchall()} == {low, high}
