"""Reading, writing and transforming with DuckDB."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.duckdb.extractor import DuckDBExtractor, DuckDBProcessor
from osiris_provider.drivers.duckdb.writer import DuckDBWriter
from osiris_provider.drivers.sql.base import BATCH_BYTES
from osiris_provider.errors import ConnectionConfigError, ConnectorError, DataError, DriverConfigError
from osiris_provider.testing.context import RecordingContext

PEOPLE = pa.table({"id": [1, 2, 3], "name": ["a", None, "ž"]})


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "test.duckdb"
    close_all()


def connection_to(path: Path, **fields: Any) -> dict[str, Any]:
    return {"family": "duckdb", "alias": "it", "path": str(path), **fields}


def read(path: Path, **config: Any) -> pa.Table:
    config["resolved_connection"] = connection_to(path)
    return DuckDBExtractor().run(step_id="read", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()


def write(path: Path, data: Any, **config: Any) -> int:
    config = {"table": "people", "resolved_connection": connection_to(path), **config}
    result = DuckDBWriter().run(step_id="w", config=config, inputs={"e": {"data": data}}, ctx=RecordingContext())
    return int(result["rows_written"])


def process(query: str, inputs: dict[str, Any], **config: Any) -> pa.Table:
    config["query"] = query
    return DuckDBProcessor().run(step_id="p", config=config, inputs=inputs, ctx=RecordingContext())["data"].read_all()


def prepare(path: Path, *statements: str) -> None:
    with duckdb.connect(path) as database:
        for statement in statements:
            database.execute(statement)


def test_types_survive_a_round_trip(path: Path) -> None:
    now = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.timezone.utc)
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int64()),
            "d": pa.array([decimal.Decimal("1.20"), None], pa.decimal128(20, 2)),
            "t": pa.array([now, None], pa.timestamp("us", "UTC")),
            "day": pa.array([now.date(), None], pa.date32()),
            "b": pa.array([b"\x00\xff", None], pa.binary()),
            "ok": pa.array([True, None]),
            "l": pa.array([[1, 2], None], pa.list_(pa.int32())),
            "nothing": pa.nulls(2),
        }
    )
    write(path, table)
    actual = read(path, table="people")
    assert actual.to_pylist() == table.to_pylist()
    assert actual.schema.field("nothing").type == pa.string()


def test_table_and_query(path: Path) -> None:
    prepare(path, "CREATE SCHEMA s", 'CREATE TABLE s."Odd ""name" AS SELECT 1 AS a, 2 AS "b c"')
    assert read(path, table='s.Odd "name', columns=["b c"]).to_pydict() == {"b c": [2]}
    assert read(path, query="SELECT ?::INT AS x;", params=[7]).to_pydict() == {"x": [7]}


@pytest.mark.parametrize(
    ("query", "rows", "warned"),
    [
        ("SELECT 1 AS a; SELECT 2 AS b", {"b": [2]}, True),
        ("SELECT 1 AS a; CREATE TEMP TABLE t AS SELECT 2 AS b; FROM t;", {"b": [2]}, True),
        ("CREATE TEMP TABLE t AS SELECT 2 AS b; FROM t", {"b": [2]}, False),
        ("SELECT ';' AS b;\n", {"b": [";"]}, False),
    ],
)
@pytest.mark.parametrize("reads", [True, False])
def test_rows_of_statements_before_the_last_are_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture, query: str, rows: dict[str, list[Any]], warned: bool, reads: bool
) -> None:
    assert (read(path, query=query) if reads else process(query, {})).to_pydict() == rows
    said = f"Step {'read' if reads else 'p'}: the query has several statements, and only the rows of the last one are"
    assert (said in caplog.text) is warned


def test_empty_result_keeps_its_columns(path: Path) -> None:
    prepare(path, "CREATE TABLE t(a INT, b VARCHAR)")
    assert read(path, table="t").schema.names == ["a", "b"]


def test_python_variables_are_no_tables(path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"read.*Table with name step"):
        read(path, query="SELECT * FROM step")


def test_result_is_not_held_in_memory(path: Path) -> None:
    code = """
import resource, sys
from osiris_provider.drivers.duckdb.extractor import DuckDBExtractor
from osiris_provider.testing.context import RecordingContext
config = {"query": "SELECT i, 'text number ' || i AS s, i * 1.5 AS d FROM range($n) r(i)", "params": {"n": 10_000_000}}
config["resolved_connection"] = {"family": "duckdb", "path": sys.argv[1]}
reader = DuckDBExtractor().run(step_id="x", config=config, inputs={}, ctx=RecordingContext())["data"]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(batch.num_rows for batch in reader) == 10_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 150, "the whole result takes some 600 MiB"


