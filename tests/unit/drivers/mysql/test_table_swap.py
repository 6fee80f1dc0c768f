"""A new table takes the place of an old one: wherever the load dies, it is known afterwards whether it has happened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from osiris_provider.drivers.mysql.table_swap import Swap
from osiris_provider.drivers.sql.ledger import DONE, LOADING, SWAPPING, TABLE, Ledger, run_with
from osiris_provider.errors import DataError

from tests.unit.drivers.mysql import Rows, refused

OLD, NEW = "old rows", "new rows"
ROWS = 3


class DiedError(BaseException):
    """The process was killed."""


class Database:
    """Tables by name, each with what it holds, and the ledger; transactions as MySQL has them.

    :param tables: that are there.
    :param ledger: states by key.
    """

    description: Any = ("rows",)

    def __init__(self, tables: dict[str, str], ledger: dict[str, str] | None = None) -> None:
        self.tables, self.ledger, self.saved = tables, ledger or {}, dict(ledger or {})
        self.count, self.dies_at = 0, -1
        """How many statements there have been, and at which of them the load dies."""
        self.late, self.killed = False, True
        """Whether the server has run that one, and whether all of the process dies, and its line."""
        self.referred_to: dict[str, pymysql.MySQLError] = {}
        self.connection: Any = SimpleNamespace(
            open=True,
            begin=lambda: self.execute("BEGIN"),
            commit=lambda: self.execute("COMMIT"),
            rollback=lambda: self.execute("ROLLBACK"),
        )
        self._rows: Rows = ()

    def swap(self, load_id: str | None = "load", table: str = "shop.orders") -> Swap:
        cursor: Any = self
        ledger = Ledger(run_with(cursor), "`shop`.`_osiris_loads`", load_id, "orders") if load_id else None
        return Swap(cursor, table, ledger)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        self.count += 1
        dies = self.count == self.dies_at
        if not dies or self.late:
            self._run(statement, values)
        if dies and self.killed:
            self.ledger = dict(self.saved)
            self.connection.open = False
        if dies:
            raise DiedError

    def fetchall(self) -> Rows:
        return self._rows

    def _run(self, statement: str, values: Sequence[Any]) -> None:
        verb, self._rows = statement.partition(" ")[0], ()
        names = [name.replace("`", "").removeprefix("shop.") for name in re.findall(r"`shop`\.`\w+`", statement)]
        if verb in ("RENAME", "DROP"):
            self._define(verb, names)
        elif verb in ("COMMIT", "BEGIN"):
            self.saved = dict(self.ledger)
        elif verb == "ROLLBACK":
            self.ledger = dict(self.saved)
        elif "information_schema.tables" in statement:
            assert values[0] == "shop"
            self._rows = [(name,) for name in self.tables if name.startswith(values[1])]
        else:
            assert names == [TABLE]
            self._keep_books(statement, values)

    def _define(self, verb: str, names: list[str]) -> None:
        self.saved = dict(self.ledger)
        if verb == "RENAME":
            for name, other in zip(names[::2], names[1::2], strict=True):
                assert other not in self.tables
                self.tables[other] = self.tables.pop(name)
        elif error := self.referred_to.get(names[0]):
            raise error
        else:
            self.tables.pop(names[0], None)

    def _keep_books(self, statement: str, values: Sequence[Any]) -> None:
        if statement.startswith("INSERT IGNORE"):
            self.ledger.setdefault(values[0], values[3])
        elif statement.startswith("UPDATE"):
            state = re.search("state = '(.*?)'", statement)
            if values[-1] in self.ledger:
                self.ledger[values[-1]] = state[1] if state else values[0]
        elif statement.startswith("DELETE"):
            self.ledger.pop(values[0], None)
        elif "SELECT load_key" in statement:
            assert values[0] == "orders"
            self._rows = [(key,) for key, state in self.ledger.items() if state == values[1]]
        else:
            self._rows = [(self.ledger[values[0]], ROWS)] if values[0] in self.ledger else []


def fill(database: Database, swap: Swap) -> int:
    """Create and fill the new table, as the writer does."""
    database.execute("BEGIN")
    database.tables[swap.new_table.removeprefix("shop.")] = NEW
    return ROWS


def load(database: Database, *, exists: bool, load_id: str | None = "load") -> int:
    swap = database.swap(load_id)
    swap.recover()
    return swap.replace(lambda: fill(database, swap), exists=exists)


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("load_id", ["load", None])
def test_the_new_table_is_in_the_place_of_the_old_one(load_id: str | None, exists: bool) -> None:
    database = Database({"other": OLD, TABLE: "", **({"orders": OLD} if exists else {})})
    assert load(database, exists=exists, load_id=load_id) == ROWS
    assert database.tables == {"other": OLD, TABLE: "", "orders": NEW}
    assert list(database.saved.values()) == ([DONE] if load_id else [])


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("killed", [True, False])
def test_wherever_it_dies_the_next_load_knows_whether_it_has_happened(killed: bool, late: bool, exists: bool) -> None:
    deaths = set()
    for number in range(1, 100):
        database = Database({TABLE: "", **({"orders": OLD} if exists else {})})
        database.dies_at, database.late, database.killed = number, late, killed
        try:
            load(database, exists=exists)
        except DiedError:
            database.connection.open = True
        else:
            break
        state = list(database.ledger.values())
        assert state in ([], [SWAPPING], [DONE])
        assert (database.tables.get("orders") == NEW) or (DONE not in state)
        database.swap("another").recover()
        has_happened = database.tables.get("orders") == NEW
        assert set(database.tables) == {TABLE, *(["orders"] if exists or has_happened else [])}
        assert list(database.saved.values()) == ([DONE] if has_happened else []), number
        deaths.add((has_happened, *state))
    assert deaths >= {(False,), (False, SWAPPING), (True, SWAPPING)}


def test_a_load_that_fails_leaves_the_old_table_and_nothing_else() -> None:
    for error in (ValueError("x"), KeyboardInterrupt()):
        database = Database({"orders": OLD, TABLE: ""})
        swap = database.swap()

        def fails(error: BaseException = error, database: Database = database, swap: Swap = swap) -> int:
            fill(database, swap)
            raise error

        with pytest.raises(type(error)):
            swap.replace(fails, exists=True)
        assert (database.tables, database.saved, database.ledger) == ({"orders": OLD, TABLE: ""}, {}, {})


@pytest.mark.parametrize("code", [1217, 1451, 3730])
@pytest.mark.parametrize("load_id", ["load", None])
def test_an_old_table_to_which_others_refer_is_put_back(code: int, load_id: str | None) -> None:
    database = Database({"orders": OLD, TABLE: ""})
    old = database.swap(load_id).new_table.removeprefix("shop.").removesuffix("new") + "old"
    database.referred_to[old] = refused(code)
    with pytest.raises(DataError, match=r"Table shop\.orders: foreign keys of tables that the user may not see"):
        load(database, exists=True, load_id=load_id)
    assert (database.tables, database.saved) == ({"orders": OLD, TABLE: ""}, {})


def test_a_table_that_cannot_be_dropped_for_another_reason_is_an_error() -> None:
    database = Database({"orders": OLD, TABLE: ""})
    database.referred_to[database.swap().new_table.removeprefix("shop.").replace("_new", "_old")] = refused(1142)
    with pytest.raises(pymysql.OperationalError, match="1142"):
        load(database, exists=True)


def test_what_a_load_that_died_has_left_and_others_refer_to_is_named() -> None:
    database = Database({"orders": OLD})
    left = database.swap("another").new_table.removeprefix("shop.")
    database.tables[left] = NEW
    database.referred_to[left] = refused(3730)
    with pytest.raises(DataError, match=rf"Table shop\.orders: .* has left {left}, .*refer to shop\.orders again"):
        database.swap().recover()
    assert set(database.tables) == {"orders", left}


def test_loads_that_are_at_work_keep_their_rows_of_the_ledger() -> None:
    database = Database({"orders": OLD, TABLE: ""}, {"a": LOADING, "b": DONE, "c": SWAPPING})
    database.swap().recover()
    assert database.saved == {"a": LOADING, "b": DONE, "c": DONE}


def test_tables_of_others_are_never_those_of_a_load() -> None:
    names = {Database({}).swap(load, table).new_table for load in ("a", "b", None) for table in ("t", "u", "s.t")}
    assert len(names) == 9
    assert all(len(name.rpartition(".")[2]) <= 64 for name in names)
    assert Database({}).swap("a", "s.t").new == f"`s`.`{Database({}).swap('a', 't').new_table}`"
