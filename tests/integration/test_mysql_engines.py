"""mysql.extractor reads the same through the binary protocol and through a cursor."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError

from tests.contract.context import RecordingContext
from tests.servers import Address, MariaDBServer

TYPES = """
    i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, i32 INT, i64 BIGINT, u64 BIGINT UNSIGNED, d DECIMAL(10, 2),
    wide DECIMAL(65, 30), dbl DOUBLE, day DATE, moment DATETIME(6), stamp TIMESTAMP(6) NULL, t TIME(6), y YEAR,
    bits BIT(9), j JSON, s VARCHAR(40), b VARBINARY(9), txt TEXT, e ENUM('a', 'b'), st SET('x', 'y')
"""
VALUES = """
    (-128, 255, -32768, -2147483648, -9223372036854775808, 18446744073709551615, -1.50, 1e-30, 0.1, '1000-01-01',
     '9999-12-31 23:59:59.999999', '2024-07-01 12:00:00.000001', '-838:59:59', 1901, b'100000001', '{"a": 1}',
     'quote " comma , é€😀', X'00FF0A', 'line\\nline', 'b', 'x,y'),
    (NULL, 0, 1, 2, 3, 4, 5, 6, 7, '2024-02-29', '2024-02-29 00:00:00', NULL, '00:00:00', 2155, b'0', 'null', '',
     '', '', 'a', '')
"""


@pytest.fixture
def filled(mysql_database: Address, mariadb: MariaDBServer) -> dict[str, Any]:
    """A connection to a database whose table ``every`` has every type, and an empty row."""
    with closing(mariadb.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(mysql_database.database)
        cursor.execute("SET time_zone = '+02:00'")
        cursor.execute(f"CREATE TABLE every ({TYPES})")
        cursor.execute(f"INSERT INTO every VALUES {VALUES}, ({', '.join(['NULL'] * 21)})")
        cursor.execute("CREATE TABLE floats (f FLOAT)")
        cursor.execute("CREATE PROCEDURE called() SELECT 1 AS one")
    address = mysql_database
    return {
        "family": "mysql",
        "alias": "test",
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "database": address.database,
    }


def read(connection: dict[str, Any], **config: Any) -> pa.Table:
    given = {**config, "resolved_connection": connection}
    try:
        result = get_driver("mysql.extractor").run(step_id="read", config=given, inputs={}, ctx=RecordingContext())
        return result["data"].read_all()
    finally:
        close_all()


def test_both_engines_give_the_same(filled: dict[str, Any]) -> None:
    binary = read(filled, table="every", engine="binary")
    text = read(filled, table="every", engine="cursor")
    assert binary.schema == text.schema
    assert binary.to_pylist() == text.to_pylist()
    assert binary.num_rows == 3


def test_a_timestamp_is_a_point_in_time(filled: dict[str, Any]) -> None:
    column = read(filled, query="SELECT stamp FROM every WHERE stamp IS NOT NULL").column("stamp")
    assert column.type == pa.timestamp("us", tz="UTC")
    # It was written as noon in a session two hours east of UTC.
    assert column.to_pylist() == [dt.datetime(2024, 7, 1, 10, 0, 0, 1, dt.timezone.utc)]


def test_no_rows_have_a_schema(filled: dict[str, Any]) -> None:
    for engine in ("binary", "cursor"):
        empty = read(filled, query="SELECT i8, s FROM every WHERE i8 = 99", engine=engine)
        assert empty.schema.names == ["i8", "s"]
        assert empty.num_rows == 0


def test_what_cannot_be_prepared_is_read_through_a_cursor(filled: dict[str, Any]) -> None:
    assert read(filled, query="CALL called()").to_pylist() == [{"one": 1}]


def test_float_is_refused_as_text(filled: dict[str, Any]) -> None:
    assert read(filled, table="floats").num_rows == 0
    with pytest.raises(DataError, match="CAST"):
        read(filled, table="floats", engine="cursor")