def test_batches_of_large_rows_have_fewer(path: Path) -> None:
    def batches(query: str) -> list[tuple[int, int]]:
        config = {"query": query, "resolved_connection": connection_to(path)}
        reader = DuckDBExtractor().run(step_id="x", config=config, inputs={}, ctx=RecordingContext())["data"]
        return [(batch.num_rows, batch.nbytes) for batch in reader if batch.num_rows]

    large = batches("SELECT repeat('x', 10_000) AS s FROM range(20_000)")
    assert sum(rows for rows, _ in large) == 20_000
    assert max(size for _, size in large) < 2 * BATCH_BYTES, "they take 200 MB together"
    small = batches("SELECT i FROM range(200_000) r(i)")
    assert [rows for rows, _ in small] == [*[BATCH_ROWS] * 3, 200_000 - 3 * BATCH_ROWS]


def test_append_and_replace(path: Path) -> None:
    assert write(path, PEOPLE) == 3
    assert write(path, PEOPLE) == 3
    assert read(path, table="people").num_rows == 6
    assert write(path, PEOPLE.slice(1), write_mode="replace") == 2
    assert read(path, table="people").column("id").to_pylist() == [2, 3]


def test_replace_keeps_the_table(path: Path) -> None:
    prepare(path, "CREATE TABLE people(id INT PRIMARY KEY, name VARCHAR, kind VARCHAR DEFAULT 'new')")
    write(path, PEOPLE)
    write(path, PEOPLE, write_mode="replace")
    assert read(path, table="people").column("kind").to_pylist() == ["new"] * 3
    with pytest.raises(DataError, match=r"Step w.*column id, row 1 of the input: duplicate key, in the table"):
        write(path, PEOPLE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (pa.table({"id": [1], "nmae": ["x"], "extra": [1]}), "no column nmae, extra"),
        (pa.table({"name": ["x"]}), "lacks required column id"),
        (pa.table({"id": ["abc"], "name": ["x"]}), "not a whole number"),
        (pa.table({"id": [None], "name": ["x"]}), "takes no nulls"),
    ],
)
def test_data_that_does_not_fit_changes_nothing(path: Path, data: pa.Table, said: str) -> None:
    prepare(path, "CREATE TABLE people(id INT NOT NULL, name VARCHAR)", "INSERT INTO people VALUES (0, 'old')")
    with pytest.raises(DataError, match=said) as raised:
        write(path, data, write_mode="replace")
    assert "Step w" in str(raised.value)
    assert read(path, table="people").to_pylist() == [{"id": 0, "name": "old"}]


def test_replace_is_undone_when_the_input_breaks_off(path: Path) -> None:
    write(path, PEOPLE)

    def breaking() -> Iterator[pa.Table]:
        yield PEOPLE
        message = "no more"
        raise DataError(message, step="e")

    with pytest.raises(DataError, match=r"^no more$"):
        write(path, breaking(), write_mode="replace")
    assert read(path, table="people").num_rows == 3


def test_column_names_match_whatever_their_case(path: Path) -> None:
    prepare(path, "CREATE TABLE people(ID INT, Name VARCHAR)")
    write(path, PEOPLE.select(["name", "id"]))
    assert read(path, table="people").to_pylist()[0] == {"ID": 1, "Name": "a"}


def test_missing_table(path: Path) -> None:
    with pytest.raises(DataError, match="create_if_missing"):
        write(path, PEOPLE, create_if_missing=False)


def test_table_in_a_schema(path: Path) -> None:
    prepare(path, "CREATE SCHEMA s", "CREATE TABLE people(other INT)")
    write(path, PEOPLE, table="s.people")
    assert read(path, table="s.people").num_rows == 3


