"""The load ledger: a table beside the target that remembers ended loads, so that a retry writes nothing twice.

A row is written in the same transaction as the data: a load that finds it knows that the data is there, and a load
that does not knows that nothing is. Of two tries at once the second waits for the first one's row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

TABLE = "_osiris_loads"
KEPT_DAYS = 90
LOADING, SWAPPING, DONE = "loading", "swapping", "done"
_MAX_ID = 1000

Run = Callable[[str, Sequence[Any]], Sequence[Sequence[Any]]]
"""Runs a statement, whose parameters are ``%s`` and which has ``%%`` for a percent sign; returns its rows, if any."""


def run_with(cursor: Any) -> Run:
    """Return what runs the ledger's statements in the transaction of a cursor of PyMySQL or psycopg2."""

    def run(statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        cursor.execute(statement, values)
        rows: Sequence[Sequence[Any]] = cursor.fetchall() if cursor.description else []
        return rows

    return run


class Ledger:
    """The ledger in one database or schema, as one load sees it.

    :param run: runs a statement in the connection of the load.
    :param table: the ledger's own name, quoted, with ``%%`` for a percent sign.
    :param load_id: of the load, see :attr:`RunContext.load_id`.
    :param target: name of the table that is written to, without that of its database or schema.
    """

    def __init__(self, run: Run, table: str, load_id: str, target: str) -> None:
        self._run = run
        self._table = table
        self._id = load_id
        self._target = target
        self.table = table.replace("%%", "%")
        """Its own name, as SQL without parameters writes it."""
        self.key = hashlib.sha256(json.dumps([load_id, target]).encode()).hexdigest()

    def create(self, options: str = "") -> None:
        """Create the table, which needs the right to.

        :param options: of the table, in the family's words.
        """
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._table} (load_key CHAR(64) NOT NULL PRIMARY KEY, "
            f"load_id VARCHAR({_MAX_ID}) NOT NULL, target VARCHAR(255) NOT NULL, state VARCHAR(8) NOT NULL, "
            f"rows_written BIGINT, loaded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) {options}",
            (),
        )

    def prune(self) -> None:
        """Forget the loads that ended more than :data:`KEPT_DAYS` days ago; no one retries them any more."""
        oldest = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None) - dt.timedelta(days=KEPT_DAYS)
        condition = "loaded_at < %s AND state = %s ORDER BY load_key LIMIT 1000"
        # By their keys: a search that deletes would wait in MySQL for the rows of loads that are at work.
        for (key,) in self._run(f"SELECT load_key FROM {self._table} WHERE {condition}", (oldest, DONE)):  # noqa: S608 - quoted
            self._run(f"DELETE FROM {self._table} WHERE load_key = %s", (key,))  # noqa: S608 - quoted

    def claim(self, insert: str = "INSERT INTO {} ON CONFLICT DO NOTHING") -> int | None:
        """Note in the open transaction that this load is at work; wait for another try that is.

        :param insert: the family's way to insert a row unless it is there; ``{}`` is table and values.
        :return: the number of rows if the load has ended before, else None.
        """
        columns = f"{self._table} (load_key, load_id, target, state) VALUES (%s, %s, %s, %s)"
        self._run(insert.format(columns), (self.key, self._id[:_MAX_ID], self._target, LOADING))
        return self.recorded()

    def recorded(self) -> int | None:
        """Return the number of rows if the load has ended before, else None."""
        rows = self._run(f"SELECT state, rows_written FROM {self._table} WHERE load_key = %s", (self.key,))  # noqa: S608 - quoted
        return int(rows[0][1]) if rows and rows[0][0] == DONE else None

    def forget(self) -> None:
        """Take back in the open transaction that this load has ended or is at work."""
        self._run(f"DELETE FROM {self._table} WHERE load_key = %s", (self.key,))  # noqa: S608 - quoted

    def finish(self, rows: int, state: str = DONE) -> None:
        """Record in the open transaction that the load has ended.

        :param rows: that it wrote.
        :param state: :data:`SWAPPING` if the rows still have to be put in their place.
        """
        statement = f"UPDATE {self._table} SET state = %s, rows_written = %s WHERE load_key = %s"  # noqa: S608 - quoted
        self._run(statement, (state, rows, self.key))
