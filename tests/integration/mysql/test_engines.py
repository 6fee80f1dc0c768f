"""mysql.extractor reads the same through the binary protocol and through a cursor."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError, DriverConfigError
from osiris_provider.runtime.staging import Staging
from osiris_provider.testing.context import RecordingContext
from upath import UPath

from tests.integration.mysql.cases import NUMBERS, OTHERS, literal, numbers
from tests.servers import Address, MySQLFamilyServer, entry
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = MYSQL_AND_MARIADB

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
def filled(mysql_database: Address, mysql_family: MySQLFamilyServer) -> dict[str, Any]:
    """A connection to a database whose table ``every`` has every type, and an empty row."""
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(mysql_database.database)
        cursor.execute("SET time_zone = '+02:00'")
        cursor.execute(f"CREATE TABLE every ({TYPES})")
        cursor.execute(f"INSERT INTO every VALUES {VALUES}, ({', '.join(['NULL'] * 21)})")
        cursor.execute("CREATE TABLE floats (f FLOAT)")
        cursor.execute("CREATE PROCEDURE called() SELECT 1 AS one")
    return {"family": "mysql", "alias": "test", **entry(mysql_database)}


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


def test_both_engines_give_every_type_and_its_extremes(filled: dict[str, Any], mysql_family: MySQLFamilyServer) -> None:
    # The server shows six digits of a FLOAT.
    cases = [case for case in NUMBERS + OTHERS if case[0] != "FLOAT"]
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(filled["database"])
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(
            f"CREATE TABLE extremes ({', '.join(f'c{n} {case[0]}' for n, case in enumerate(cases))}, g POINT)"
        )
        for row in range(max(len(case[2]) for case in cases) + 1):
            values = [literal([*case[2], None][row % (len(case[2]) + 1)]) for case in cases]
            placeholders = ", ".join(["%s"] * len(values))
            cursor.execute(f"INSERT INTO extremes VALUES ({placeholders}, POINT({row}, -1.5))", values)

    binary, text = (read(filled, table="extremes", engine=engine) for engine in ("binary", "cursor"))

    assert binary.schema == text.schema
    assert binary.equals(text)
    assert [kind for kind in binary.schema.types if kind != pa.timestamp("us", "UTC")] == [
        case[1] for case in cases if not case[0].startswith("TIMESTAMP")
    ] + [pa.binary()]
    for number, case in enumerate(cases):
        if not case[0].startswith("TIMESTAMP"):
            assert set(binary[f"c{number}"].to_pylist()) == {*case[2], None}, case[0]


@pytest.mark.parametrize("engine", ["binary", "cursor"])
def test_a_name_that_is_there_twice(filled: dict[str, Any], engine: str) -> None:
    query = "SELECT 1 AS id, 'x' AS id, 3 AS id_2, NULL AS id"
    assert read(filled, query=query, engine=engine).to_pylist() == [{"id": 1, "id_3": "x", "id_2": 3, "id_4": None}]


def test_both_engines_give_the_same_text(filled: dict[str, Any]) -> None:
    columns = [name for name in read(filled, table="every").column_names if name != "b"]
    binary, text = (
        read(filled, table="every", columns=columns, text_columns=columns, engine=engine)
        for engine in ("binary", "cursor")
    )
    assert binary.schema == text.schema == pa.schema([(name, pa.string()) for name in columns])
    assert binary.to_pylist() == text.to_pylist()
    assert {name: binary[name][0].as_py() for name in ("u64", "t", "y", "bits", "stamp", "wide")} == {
        "u64": "18446744073709551615",
        "t": "-838:59:59.000000",
        "y": "1901",
        "bits": "257",
        "stamp": "2024-07-01 10:00:00.000001",
        "wide": f"0.{'0' * 29}1",
    }


def test_text_has_the_zeros_that_the_server_shows(filled: dict[str, Any], mysql_family: MySQLFamilyServer) -> None:
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(filled["database"])
        cursor.execute("CREATE TABLE padded (i INT(8) ZEROFILL, d DECIMAL(10, 3) ZEROFILL, y YEAR, t TIME(2))")
        cursor.execute("INSERT INTO padded VALUES (12, 12.5, 0, '-00:00:00.5')")
    for engine in ("binary", "cursor"):
        shown = read(filled, table="padded", text_columns=["i", "d", "y", "t"], engine=engine)
        assert shown.to_pylist() == [{"i": "00000012", "d": "0000012.500", "y": "0000", "t": "-00:00:00.50"}]


def test_bytes_are_text_if_they_can_be(filled: dict[str, Any]) -> None:
    for engine in ("binary", "cursor"):
        query = "SELECT CAST('ž' AS BINARY) AS v"
        assert read(filled, query=query, text_columns=["v"], engine=engine).to_pylist() == [{"v": "ž"}]
        query = "SELECT X'61' AS v UNION ALL SELECT X'62' UNION ALL SELECT X'FF'"
        with pytest.raises(DataError, match="Column v, row 3: the text is not valid") as raised:
            read(filled, query=query, text_columns=["v"], engine=engine, batch_rows=1)
        assert (raised.value.column, raised.value.row) == ("v", 3)


@pytest.fixture
def special(filled: dict[str, Any], mysql_family: MySQLFamilyServer) -> dict[str, list[Any]]:
    """The columns of a table ``special``, whose columns ``d``, ``m`` and ``s`` have dates that are none, late in it."""
    with closing(mysql_family.connect()) as connection, connection.cursor() as cursor:
        connection.select_db(filled["database"])
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute("CREATE TABLE special (id INT PRIMARY KEY, d DATE, m DATETIME(3), s TIMESTAMP NULL, fine DATE)")
        cursor.execute(
            "INSERT INTO special "
            f"SELECT seq, '2024-01-02', '2024-01-02 03:04:05.678', NULL, '0000-01-01' FROM {numbers(70_000)}"
        )
        cursor.execute("UPDATE special SET d = '2024-02-31', m = '2024-00-00 01:00:00' WHERE id = 69000")
        cursor.execute("UPDATE special SET s = '0000-00-00' WHERE id = 200")
    columns: dict[str, list[Any]] = {
        "id": list(range(1, 70_001)),
        "d": ["2024-01-02"] * 70_000,
        "m": ["2024-01-02 03:04:05.678"] * 70_000,
        "s": [None] * 70_000,
    }
    columns["d"][68_999], columns["m"][68_999] = "2024-02-31", "2024-00-00 01:00:00.000"
    columns["s"][199] = "0000-00-00 00:00:00"
    return columns


@pytest.mark.parametrize("engine", ["binary", "cursor"])
def test_a_value_that_no_arrow_type_has_makes_its_column_text(
    filled: dict[str, Any], special: dict[str, list[Any]], engine: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"table": "special", "engine": engine, "resolved_connection": filled}
    ctx = RecordingContext()
    try:
        result = get_driver("mysql.extractor").run(step_id="read", config=given, inputs={}, ctx=ctx)
        staged = Staging(tmp_path.as_uri(), UPath).write(["it"], result["data"])
    finally:
        close_all()

    table = pq.read_table(tmp_path / "it" / "data.parquet")
    assert table.schema.field("fine").type == pa.date32()
    assert table.select(["id", "d", "m", "s"]).to_pydict() == special
    assert (staged.rows, ctx.value("rows_read")) == (70_000, 70_000)
    assert [path.name for path in (tmp_path / "it").iterdir()] == ["data.parquet"]
    assert "Column s holds 0000-00-00 00:00:00 in row 200" in caplog.text
    assert "Column d holds 2024-02-31 in row 69,000" in caplog.text


@pytest.mark.usefixtures("special")
@pytest.mark.parametrize("engine", ["binary", "cursor"])
def test_values_that_no_arrow_type_has_can_be_null(filled: dict[str, Any], engine: str) -> None:
    table = read(filled, table="special", engine=engine, special_values="null")
    assert table.schema.types[1:4] == [pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")]
    assert table.filter(pc.field("d").is_null())["id"].to_pylist() == [69_000]
    assert table["m"].null_count == 1
    assert table["s"].null_count == 70_000


def test_a_text_column_that_there_is_not(filled: dict[str, Any]) -> None:
    with pytest.raises(DriverConfigError, match=r"no column bats\. Did you mean 'bits'"):
        read(filled, table="every", text_columns=["bats"])


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


def test_what_cannot_be_prepared_is_read_through_a_cursor(
    filled: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert read(filled, query="CALL called()").to_pylist() == [{"one": 1}]
    assert "Step read: reading MySQL through a cursor: The server does not prepare this statement" in caplog.text
    with pytest.raises(DriverConfigError, match="Step read: The server does not prepare this statement"):
        read(filled, query="CALL called()", engine="binary")
    assert read(filled, query="SELECT 1 AS one").to_pylist() == [{"one": 1}]
    assert "Step read: reading MySQL through the binary protocol: it is faster and exact" in caplog.text


@pytest.mark.parametrize("engine", ["binary", "cursor"])
def test_a_value_that_is_cut_behind_many_warnings(
    filled: dict[str, Any], mysql_family: MySQLFamilyServer, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    late = f"IF(seq = 2000, REPEAT('x', 1000000000), CONCAT(seq, 'x') + 0) AS s FROM {numbers(2000)}"
    query = f"SELECT seq, {late} ORDER BY seq"
    if mysql_family.label == "mariadb":
        with pytest.raises(DataError, match="Step read: the server returned NULL in the place of a value"):
            read(filled, query=query, engine=engine)
    else:
        # Its users may not have it keep more.
        assert read(filled, query=query, engine=engine)["s"].to_pylist()[-2:] == ["1999", None]
        assert "Step read: the server had more warnings than its max_error_count has it keep" in caplog.text


@pytest.mark.parametrize("engine", ["auto", "cursor"])
def test_a_statement_without_a_result_has_no_columns(filled: dict[str, Any], engine: str) -> None:
    read_nothing = read(filled, query="SET @nothing = 1", engine=engine)
    assert (read_nothing.column_names, read_nothing.num_rows) == ([], 0)


def test_float_is_refused_as_text(filled: dict[str, Any]) -> None:
    assert read(filled, table="floats").num_rows == 0
    with pytest.raises(DataError, match="CAST"):
        read(filled, table="floats", engine="cursor")
