"""Writing to MySQL and MariaDB."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.dbapi import DiagnosedError
from osiris_provider.connectors.sql_faults import LOCK_TIMEOUT
from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql import MySQLDriver, quote
from osiris_provider.drivers.mysql_values import column_type, values_of
from osiris_provider.drivers.sql import Batches
from osiris_provider.drivers.sql_tables import Column, check_columns, create_statement, missing_table, quoted_table
from osiris_provider.drivers.sql_write import SQLWriter, WriteConfig

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

# Without these MySQL cuts values that are too long, and numbers rows anew whose key is 0.
_STRICT = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO"
_LOCK_SECONDS = 600


class MySQLWriter(MySQLDriver, SQLWriter[WriteConfig]):
    """Writes into a table in one transaction (``mysql.writer``).

    ``replace`` fills a new table beside the old one and swaps them, which readers see as one step. A table with
    triggers or foreign keys, which a new table would lose, is emptied and filled in one transaction instead.
    """

    name = "mysql.writer"
    family = "mysql"
    config_model = WriteConfig

    def load(self, client: Connection[Any], step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        with _transaction(client), client.cursor() as cursor, _lock(cursor, step.config):
            columns = _columns(cursor, step.config.table)
            if not columns and not step.config.create_if_missing:
                raise missing_table(step.id, step.config.table)
            if columns:
                check_columns(step.id, step.config.table, schema, columns)
            replaces = step.config.write_mode == "replace"
            if not columns or (replaces and not _is_tied(cursor, step.config.table)):
                return _swap(client, cursor, step, schema, batches, exists=bool(columns))
            table = quoted_table(step.config.table, quote)
            if replaces:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
            return _insert(cursor, table, schema, batches)


@contextmanager
def _transaction(client: Connection[Any]) -> Iterator[None]:
    """Commit at the end or roll back, in strict mode."""
    with client.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.sql_mode")
        (mode,) = cursor.fetchone() or ("",)
        cursor.execute("SET SESSION sql_mode = %s", (f"{mode},{_STRICT}".lstrip(","),))
        try:
            client.begin()
            yield
            client.commit()
        except BaseException:
            if client.open:
                client.rollback()
            raise
        finally:
            if client.open:
                cursor.execute("SET SESSION sql_mode = %s", (mode,))


@contextmanager
def _lock(cursor: Cursor, config: WriteConfig) -> Iterator[None]:
    """Let only one task at a time replace or create a table."""
    if config.write_mode == "append" and not config.create_if_missing:
        yield
        return
    name = "CONCAT('osiris:', SHA1(CONCAT(DATABASE(), '.', %s)))"
    cursor.execute(f"SELECT GET_LOCK({name}, %s)", (config.table, _LOCK_SECONDS))
    if cursor.fetchone() != (1,):
        raise DiagnosedError(LOCK_TIMEOUT)
    try:
        yield
    finally:
        if cursor.connection and cursor.connection.open:
            cursor.execute(f"SELECT RELEASE_LOCK({name})", (config.table,))


def _columns(cursor: Cursor, table: str) -> list[Column]:
    database, _, name = table.rpartition(".")
    cursor.execute(
        "SELECT column_name, is_nullable, column_default, extra FROM information_schema.columns "
        "WHERE table_schema = COALESCE(NULLIF(%s, ''), DATABASE()) AND table_name = %s ORDER BY ordinal_position",
        (database, name),
    )
    return [
        Column(
            name=column,
            required=nullable == "NO" and default is None and not extra,
            generated="GENERATED" in extra and "DEFAULT_GENERATED" not in extra,
        )
        for column, nullable, default, extra in cursor.fetchall()
    ]


def _is_tied(cursor: Cursor, table: str) -> bool:
    """Return whether triggers or foreign keys hang on a table."""
    database, _, name = table.rpartition(".")
    here = "COALESCE(NULLIF(%s, ''), DATABASE())"
    cursor.execute(
        "SELECT EXISTS (SELECT 1 FROM information_schema.triggers "  # noqa: S608 - nothing but constants is put in
        f"WHERE event_object_schema = {here} AND event_object_table = %s) "
        "OR EXISTS (SELECT 1 FROM information_schema.referential_constraints "
        f"WHERE constraint_schema = {here} AND %s IN (table_name, referenced_table_name))",
        (database, name, database, name),
    )
    (tied,) = cursor.fetchone() or (0,)
    return bool(tied)


def _swap(
    client: Connection[Any],
    cursor: Cursor,
    step: Step[WriteConfig],
    schema: pa.Schema,
    batches: Batches,
    *,
    exists: bool,
) -> int:
    """Fill a table beside the wanted one, then put it in its place in one step."""
    table = quoted_table(step.config.table, quote)
    new, old = (quoted_table(_beside(step.config.table, suffix), quote) for suffix in ("new", "old"))
    create = f"CREATE TABLE {new} LIKE {table}" if exists else create_statement(new, schema, quote, column_type)
    cursor.execute(f"DROP TABLE IF EXISTS {new}, {old}")
    cursor.execute(create)
    try:
        rows = _insert(cursor, new, schema, batches)
        client.commit()
        cursor.execute(
            f"RENAME TABLE {table} TO {old}, {new} TO {table}" if exists else f"RENAME TABLE {new} TO {table}"
        )
    except BaseException:
        if client.open:
            client.rollback()
            cursor.execute(f"DROP TABLE IF EXISTS {new}")
        raise
    cursor.execute(f"DROP TABLE IF EXISTS {old}")
    return rows


def _insert(cursor: Cursor, table: str, schema: pa.Schema, batches: Batches) -> int:
    """Insert all batches; PyMySQL joins the rows into statements of about a megabyte."""
    names = ", ".join(quote(name) for name in schema.names).replace("%", "%%")
    marks = ", ".join(["%s"] * len(schema.names))
    statement = f"INSERT INTO {table.replace('%', '%%')} ({names}) VALUES ({marks})"  # noqa: S608 - names are quoted
    rows = 0
    for batch in batches:
        columns = [values_of(column, name) for column, name in zip(batch.columns, schema.names, strict=True)]
        cursor.executemany(statement, list(zip(*columns, strict=True)))
        rows += batch.num_rows
    return rows


def _beside(table: str, suffix: str) -> str:
    database, dot, name = table.rpartition(".")
    return f"{database}{dot}_osiris_{_digest(name)}_{suffix}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
