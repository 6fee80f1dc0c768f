"""PostgreSQL keeps 63 bytes of a name: what it would cut is refused before anything is written or read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from osiris_provider.connectors import close_all
from osiris_provider.drivers import get_driver
from osiris_provider.errors import DataError, DriverConfigError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.state import MemoryState

from tests.integration.postgres.sessions import connect
from tests.servers import Address

SAME = "t" * 63
UMLAUT = "ä" * 31 + "x"
"""63 bytes."""
ROWS = pa.table({"a": [1]})


@pytest.fixture
def address(postgres_database: Address) -> Iterator[Address]:
    yield postgres_database
    close_all()


def connection_of(address: Address, family: str = "postgres") -> dict[str, Any]:
    if family == "postgres":
        return {"family": family, "alias": "x", **asdict(address)}
    dsn = psycopg2.extensions.make_dsn(
        host=address.host, port=address.port, user=address.user, password=address.password, dbname=address.database
    )
    return {"family": family, "alias": "x", "url": "https://abc123.supabase.co", "pg_dsn": dsn}


def write(address: Address, table: str, rows: pa.Table, family: str = "postgres", **config: Any) -> None:
    step = {"resolved_connection": connection_of(address, family), "table": table, "create_if_missing": True, **config}
    driver = get_driver(f"{family}.writer")
    driver.run(step_id="s", config=step, inputs={"source": {"data": rows}}, ctx=RecordingContext())


def read(address: Address, **config: Any) -> pa.Table:
    step = {"resolved_connection": connection_of(address), **config}
    ctx = RecordingContext(state=MemoryState())
    return get_driver("postgres.extractor").run(step_id="s", config=step, inputs={}, ctx=ctx)["data"].read_all()


def tables(address: Address) -> list[str]:
    with closing(connect(address)) as client, client.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        return sorted(name for (name,) in cursor.fetchall())


@pytest.mark.parametrize("name", [SAME, UMLAUT])
def test_the_longest_names_are_kept(address: Address, name: str) -> None:
    rows = pa.table({name: [1]})
    for _ in range(2):
        write(address, name, rows)
    assert read(address, table=name, columns=[name]).to_pydict() == {name: [1, 1]}
    assert tables(address) == [name]


@pytest.mark.parametrize("family", ["postgres", "supabase"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_two_tables_that_agree_in_63_bytes_do_not_become_one(address: Address, family: str, mode: str) -> None:
    for name in (f"{SAME}_orders", f"{SAME}_refunds", f"public.{SAME}_x", UMLAUT + "é"):
        with pytest.raises(DriverConfigError, match="PostgreSQL would cut it to 63") as raised:
            write(address, name, ROWS, family, write_mode=mode)
        assert "Step s: table t" in str(raised.value) or "Step s: table ä" in str(raised.value)
    assert tables(address) == []


@pytest.mark.parametrize("family", ["postgres", "supabase"])
def test_a_long_column_is_refused_at_the_first_load(address: Address, family: str) -> None:
    rows = pa.table({"a": [1], "c" * 64: [1]})
    with pytest.raises(DataError, match=r"Step s: column c{64} has a name of 64 bytes.*Nothing was written") as raised:
        write(address, "short", rows, family)
    assert (raised.value.step, raised.value.column) == ("s", "c" * 64)
    with pytest.raises(OsirisError, match="64 bytes"):
        write(address, "short", rows, family, write_mode="upsert", primary_key=["c" * 64])
    assert tables(address) == []


@pytest.mark.parametrize(
    "config",
    [
        {"table": f"{SAME}x"},
        {"table": SAME, "columns": ["c" * 64]},
        {"table": SAME, "incremental": {"column": "c" * 64}},
        {"table": SAME, "partition_on": "c" * 64},
    ],
)
def test_no_other_table_or_column_is_read(address: Address, config: dict[str, Any]) -> None:
    write(address, SAME, pa.table({"c" * 63: [1]}))
    with pytest.raises(DriverConfigError, match="64 bytes"):
        read(address, **config)


@pytest.mark.parametrize(
    "name", ["c" * 64, "ä" * 32, "€" * 21 + "x", "c" * 60 + "🦆", "c" * 63 + " d", '"' * 2 + "c" * 63]
)
def test_no_column_of_a_query_is_read_under_another_name(address: Address, name: str) -> None:
    for query in (f'SELECT 1 AS "{name}"', f'SELECT 1 AS "{name}", 2 AS "{name}_too"'):
        with pytest.raises(DataError, match=r"Step s: column .* has a name of 6\d bytes; PostgreSQL would") as raised:
            read(address, query=query)
        assert raised.value.step == "s"
        assert str(raised.value.column) in name
    kept = "c" * 63
    assert read(address, query=f'SELECT 1 AS "{kept}", 2 AS "{kept}"').num_columns == 2
    with pytest.raises(DataError, match=r"column C{64} has a name of 64 bytes"):
        read(address, query=f"SELECT 1 AS {'C' * 64}")
    # No character has more than four bytes: a name of 59 has all of its own.
    assert read(address, query=f'SELECT 1 AS "{kept[:59]}", 2 AS "{kept}"').num_columns == 2


def test_a_name_with_u0000_is_refused(address: Address) -> None:
    with pytest.raises(
        DataError, match=r"Step s: the name of column a\\0b has the character U\+0000.*Nothing"
    ) as raised:
        write(address, "short", pa.table({"a\0b": [1]}))
    assert (raised.value.step, raised.value.column) == ("s", "a\0b")
    assert tables(address) == []


def test_a_refused_row_names_its_column_whatever_is_in_the_name(postgres_database: Address) -> None:
    for number, name in enumerate(("a", "a: b", "a:", ':"x": 1', "a, line 7", "two\nlines")):
        with closing(connect(postgres_database)) as client, client, client.cursor() as cursor:
            quoted = '"' + name.replace('"', '""') + '"'
            cursor.execute(f'CREATE TABLE "t: {number}" (a uuid, {quoted} inet)'.replace('a uuid, "a"', '"a"'))
        with pytest.raises(DataError) as raised:
            write(postgres_database, f"t: {number}", pa.table({name: ["::1", "no address"]}))
        assert (raised.value.column, raised.value.row) == (name, 2)
    close_all()
