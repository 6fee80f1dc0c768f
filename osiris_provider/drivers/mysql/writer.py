"""Writing to MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.dbapi import DiagnosedError
from osiris_provider.connectors.sql_faults import LOCK_TIMEOUT
from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql.extractor import MySQLDriver
from osiris_provider.drivers.mysql.load import Engine, Sink, refusals
from osiris_provider.drivers.mysql.read import quote
from osiris_provider.drivers.mysql.swap import INSERT, Swap
from osiris_provider.drivers.mysql.tables import (
    HERE,
    columns_of,
    has_transactions,
    is_tied,
    place_of,
    tables_like,
    unique_keys,
)
from osiris_provider.drivers.mysql.values import column_type, key_type
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.fit import twice_in
from osiris_provider.drivers.sql.ledger import TABLE, Ledger
from osiris_provider.drivers.sql.tables import (
    Column,
    check_columns,
    check_unique,
    create_statement,
    missing_table,
    quoted_table,
    split_table,
)
from osiris_provider.drivers.sql.write import (
    ROW,
    STAGE,
    SQLWriter,
    WriteConfig,
    fitted,
    load_id_of,
    numbered,
    say_loaded,
)
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

# Without these MySQL cuts values that are too long, and numbers rows anew whose key is 0.
_STRICT = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO"
_LOCK_SECONDS = 600


class MySQLWriteConfig(WriteConfig):
    """Config of ``mysql.writer``.

    :param engine: ``load_data`` sends rows with LOAD DATA LOCAL INFILE, ``insert`` with INSERTs of many rows; ``auto``
        takes the first if server and client allow it.
    """

    engine: Engine = "auto"


class MySQLWriter(MySQLDriver, SQLWriter[MySQLWriteConfig]):
    """Writes into a table in one transaction (``mysql.writer``).

    ``replace`` fills a new table beside the old one and swaps them, which readers see as one step. A table with
    triggers or foreign keys, which a new table would lose, is emptied and filled in one transaction instead.
    ``upsert`` fills a temporary table first.
    """

    name = "mysql.writer"
    family = "mysql"
    config_model = MySQLWriteConfig

    def load(self, client: Connection[Any], step: Step[MySQLWriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        with client.cursor() as cursor, _session(cursor), _lock(cursor, step.config):
            ledger = _ledger(cursor, step)
            return _Load(cursor, step, schema, ledger).write(batches)


class _Load:
    """One load, with everything that its parts need."""

    def __init__(self, cursor: Cursor, step: Step[MySQLWriteConfig], schema: pa.Schema, ledger: Ledger | None) -> None:
        self.cursor, self.step, self.schema, self.ledger = cursor, step, schema, ledger
        self.config = step.config
        self.client: Any = cursor.connection
        self.table = quoted_table(step.config.table, quote)
        self.columns: list[Column] = []
        self.keys: dict[str, list[str]] = {}
        self.sink = Sink(cursor, step.config.engine, step.id)

    def write(self, batches: Batches) -> int:
        swap = Swap(self.cursor, self.config.table, self.ledger)
        if _is_locked(self.config):
            swap.settle()
        if self.ledger is not None and (recorded := self.ledger.recorded()) is not None:
            return say_loaded(self.step, self.ledger, recorded)
        self._look()
        rows = fitted(self.step, self.columns, batches)
        replaces = self.config.write_mode == "replace"
        if not self.columns or (replaces and not is_tied(self.cursor, self.config.table)):
            return self._swap(swap, rows)
        if not has_transactions(self.cursor, self.config.table):
            message = (
                f"Table {self.config.table}: its engine has no transactions, so a load that fails half-way could not "
                "be undone. Alter it to ENGINE=InnoDB, or use write_mode: replace."
            )
            raise DataError(message, table=self.config.table)
        return self._in_place(rows)

    def _look(self) -> None:
        self.columns = columns_of(self.cursor, self.config.table)
        if self.columns:
            check_columns(self.step.id, self.config.table, self.schema, self.columns)
            self.keys = unique_keys(self.cursor, self.config.table)
        elif not self.config.create_if_missing:
            raise missing_table(self.step.id, self.config.table)
        elif self.config.primary_key:
            self.keys = {"PRIMARY": self.config.primary_key}
        if self.config.write_mode == "upsert":
            check_unique(self.step.id, self.config.table, self.config.primary_key, list(self.keys.values()))
        self.client.commit()

    def _swap(self, swap: Swap, rows: Batches) -> int:
        key = self.config.primary_key
        create = create_statement(swap.new, self.schema, quote, column_type, key, key_type)
        if self.columns:
            create = f"CREATE TABLE {swap.new} LIKE {self.table}"
        return swap.replace(lambda: self._fill(swap.new, rows), create, exists=bool(self.columns))

    def _in_place(self, rows: Batches) -> int:
        upserts = self.config.write_mode == "upsert"
        if upserts:
            self._stage()
        self.client.begin()
        try:
            written = self._once(rows)
            self.client.commit()
        except BaseException:
            if self.client.open:
                self.client.rollback()
            raise
        finally:
            if upserts and self.client.open:
                self.cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")
        return written

    def _once(self, rows: Batches) -> int:
        if self.ledger is None:
            return self._write_rows(rows)
        recorded = self.ledger.claim(INSERT)
        if recorded is not None:
            return say_loaded(self.step, self.ledger, recorded)
        written = self._write_rows(rows)
        self.ledger.finish(written)
        return written

    def _write_rows(self, rows: Batches) -> int:
        if self.config.write_mode == "upsert":
            return self._upsert(rows)
        if self.config.write_mode == "replace":
            self.cursor.execute(f"DELETE FROM {self.table}")  # noqa: S608 - the name is quoted
        return self._fill(self.table, rows)

    def _fill(self, table: str, rows: Batches) -> int:
        return self.sink.fill(table, self.config.table, self.columns, list(self.keys.values()), rows)

    def _stage(self) -> None:
        names = ", ".join(map(quote, self.schema.names))
        self.cursor.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")
        self.cursor.execute(
            f"CREATE TEMPORARY TABLE {STAGE} ({ROW} BIGINT) ENGINE=InnoDB AS SELECT {names} FROM {self.table} LIMIT 0"  # noqa: S608 - quoted
        )

    def _upsert(self, rows: Batches) -> int:
        written = self.sink.fill(STAGE, self.config.table, self.columns, [], numbered(rows))
        keys = self.config.primary_key
        self.cursor.execute(
            f"SELECT MIN({ROW}), MAX({ROW}) FROM {STAGE} GROUP BY {', '.join(map(quote, keys))} "  # noqa: S608 - quoted
            "HAVING COUNT(*) > 1 ORDER BY 1 LIMIT 1"
        )
        twice = self.cursor.fetchone()
        if twice is not None:
            raise twice_in(self.config.table, keys, twice)
        with refusals(self.config.table):
            for statement in self._merge(keys):
                self.cursor.execute(statement)
        return written

    def _merge(self, keys: Sequence[str]) -> Iterator[str]:
        """Yield the statements that move the stage into the table.

        ON DUPLICATE KEY UPDATE would also change rows that have another unique key in common. The index is forced
        because the statistics of a new or just filled table make the optimizer read all of it for every row.
        """
        index = next(name for name, columns in self.keys.items() if set(columns) == set(keys))
        target = f"{self.table} t FORCE INDEX ({quote(index)})"
        same = " AND ".join(f"t.{quote(name)} = s.{quote(name)}" for name in keys)
        others = [f"t.{quote(name)} = s.{quote(name)}" for name in self.schema.names if name not in keys]
        if others:
            yield f"UPDATE {STAGE} s STRAIGHT_JOIN {target} ON {same} SET {', '.join(others)}"  # noqa: S608 - quoted
        names = ", ".join(map(quote, self.schema.names))
        chosen = ", ".join(f"s.{quote(name)}" for name in self.schema.names)
        yield (
            f"INSERT INTO {self.table} ({names}) SELECT {chosen} FROM {STAGE} s "  # noqa: S608 - quoted
            f"WHERE NOT EXISTS (SELECT 1 FROM {target} WHERE {same})"
        )


@contextmanager
def _session(cursor: Cursor) -> Iterator[None]:
    """Work in strict mode, without notes, and wait long enough for another try of the same load to end."""
    names = ("sql_mode", "sql_notes", "innodb_lock_wait_timeout", "lock_wait_timeout")
    cursor.execute(f"SELECT {', '.join(f'@@SESSION.{name}' for name in names)}")
    before: Sequence[Any] = cursor.fetchone() or ()
    _set(cursor, names, (f"{before[0]},{_STRICT}".lstrip(","), 0, _LOCK_SECONDS, _LOCK_SECONDS))
    try:
        yield
    finally:
        if cursor.connection and cursor.connection.open:
            _set(cursor, names, before)


def _set(cursor: Cursor, names: Sequence[str], values: Sequence[Any]) -> None:
    cursor.execute(f"SET {', '.join(f'SESSION {name} = %s' for name in names)}", values)


def _is_locked(config: WriteConfig) -> bool:
    return config.write_mode == "replace" or config.create_if_missing


@contextmanager
def _lock(cursor: Cursor, config: WriteConfig) -> Iterator[None]:
    """Let only one task at a time replace or create a table."""
    if not _is_locked(config):
        yield
        return
    name = f"CONCAT('osiris:', SHA1(CONCAT({HERE}, '.', %s)))"
    cursor.execute(f"SELECT GET_LOCK({name}, %s)", (*place_of(config.table), _LOCK_SECONDS))
    if cursor.fetchone() != (1,):
        raise DiagnosedError(LOCK_TIMEOUT)
    try:
        yield
    finally:
        if cursor.connection and cursor.connection.open:
            cursor.execute(f"SELECT RELEASE_LOCK({name})", place_of(config.table))


def _ledger(cursor: Cursor, step: Step[Any]) -> Ledger | None:
    """Return the ledger beside the target, created if there is none; None if the load has no id."""
    load_id = load_id_of(step)
    if load_id is None:
        return None

    def run(statement: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    place, name = split_table(step.config.table)
    ledger = Ledger(run, quoted_table(place + TABLE, quote).replace("%", "%%"), load_id, name)
    if not tables_like(cursor, step.config.table, TABLE):
        ledger.create("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
    ledger.prune()
    step_connection: Any = cursor.connection
    step_connection.commit()
    return ledger
