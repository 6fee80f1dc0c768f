"""The hook of the postgres family."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from osiris_provider.drivers.postgres.names import quote
from osiris_provider.hooks.bulk.inserts import InsertWatch
from osiris_provider.hooks.bulk.postgres import PostgresInserts, say_hidden
from osiris_provider.hooks.bulk.text import count_lines, written
from osiris_provider.hooks.dbapi import Adapter, OsirisDbApiHook, as_json, as_time, as_utc
from osiris_provider.hooks.dialects import OnConflictDialect, TableColumn

if TYPE_CHECKING:
    from psycopg2 import extensions

__all__ = ["OsirisPostgresHook"]

COLUMNS = """
    SELECT attname, atttypid::int, COALESCE(attnum = ANY (indkey), false), attgenerated = ''
    FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

_COLUMN_LIST = re.compile(r'\s*\((?:[^()"]|"[^"]*")*\)\s*\Z')


class PostgresDialect(OnConflictDialect):
    """PostgreSQL, where an unquoted name is one in small letters."""

    folds_names = True

    def columns(self, table: str, schema: str | None = None) -> list[TableColumn]:
        """Return the columns of a table, with the numbers of their types; see :meth:`OnConflictDialect.columns`."""
        with closing(self.hook.get_conn()) as connection, connection.cursor() as cursor:
            cursor.execute(COLUMNS, (f"{schema}.{table}" if schema else table,))
            return [TableColumn(*row) for row in cursor.fetchall()]


class OsirisPostgresHook(OsirisDbApiHook):
    """PostgreSQL, through psycopg2.

    ``insert_rows`` writes dicts as JSON, and lists as JSON into columns of JSON and text, else as arrays.

    :param postgres_conn_id: an Airflow connection id, or a reference such as ``@postgres.default``.
    """

    family = "postgres"
    conn_type = "osiris_postgres"
    conn_name_attr = "postgres_conn_id"
    default_conn_name = "osiris_postgres_default"
    hook_name = "Osiris PostgreSQL"
    sqlalchemy_driver = "postgresql+psycopg2"
    dialect_class = PostgresDialect

    def copy_expert(self, sql: str, filename: str | os.PathLike[str]) -> None:
        """Run a COPY between the server and a file of this machine.

        :param sql: ``COPY … FROM STDIN`` or ``COPY … TO STDOUT``.
        :param filename: that is read, or written.
        :raises FileNotFoundError: there is nothing to load.
        """
        with closing(self.get_conn()) as connection:
            rows = _copy(connection, sql, filename)
            connection.commit()
        self.log.info("COPY between the server and %s: the server speaks of %s rows", filename, rows)

    def bulk_load(self, table: str, tmp_file: str) -> None:
        """Load a tab-delimited file into a table; warnings count the rows that the table does not keep.

        :param table: as SQL writes it, perhaps with its columns.
        :param tmp_file: as COPY reads it.
        """
        watch = PostgresInserts(_COLUMN_LIST.sub("", table))
        with closing(self.get_conn()) as connection:
            with watch.counting(connection):
                watch.kept = _copy(connection, f"COPY {table} FROM STDIN", tmp_file)
            connection.commit()
        watch.sent = count_lines(tmp_file)
        watch.say()

    def bulk_dump(self, table: str, tmp_file: str) -> None:
        """Write a table, or a view, into a tab-delimited file: the rows that SELECT gives, without generated columns.

        :param table: as SQL writes it.
        :param tmp_file: that COPY writes.
        """
        names = [quote(column.name) for column in PostgresDialect(self).columns(table) if column.is_given]
        # COPY of the table itself leaves out the rows of those that inherit from it.
        self.copy_expert(f"COPY (SELECT {', '.join(names)} FROM {table}) TO STDOUT", tmp_file)  # noqa: S608 - names are quoted, the table is SQL
        if self.get_first("SELECT row_security_active(to_regclass(%s))", (table,)) == (True,):
            say_hidden(table)

    def get_openlineage_default_schema(self) -> str | None:
        """Return the schema that a name without one is looked up in first."""
        with closing(self.get_conn()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            (schema,) = cursor.fetchone() or (None,)
        return schema

    @staticmethod
    def _serialize_cell(cell: Any, conn: Any = None) -> Any:  # noqa: ARG004 - as the base class has it
        """Return a value that psycopg2 binds."""
        from psycopg2.extras import Json

        if isinstance(cell, dict):
            return Json(cell, as_json)
        if isinstance(cell, tuple):
            return list(cell)
        return str(cell) if isinstance(cell, UUID) else cell

    def _new_watch(self, table: str, *, replace: bool, **kwargs: Any) -> InsertWatch:  # noqa: ARG002 - of each it is this
        return PostgresInserts(table)

    def _adapters(self, table: str, target_fields: Sequence[str] | None) -> list[Adapter | None]:
        return [ADAPTERS.get(dtype) for dtype in PostgresDialect(self).given_types(table, target_fields)]


def _copy(connection: extensions.connection, sql: str, filename: str | os.PathLike[str]) -> int:
    """Run a COPY, and return how many rows the server speaks of."""
    loads = re.search(r"\bFROM\s+STDIN\b", sql, re.IGNORECASE)
    with Path(filename).open("rb") if loads else written(filename) as file, connection.cursor() as cursor:
        cursor.copy_expert(sql, file)
        return int(cursor.rowcount)


def _as_bool(cell: Any) -> Any:
    return bool(cell) if isinstance(cell, int) and cell in (0, 1) else cell


ADAPTERS: dict[int | None, Adapter] = {
    16: _as_bool,
    25: as_json,
    114: as_json,
    1043: as_json,
    1083: as_time,
    1114: as_utc,
    3802: as_json,
}
"""By the type's number: bool, text, json, varchar, time, timestamp, jsonb."""
