"""DuckDB with the transactions of DB-API: one begins by itself with the first statement."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.errors import DataError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_PARAMETERS = 3_000
"""Values that go into one INSERT: DuckDB's ``executemany`` runs a statement a row."""
_ONE_ROW = re.compile(r"(?P<head>.*\bVALUES\s*)(?P<row>\((?:\?,)*\?\))\s*", re.DOTALL | re.IGNORECASE)
_BEGINS = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:BEGIN|START)\b", re.DOTALL | re.IGNORECASE)
"""Before 2.0 DuckDB gives a statement with the comments before it."""


class Transaction:
    """A DuckDB connection. It has the cursors of DB-API; all of them work in the same transaction.

    DuckDB's own cursors are connections of their own, which a rollback of the first does not reach.

    :param connection: of DuckDB; its maker closes it, which drops what is not committed.
    :param autocommit: each statement is its own transaction.
    """

    def __init__(self, connection: DuckDBPyConnection, *, autocommit: bool) -> None:
        self.connection = connection
        self.autocommit = autocommit
        self._begun = False

    def cursor(self) -> Cursor:
        """Return a cursor that works in this transaction."""
        return Cursor(self)

    def commit(self) -> None:
        """Commit, if there is anything to commit."""
        if self._begun:
            self._begun = False
            self.connection.commit()

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> None:
        """Run statements, in a transaction unless autocommit is on or they control transactions themselves.

        :param sql: one statement or several.
        :param parameters: of the last.
        """
        import duckdb

        control = [
            bool(_BEGINS.match(statement.query))
            for statement in self.connection.extract_statements(sql)
            if statement.type == duckdb.StatementType.TRANSACTION
        ]
        if control and control[0]:
            self.commit()
        elif not control:
            self.begin()
        self.connection.execute(sql, parameters)
        if control:
            self._begun = control[-1]

    def begin(self) -> None:
        """Begin a transaction, unless autocommit is on or there is one."""
        if not (self.autocommit or self._begun):
            self.connection.begin()
            self._begun = True


class Cursor:
    """A cursor of DB-API on a :class:`Transaction`; it has what DuckDB's connection has.

    :param owner: the transaction.
    """

    def __init__(self, owner: Transaction) -> None:
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        """Return what DuckDB's connection has, such as ``fetchall`` and ``description``."""
        return getattr(self._owner.connection, name)

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> Cursor:
        """Run a statement; see :meth:`Transaction.execute`."""
        self._owner.execute(sql, parameters)
        return self

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        """Run a statement for each row; an INSERT of values takes many rows at once.

        :param sql: with a ``?`` for each value.
        :param rows: of values, as many as there are ``?``.
        :raises DataError: a row has more values than the first, or fewer.
        """
        values = _ONE_ROW.fullmatch(sql)
        many = list(rows)
        width = len(many[0]) if many else 1
        # Joined, the values of one could be another's.
        wrong = next((number for number, row in enumerate(many) if len(row) != width), None)
        if wrong is not None:
            message = f"Row {wrong + 1:,} of {len(many):,} has {len(many[wrong])} values, and the first one {width}."
            raise DataError(message, row=wrong + 1)
        # An upsert may not meet a row twice in one statement.
        size = max(BATCH_PARAMETERS // width, 1) if values else 1
        for start in range(0, len(many), size):
            batch = many[start : start + size]
            text = sql if values is None else values["head"] + ",".join([values["row"]] * len(batch))
            self._owner.begin()
            self._owner.connection.execute(text, [value for row in batch for value in row])
        return self

    def close(self) -> None:
        """Do nothing: the connection belongs to the transaction."""
