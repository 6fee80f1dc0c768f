"""The ledger of loads, in a database of the test's own: which load has ended, and which are forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.ledger import DONE, KEPT_DAYS, LOADING, SWAPPING, TABLE, Ledger
from osiris_provider.drivers.sql.write import ledger_of, say_loaded


class Database:
    def __init__(self, client: duckdb.DuckDBPyConnection) -> None:
        self._client = client
        self.ledger("load").create()

    def run(self, statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return self._client.execute(statement.replace("%s", "?"), values).fetchall()

    def ledger(self, load_id: str, target: str = "orders") -> Ledger:
        return Ledger(self.run, "loads", load_id, target)

    def rows(self) -> list[tuple[Any, ...]]:
        return self._client.execute("SELECT load_id, target, state, rows_written FROM loads ORDER BY ALL").fetchall()


@pytest.fixture
def database() -> Iterator[Database]:
    with closing(duckdb.connect()) as client:
        yield Database(client)


def test_a_load_has_ended_once_it_is_said_and_until_it_is_taken_back(database: Database) -> None:
    ledger = database.ledger("load")
    ledger.create()
    assert (ledger.recorded(), ledger.claim()) == (None, None)
    assert database.rows() == [("load", "orders", LOADING, None)]
    ledger.finish(5, SWAPPING)
    assert (ledger.recorded(), ledger.claim()) == (None, None)
    assert database.rows() == [("load", "orders", SWAPPING, 5)]
    ledger.finish(7)
    assert database.rows() == [("load", "orders", DONE, 7)]
    assert (ledger.recorded(), ledger.claim(), database.ledger("load").claim()) == (7, 7, 7)
    ledger.forget()
    assert (ledger.recorded(), database.rows()) == (None, [])


def test_a_load_is_one_of_its_table_and_its_task(database: Database) -> None:
    ledgers = [database.ledger(*of) for of in (("a", "t"), ("a", "u"), ("b", "t"), ('a", "t', "u"), ("a" * 2000, "t"))]
    for number, ledger in enumerate(ledgers):
        assert ledger.claim() is None
        ledger.finish(number)
    assert [ledger.recorded() for ledger in ledgers] == [0, 1, 2, 3, 4]
    assert len({ledger.key for ledger in ledgers}) == 5
    assert {len(ledger.key) for ledger in ledgers} == {64}
    assert max(len(load_id) for load_id, *_ in database.rows()) == 1000
    ledgers[0].forget()
    assert [ledger.recorded() for ledger in ledgers] == [None, 1, 2, 3, 4]


def test_only_loads_that_ended_long_ago_are_forgotten(database: Database) -> None:
    for days in (KEPT_DAYS - 1, KEPT_DAYS + 1):
        for state in (LOADING, SWAPPING, DONE):
            ledger = database.ledger(f"{state} {days}")
            ledger.claim()
            ledger.finish(1, state)
            since = f"now()::TIMESTAMP - INTERVAL {days} DAY"
            database.run(f"UPDATE loads SET loaded_at = {since} WHERE load_key = %s", (ledger.key,))
    database.ledger("other").prune()
    assert [load_id for load_id, *_ in database.rows()] == sorted(
        [f"{state} {days}" for state in (LOADING, SWAPPING, DONE) for days in (89, 91) if (state, days) != (DONE, 91)]
    )


def test_what_older_versions_have_written_means_the_same(database: Database) -> None:
    assert (LOADING, SWAPPING, DONE, TABLE, KEPT_DAYS) == ("loading", "swapping", "done", "_osiris_loads", 90)
    assert database.ledger("load").key == hashlib.sha256(b'["load", "orders"]').hexdigest()


def step_of(load_id: str | None = "load", cleared_at: int = 0, **config: Any) -> Any:
    given = WriteConfig(**{"table": "s%.orders", **config})
    return SimpleNamespace(id="write", config=given, load_id=load_id, cleared_at=cleared_at)


def ledger_beside(step: Any, database: Database) -> Ledger:
    ledger = ledger_of(step, database.run, "<{}>".format)
    assert ledger is not None
    return ledger


def test_the_ledger_lies_beside_the_table_of_its_load(database: Database) -> None:
    asked: list[str] = []

    def run(statement: str, _: Sequence[Any]) -> Sequence[Sequence[Any]]:
        asked.append(statement)
        return []

    ledger = ledger_of(step_of(), run, "<{}>".format)
    assert ledger is not None
    ledger.forget()
    # For a server's client, which has parameters.
    assert "FROM <s%%>.<_osiris_loads> WHERE" in asked[0]
    assert ledger.key == database.ledger("load").key
    assert ledger_of(step_of(ledger=False), database.run, str) is None
    assert ledger_of(step_of(None), database.run, str) is None


@pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
def test_a_load_that_is_cleared_is_another_unless_rows_would_double(database: Database, mode: str) -> None:
    config = {"write_mode": mode, "primary_key": "id"}
    keys = [ledger_beside(step_of(cleared_at=tries, **config), database).key for tries in (0, 1, 2)]
    assert len(set(keys)) == (1 if mode == "append" else 3)


def test_what_to_do_for_rows_that_are_wanted_once_more_is_said(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = ledger_beside(step_of(), database)
    assert say_loaded(step_of(), ledger, 5) == 5
    assert [record.args for record in caplog.records] == [("write", 5, "s%.orders", "<s%>.<_osiris_loads>", ledger.key)]
