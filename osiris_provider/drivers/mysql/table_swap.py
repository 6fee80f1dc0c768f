"""Replacing a table of MySQL by a new one, so that it is known afterwards whether that happened.

RENAME cannot be part of a transaction, so the ledger has it before: the row ``swapping`` is committed together
with the last rows of the new table, which then has the load's own name. A later load finds the row and either
that table, then it was not renamed and the load did not happen; or no such table, then it did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.tables import tables_like
from osiris_provider.drivers.sql.ledger import DONE, SWAPPING, TABLE, Ledger
from osiris_provider.drivers.sql.tables import quoted_table, split_table
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

INSERT = "INSERT IGNORE INTO {}"
_REFERRED_TO = (1217, 1451, 3730)
"""A foreign key refers to the table or to a row of it."""


class Swap:
    """A new table beside the target, and the way into its place.

    :param cursor: of the connection that writes; it has the target's lock.
    :param table: the target, perhaps with its database before it.
    :param ledger: of the load; None if it has none.
    """

    def __init__(self, cursor: Cursor, table: str, ledger: Ledger | None) -> None:
        self._cursor = cursor
        self._table = table
        self._ledger = ledger
        self._database, name = split_table(table)
        self._prefix = f"_osiris_{hashlib.sha256(name.encode()).hexdigest()[:16]}_"
        key = ledger.key if ledger else "once"
        self._new, self._old = self._new_of(key), f"{self._prefix}{key[:16]}_old"

    @property
    def new_table(self) -> str:
        """The new table, perhaps with its database before it."""
        return self._database + self._new

    @property
    def new(self) -> str:
        """The new table, quoted."""
        return quoted_table(self.new_table, quote)

    def recover(self) -> None:
        """Finish the books of loads that died, and remove the tables that they left."""
        left = tables_like(self._cursor, self._table, self._prefix)
        ledger = quoted_table(self._database + TABLE, quote).replace("%", "%%")
        if tables_like(self._cursor, self._table, TABLE):
            self._run(
                f"SELECT load_key FROM {ledger} WHERE target = %s AND state = %s",  # noqa: S608 - quoted
                (split_table(self._table)[1], SWAPPING),
            )
            for (key,) in self._cursor.fetchall():
                # Before the table goes: it is what tells that this load did not happen.
                undone = self._new_of(key) in left
                change = f"DELETE FROM {ledger}" if undone else f"UPDATE {ledger} SET state = '{DONE}'"  # noqa: S608 - quoted
                self._run(f"{change} WHERE load_key = %s", (key,))
            self._connection.commit()
        for name in left:
            if not self._drop_unless_referred_to(name):
                raise self._stuck(name)

    def _stuck(self, name: str) -> DataError:
        message = (
            f"Table {self._table}: a load that died while it replaced it has left {name}, to which foreign keys of "
            f"other tables refer. Nothing was written. Have them refer to {self._table} again, then drop {name}."
        )
        return DataError(message)

    def replace(self, fill: Callable[[], int], *, exists: bool) -> int:
        """Have the new table filled and put it in the target's place; return the number of rows.

        :param fill: fills :attr:`new`, which has been created.
        :param exists: whether there is an old one.
        :raises DataError: tables that the user may not see refer to the old one, which is in its place again.
        """
        try:
            self._connection.begin()
            rows = fill()
            if self._ledger is not None:
                self._ledger.claim(INSERT)
                self._ledger.finish(rows, SWAPPING)
        except BaseException:
            if self._connection.open:
                self._connection.rollback()
                self._drop(self._new)
            raise
        # From here on an interrupt leaves the new table: without it the ledger would say that it has been renamed.
        self._connection.commit()
        away = f"{self._target} TO {self._aside}, " if exists else ""
        self._cursor.execute(f"RENAME TABLE {away}{self.new} TO {self._target}")
        if exists and not self._drop_unless_referred_to(self._old):
            raise self._undone()
        if self._ledger is not None:
            self._ledger.finish(rows)
            self._connection.commit()
        return rows

    def _undone(self) -> DataError:
        """Put the old table back, to which others follow; return the error that says so."""
        self._cursor.execute(f"RENAME TABLE {self._target} TO {self.new}, {self._aside} TO {self._target}")
        if self._ledger is not None:
            self._ledger.forget()
        # Which commits, too.
        self._drop(self._new)
        message = (
            f"Table {self._table}: foreign keys of tables that the user may not see refer to it, so a new table cannot "
            "take its place. Nothing was written. Grant the user REFERENCES on these tables, perhaps in another "
            "database; replace then empties and fills the table instead."
        )
        return DataError(message)

    def _drop_unless_referred_to(self, name: str) -> bool:
        """Drop a table; return whether nothing refers to it, else it stays."""
        import pymysql

        try:
            self._drop(name)
        except pymysql.MySQLError as error:
            if error.args[0] not in _REFERRED_TO:
                raise
            return False
        return True

    @property
    def _target(self) -> str:
        return quoted_table(self._table, quote)

    @property
    def _aside(self) -> str:
        return quoted_table(self._database + self._old, quote)

    def _new_of(self, key: str) -> str:
        return f"{self._prefix}{key[:16]}_new"

    def _drop(self, name: str) -> None:
        self._cursor.execute(f"DROP TABLE IF EXISTS {quoted_table(self._database + name, quote)}")

    def _run(self, statement: str, values: tuple[Any, ...]) -> None:
        self._cursor.execute(statement, values)

    @property
    def _connection(self) -> Any:
        return self._cursor.connection
