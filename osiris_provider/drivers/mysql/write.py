"""One load into a table of MySQL or MariaDB."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.data import check_case_of
from osiris_provider.drivers.mysql.bulk.load import Sink, Target
from osiris_provider.drivers.mysql.bulk.values import column_type, finite, key_type
from osiris_provider.drivers.mysql.bulk.vectors import with_vectors
from osiris_provider.drivers.mysql.config import MySQLWriteConfig
from osiris_provider.drivers.mysql.dependents import NEEDS_KEY, copy_table
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.needs import Needs
from osiris_provider.drivers.mysql.refusals import is_bad_data, merge_refusal, mysql_error, referring_rule
from osiris_provider.drivers.mysql.session import load_session, table_lock
from osiris_provider.drivers.mysql.table_swap import INSERT, Swap
from osiris_provider.drivers.mysql.tables import (
    UniqueKey,
    check_keeps_rows,
    check_transactions,
    columns_of,
    new_table_options,
    tables_like,
    unique_keys,
)
from osiris_provider.drivers.sql import tables, write
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.cascades import deleting
from osiris_provider.drivers.sql.ledger import TABLE, Ledger, run_with
from osiris_provider.drivers.sql.merge import merged
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.validate import duplicate_key_error, other_spelling_error
from osiris_provider.drivers.sql.write import ROW, STAGE
from osiris_provider.drivers.step import Step
from osiris_provider.errors import DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

log = logging.getLogger(__name__)

DIGITS = 6
"""Of a second, in the tables that the writer creates."""
FOLDING = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
"""Types whose texts may be equal and yet others: in case, accents, or blanks at the end. MariaDB has keys of all."""


def load(client: Connection[Any], step: Step[MySQLWriteConfig], schema: pa.Schema, batches: Batches) -> int:
    """Write all batches; see :meth:`~osiris_provider.drivers.sql.writer.SQLWriter.load`."""
    check_case_of(step.id, "columns {} of the input", schema.names, "MySQL")
    tables.check_types(step.id, schema, "MySQL")
    with ExitStack() as stack:
        cursor = stack.enter_context(client.cursor())
        stack.enter_context(load_session(cursor))
        if _is_locked(step.config):
            stack.enter_context(table_lock(cursor, step.config.table))
        stack.enter_context(_no_transaction_left(client))
        return _Load(cursor, step, schema).write(batches)


class _Load:
    """One load, with everything that its parts need."""

    def __init__(self, cursor: Cursor, step: Step[MySQLWriteConfig], schema: pa.Schema) -> None:
        self.cursor, self.step, self.schema = cursor, step, schema
        self.config = step.config
        self.client: Any = cursor.connection
        self.table = tables.quoted_table(step.config.table, quote)
        self.columns: list[Column] = []
        self.keys: list[UniqueKey] = []
        self.needs = Needs(cursor, step)
        self.ledger = _ledger(cursor, step, self.needs)
        self.sink = Sink(cursor, step.config.engine, step.id)

    def write(self, batches: Batches) -> int:
        swap = Swap(self.cursor, self.config.table, self.ledger)
        if _is_locked(self.config):
            swap.recover()
        if self.ledger is not None and (recorded := self.ledger.recorded()) is not None:
            return write.say_loaded(self.step, self.ledger, recorded)
        self._look()
        reason = self._prepare(swap)
        self.client.commit()
        columns = self.columns or write.created_columns(self.schema, DIGITS)
        rows = with_vectors(
            finite(write.fitted(self.step, columns, batches), self.config.table), self.config.table, columns
        )
        if not reason:
            return swap.replace(lambda: self._fill(swap.new_table, rows), exists=bool(self.columns))
        return self._in_place(rows)

    def _look(self) -> None:
        self.columns = columns_of(self.cursor, self.config.table)
        if self.columns:
            check_keeps_rows(self.cursor, self.config.table)
            tables.check_columns(self.step.id, self.config.table, self.schema, self.columns)
            self.keys = unique_keys(self.cursor, self.config.table)
        elif not self.config.create_if_missing:
            raise tables.missing_table(self.step.id, self.config.table, hides=True)
        elif self.config.primary_key:
            self.keys = [UniqueKey("PRIMARY", self.config.primary_key)]
        if self.config.write_mode == "upsert":
            unique = [key.columns for key in self.keys]
            tables.check_unique(self.step.id, self.config.table, self.config.primary_key, unique)

    def _prepare(self, swap: Swap) -> str:
        """Create the new table if there is to be one; return why there is none."""
        if not self.columns:
            self.needs.to_create()
            self._create(swap.new)
            return ""
        mode = self.config.write_mode
        reason = f"write_mode is {mode}"
        if mode == "replace":
            reason = self.needs.obstacle() or copy_table(self.cursor, self.config.table, swap.new)
            if not reason:
                return ""
            log.info("Step %s: replace empties and fills table %s: %s", self.step.id, self.config.table, reason)
        self.needs.to_write(self.schema.names, reason)
        check_transactions(self.cursor, self.config.table, reason, replaces=mode == "replace")
        return reason

    def _create(self, table: str) -> None:
        key = self.config.primary_key
        statement = tables.create_statement(table, self.schema, quote, column_type, key, key_type)
        try:
            self.cursor.execute(statement + new_table_options(self.cursor, self.config.table))
        except mysql_error() as error:
            if error.args[0] != NEEDS_KEY:
                raise
        else:
            return
        message = (
            f"table {self.config.table} cannot be created: the server wants a primary key of each table "
            "(sql_require_primary_key). Set primary_key in the step's config."
        )
        raise DriverConfigError(message, field="primary_key")

    def _in_place(self, rows: Batches) -> int:
        upserts = self.config.write_mode == "upsert"
        if upserts:
            self._stage()
        try:
            with _no_transaction_left(self.client):
                self.client.begin()
                written = self._once(rows)
                self.client.commit()
        finally:
            if upserts and self.client.open:
                self.cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")
        return written

    def _once(self, rows: Batches) -> int:
        if self.ledger is None:
            return self._write_rows(rows)
        recorded = self.ledger.claim(INSERT)
        if recorded is not None:
            return write.say_loaded(self.step, self.ledger, recorded)
        written = self._write_rows(rows)
        self.ledger.finish(written)
        return written

    def _write_rows(self, rows: Batches) -> int:
        if self.config.write_mode == "upsert":
            return self._upsert(rows)
        if self.config.write_mode == "replace":
            self.needs.to_delete()
            with deleting(self.config.table, mysql_error(), referring_rule):
                self.cursor.execute(f"DELETE FROM {self.table}")  # noqa: S608 - the name is quoted
        return self._fill(self.config.table, rows)

    def _fill(self, table: str, rows: Batches) -> int:
        return self.sink.fill(Target(table, self.config.table, self.columns, self.keys), rows)

    def _stage(self) -> None:
        names = ", ".join(map(quote, self.schema.names))
        self.cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")
        # The key is there because the server may want one of each table.
        self.cursor.execute(
            f"CREATE TEMPORARY TABLE {STAGE} ({ROW} BIGINT NOT NULL DEFAULT 0 PRIMARY KEY) ENGINE=InnoDB "  # noqa: S608 - quoted
            f"AS SELECT {names} FROM {self.table} LIMIT 0"
        )

    def _upsert(self, rows: Batches) -> int:
        written = self.sink.fill(Target(STAGE, self.config.table, self.columns), write.numbered(rows))
        keys = self.config.primary_key
        self.cursor.execute(
            f"SELECT MIN({ROW}), MAX({ROW}) FROM {STAGE} GROUP BY {', '.join(map(quote, keys))} "  # noqa: S608 - quoted
            "HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1"
        )
        duplicate = self.cursor.fetchone()
        if duplicate is not None:
            raise duplicate_key_error(self.config.table, keys, duplicate)
        self._refuse_other_spelling(keys)
        for statement in self._merge(keys):
            failed = merged(self.cursor.execute, statement, written, (mysql_error(), is_bad_data))
            if failed is not None:
                raise merge_refusal(self.config.table, failed, self.schema.names, self.keys)
        return written

    def _refuse_other_spelling(self, keys: Sequence[str]) -> None:
        """Refuse a key that the table has in other case, accents or blanks: its row would get another one's values."""
        folding = [column.name for column in self.columns if column.name in keys and column.kind in FOLDING]
        if not folding or self.config.lossy == "round":
            return
        target, same = self._matched(keys)
        differs = " OR ".join(f"CAST(t.{quote(name)} AS BINARY) <> CAST(s.{quote(name)} AS BINARY)" for name in folding)
        self.cursor.execute(
            f"SELECT MIN(s.{ROW}) FROM {STAGE} s STRAIGHT_JOIN {target} ON {same} WHERE {differs}"  # noqa: S608 - quoted
        )
        (row,) = self.cursor.fetchone() or (None,)
        if row is not None:
            raise other_spelling_error(self.config.table, folding, row)

    def _matched(self, keys: Sequence[str]) -> tuple[str, str]:
        """Return the target as ``t``, and what makes a row of it that of a row of the stage.

        The index is forced because the statistics of a new or just filled table make the optimizer read all of it for
        every row.
        """
        fitting = [key for key in self.keys if set(key.columns) == set(keys) and key.visible]
        target = f"{self.table} t" + (f" FORCE INDEX ({quote(fitting[0].name)})" if fitting else "")
        return target, " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in keys)

    def _merge(self, keys: Sequence[str]) -> Iterator[Callable[[str], str]]:
        """Yield the statements that move rows of the stage into the table; each takes a condition for the rows.

        ON DUPLICATE KEY UPDATE would also change rows that have another unique key in common.
        """
        target, same = self._matched(keys)
        others = [f"t.{quote(name)} = s.{quote(name)}" for name in self.schema.names if name not in keys]
        if others:
            update = f"UPDATE {STAGE} s STRAIGHT_JOIN {target} ON {same} SET {', '.join(others)} WHERE "  # noqa: S608 - quoted
            yield update.__add__
        names = ", ".join(map(quote, self.schema.names))
        chosen = ", ".join(f"s.{quote(name)}" for name in self.schema.names)
        insert = (
            f"INSERT INTO {self.table} ({names}) SELECT {chosen} FROM {STAGE} s "  # noqa: S608 - quoted
            f"WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {same}) AND "
        )
        yield insert.__add__


def _is_locked(config: MySQLWriteConfig) -> bool:
    return config.write_mode == "replace" or config.create_if_missing


@contextmanager
def _no_transaction_left(client: Any) -> Iterator[None]:
    """Undo what has not been committed, whatever happens."""
    try:
        yield
    except BaseException:
        # The line may be broken; the server then undoes it.
        with suppress(mysql_error()):
            _roll_back(client)
        raise
    _roll_back(client)


def _roll_back(client: Any) -> None:
    if client.open:
        client.rollback()


def _ledger(cursor: Cursor, step: Step[Any], needs: Needs) -> Ledger | None:
    """Return the ledger beside the target, created if there is none; None if the load has no id."""
    ledger = write.ledger_of(step, run_with(cursor), quote)
    if ledger is None:
        return None
    is_there = bool(tables_like(cursor, step.config.table, TABLE))
    needs.of_ledger(is_there=is_there)
    if not is_there:
        ledger.create("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
    ledger.prune()
    step_connection: Any = cursor.connection
    step_connection.commit()
    return ledger