@pytest.mark.parametrize("fields", [{"read_only": True}, {"path": ":memory:"}])
def test_writer_refuses_connections_that_lose_rows(path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(ConnectionConfigError, match="Step w"):
        write(path, PEOPLE, resolved_connection=connection_to(path) | fields)


def test_processor_reads_an_input_more_than_once() -> None:
    inputs = {"e": {"data": PEOPLE.to_reader()}}
    assert process("SELECT count(*) AS n FROM e a, e b", inputs).to_pydict() == {"n": [9]}


def test_processor_takes_every_kind_of_input(tmp_path: Path) -> None:
    pq.write_table(PEOPLE, tmp_path / "it's.parquet")
    inputs: dict[str, Any] = {
        "path": {"data": None, "path": str(tmp_path / "it's.parquet")},
        "dataset": {"data": None, "dataset": ds.dataset(PEOPLE)},
        "arrow": {"data": PEOPLE},
        "chunks": {"data": ({"data": PEOPLE} for _ in range(2))},
        "frame": {"df": PEOPLE.to_pandas()},
    }
    counts = " UNION ALL ".join(f"SELECT '{name}' AS k, count(*) AS n FROM {name}" for name in inputs)
    actual = {row["k"]: row["n"] for row in process(counts, inputs).to_pylist()}
    assert actual == {"path": 3, "dataset": 3, "arrow": 3, "chunks": 6, "frame": 3}


def test_processor_names_inputs_by_step() -> None:
    inputs: dict[str, Any] = {"group.a-b": {"data": PEOPLE.to_reader()}, 'q"x': {"data": PEOPLE}}
    query = 'SELECT count(*) AS n FROM "group.a-b", group_a_b, "q""x", q_x'
    assert process(query, inputs).to_pydict() == {"n": [81]}


def test_processor_tells_names_apart() -> None:
    with pytest.raises(DriverConfigError, match=r"^Step p: some inputs differ only in case"):
        process("SELECT 1 AS a", {"A": {"data": PEOPLE}, "a": {"data": PEOPLE}})
    inputs = {"a.b": {"data": PEOPLE}, "a_b": {"data": PEOPLE.slice(1)}}
    assert process("SELECT count(*) AS n FROM a_b", inputs).to_pydict() == {"n": [2]}
    both = {"a.b": {"data": PEOPLE}, "A-b": {"data": PEOPLE.slice(1)}}
    assert process('SELECT count(*) AS n FROM "A-b"', both).to_pydict() == {"n": [2]}
    with pytest.raises(ConnectorError, match="no such table"):
        process("SELECT count(*) AS n FROM a_b", both)


def test_processor_with_a_connection(path: Path) -> None:
    write(path, PEOPLE)
    config = {"resolved_connection": connection_to(path)}
    assert process("SELECT p.id FROM e JOIN people p USING (id)", {"e": {"data": PEOPLE}}, **config).num_rows == 3
    prepare_names = read(path, query="SELECT table_name FROM information_schema.tables")
    assert prepare_names.to_pydict() == {"table_name": ["people"]}, "an input was left behind"


def test_processor_refuses_another_family() -> None:
    with pytest.raises(DriverConfigError, match=r"^Step p: needs a duckdb connection or none, not mysql") as raised:
        process("SELECT 1 AS a", {}, resolved_connection={"family": "mysql"})
    assert raised.value.step == "p"


@pytest.mark.parametrize("config", [{"memory": "1GB"}, {"threads": 2}])
def test_settings_of_a_connection_belong_to_the_connection(path: Path, config: dict[str, Any]) -> None:
    (field,) = config
    with pytest.raises(DriverConfigError, match=rf"^Step p: config field {field}: set it in the connection") as raised:
        process("SELECT 1 AS a", {}, resolved_connection=connection_to(path), **config)
    assert raised.value.step == "p"


def test_processor_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    query = "SELECT count(*) AS n FROM (SELECT DISTINCT i, 'some longer text ' || i FROM range(3000000) r(i)), e"
    assert process(query, {"e": {"data": PEOPLE.to_reader()}}, memory="300MB", threads=1).to_pydict() == {
        "n": [9000000]
    }
    close_all()
    assert os.listdir(tmp_path) == []


def test_processor_metric_counts_the_result() -> None:
    ctx = RecordingContext()
    config = {"query": "SELECT * FROM e WHERE id > 1"}
    reader = DuckDBProcessor().run(step_id="p", config=config, inputs={"e": {"data": PEOPLE}}, ctx=ctx)["data"]
    assert not ctx.metrics
    reader.read_all()
    assert ctx.value("rows_processed") == 2


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT nmae FROM e", "name"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT name::INT FROM e", "Could not convert"),
        ("SELECT * FROM read_csv('/no/such.csv')", "/no/such.csv"),
        ("SELECT 1 AS a, 2 AS a", "several columns are named a"),
        ("CREATE TABLE t (a INT); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "understand the SQL.*No support"),
        (
            "CREATE TABLE t (a INT); CREATE VIEW v AS FROM t; CREATE INDEX i ON t (a); ALTER TABLE t RENAME TO u",
            "understand the SQL.*depend",
        ),
        ("CREATE SEQUENCE s MAXVALUE 2; SELECT nextval('s') FROM e", "a value does not fit.*maximum"),
        ("-- only a comment", "there are no columns; a query must return rows"),
    ],
)
def test_query_errors_name_the_step_and_say_why(query: str, said: str) -> None:
    with pytest.raises((DataError, ConnectorError), match=f"Step p.*{said}") as raised:
        process(query, {"e": {"data": PEOPLE}})
    assert not raised.value.is_transient or query.endswith("csv')")
    assert "[" not in str(raised.value)
