"""The character U+0000 goes into PostgreSQL never, and never by accident: it is refused by name, or left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.integration.postgres.sessions import connect
from tests.servers import Address
from tests.servers.apis.fake_supabase import FakeSupabase

KEY = "sb_secret_of_the_test"


def listed(values: pa.Array) -> pa.Array:
    """Return lists of a value each."""
    return pa.ListArray.from_arrays(pa.array(range(len(values) + 1), pa.int32()), values)


COLUMNS: dict[str, tuple[str, pa.Array, Any]] = {
    "text": ("text", pa.array(["fine", "a\0b\0"]), "ab"),
    "only": ("text", pa.array(["fine", "\0"]), ""),
    "large text": ("text", pa.array(["fine", "a\0b"], pa.large_string()), "ab"),
    "a text of six characters": ("text", pa.array(["fine", "\0\\u0000"]), "\\u0000"),
    "dictionary": ("text", pa.array(["fine", "a\0b"]).dictionary_encode(), "ab"),
    "json in a text": ("jsonb", pa.array(["{}", '{"a": "x\\u0000y"}']), {"a": "xy"}),
    "behind a backslash": ("jsonb", pa.array(["{}", '{"a": "\\\\\\u0000\\u0000y"}']), {"a": "\\y"}),
    "struct": ("jsonb", pa.array([{"a": "fine"}, {"a": "x\0y"}]), {"a": "xy"}),
    "list": ("jsonb", pa.array([["fine"], ["x\0", "\\u0000"]]), ["x", "\\u0000"]),
    "map": ("jsonb", pa.array([[("k", "v")], [("k", "\0")]], pa.map_(pa.string(), pa.string())), [["k", ""]]),
    # As polars gives its texts and categories.
    "views in a list": ("jsonb", pa.array([["fine"], ["x\0"]], pa.list_(pa.string_view())), ["x"]),
    "dictionary in a list": ("jsonb", listed(pa.array(["fine", "x\0"]).dictionary_encode()), ["x"]),
    "runs in a list": ("jsonb", listed(pc.run_end_encode(pa.array(["fine", "x\0"]))), ["x"]),
    "name in a struct": ("jsonb", pa.array([None, {"k\0": "v"}]), {"k": "v"}),
}
FINE: dict[str, tuple[str, pa.Array, Any]] = {
    "escape in a text": ("text", pa.array(["x\\u0000y"]), "x\\u0000y"),
    "escape in json": ("json", pa.array(['{"a": "x\\u0000y"}']), None),
    "escaped escape": ("jsonb", pa.array(['{"a": "\\\\u0000"}']), {"a": "\\u0000"}),
    "bytes": ("bytea", pa.array([b"\0"]), b"\0"),
}


@pytest.fixture
def connection(postgres_database: Address) -> Iterator[dict[str, Any]]:
    yield {"family": "postgres", "alias": "it", **asdict(postgres_database)}
    close_all()


def written(
    address: Address, connection: dict[str, Any], kind: str | None, column: pa.Array, **config: Any
) -> list[Any]:
    """Return the column of a new table after writing to it; ``kind`` is its type, None lets the writer create it."""
    with closing(connect(address)) as client, client, client.cursor() as cursor:
        if kind:
            cursor.execute(f'CREATE TABLE t (n int, "a b" {kind})')
        config = {"table": "t", "create_if_missing": True, "resolved_connection": connection, **config}
        inputs = {"e": {"data": pa.table({"n": range(1, len(column) + 1), "a b": column})}}
        client.commit()
        get_driver("postgres.writer").run(step_id="w", config=config, inputs=inputs, ctx=RecordingContext())
        cursor.execute('SELECT "a b" FROM t ORDER BY n')
        return [value.tobytes() if isinstance(value, memoryview) else value for (value,) in cursor.fetchall()]


@pytest.mark.parametrize(("kind", "column", "stripped"), COLUMNS.values(), ids=COLUMNS)
def test_it_is_refused_with_column_and_row_or_stripped(
    postgres_database: Address, connection: dict[str, Any], kind: str, column: pa.Array, stripped: Any
) -> None:
    with pytest.raises(DataError, match=r"Step w: Table t: column a b, row 2 of the input: .*U\+0000.*strip_nul"):
        written(postgres_database, connection, kind, column)
    close_all()
    assert written(postgres_database, connection, None, column, strip_nul=True)[-1] == stripped


@pytest.mark.parametrize("column", [COLUMNS["text"][1], COLUMNS["struct"][1]], ids=["text", "struct"])
def test_a_table_that_the_writer_creates_has_the_same_rule(
    postgres_database: Address, connection: dict[str, Any], column: pa.Array
) -> None:
    with pytest.raises(DataError, match="column a b, row 2"):
        written(postgres_database, connection, None, column)
    close_all()
    assert written(postgres_database, connection, None, column, strip_nul=True)[-1] in ("ab", {"a": "xy"})


@pytest.mark.parametrize(("kind", "column", "value"), FINE.values(), ids=FINE)
def test_what_postgres_takes_is_left_alone(
    postgres_database: Address, connection: dict[str, Any], kind: str, column: pa.Array, value: Any
) -> None:
    for strip in (False, True):
        with closing(connect(postgres_database)) as client, client, client.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS t")
        if value is None:
            written(postgres_database, connection, kind, column, strip_nul=strip)
        else:
            assert written(postgres_database, connection, kind, column, strip_nul=strip) == [value]
        close_all()


def test_the_row_is_that_of_the_whole_input(postgres_database: Address, connection: dict[str, Any]) -> None:
    column = pa.array(["x"] * 150_000 + ["\0"])
    with pytest.raises(DataError, match="row 150,001 of the input"):
        written(postgres_database, connection, "text", column)


def test_the_data_api_has_the_same_rule() -> None:
    with FakeSupabase(KEY, "anon", {"people": []}) as server:
        connection = {"family": "supabase", "alias": "test", "url": server.origin, "service_role_key": KEY}
        config = {"resolved_connection": connection, "table": "people"}
        inputs = {"e": {"data": pa.table({"id": [1], "name": ["a\0"]})}}
        writer = get_driver("supabase.writer")
        with pytest.raises(DataError, match=r"column name, row 1.*strip_nul"):
            writer.run(step_id="w", config=config, inputs=inputs, ctx=RecordingContext())
        assert not server.posts
        writer.run(step_id="w", config={**config, "strip_nul": True}, inputs=inputs, ctx=RecordingContext())
        assert server.tables["people"] == [{"id": 1, "name": "a"}]
        nested = {"e": {"data": pa.table({"id": [2], "name": [["a\0"]]})}}
        writer.run(step_id="w", config=config, inputs=nested, ctx=RecordingContext())
        assert server.tables["people"][1:] == [{"id": 2, "name": ["a\0"]}]
        close_all()
