"""The hook of the postgres family."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from osiris_provider.hooks.bulk.text import written
from osiris_provider.hooks.dbapi import Adapter, OsirisDbApiHook, as_json, as_utc
from osiris_provider.hooks.dialects import OnConflictDialect

__all__ = ["OsirisPostgresHook"]

COLUMNS = """
    SELECT attname, atttypid::int FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
PRIMARY_KEY = """
    SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
    WHERE indrelid = to_regclass(%s) AND indisprimary
"""


class PostgresDialect(OnConflictDialect):
    """PostgreSQL, where an unquoted name is one in small letters."""

    folds_names = True

    def get_primary_keys(self, table: str, schema: str | None = None) -> list[str] | None:
        """Return the columns of the primary key.

        :param table: as SQL writes it.
        :param schema: of the table; None looks along the search path.
        """
        return [name for (name,) in self._look_up(PRIMARY_KEY, table, schema)] or None

    def get_column_names(
        self, table: str, schema: str | None = None, predicate: Callable[[Any], bool] = lambda _: True
    ) -> list[str] | None:
        """Return the columns that a row may give, in their order.

        :param table: as SQL writes it.
        :param schema: of the table; None looks along the search path.
        :param predicate: takes a dict with ``name``.
        """
        names = [name for name, _ in self.column_types(table, schema)]
        return [name for name in names if predicate({"name": name})]

    def column_types(self, table: str, schema: str | None = None) -> list[tuple[str, int]]:
        """Return the columns that a row may give and their types' numbers, none if there is no such table.

        :param table: as SQL writes it.
        :param schema: of the table; None looks along the search path.
        """
        return self._look_up(COLUMNS, table, schema)

    def _look_up(self, query: str, table: str, schema: str | None) -> list[Any]:
        with closing(self.hook.get_conn()) as connection, connection.cursor() as cursor:
            cursor.execute(query, (f"{schema}.{table}" if schema else table,))
            return list(cursor.fetchall())


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
    supports_autocommit = True

    def copy_expert(self, sql: str, filename: str | os.PathLike[str]) -> None:
        """Run a COPY between the server and a file of this machine.

        :param sql: ``COPY … FROM STDIN`` or ``COPY … TO STDOUT``.
        :param filename: that is read, or written.
        :raises FileNotFoundError: there is nothing to load.
        """
        loads = re.search(r"\bFROM\s+STDIN\b", sql, re.IGNORECASE)
        with Path(filename).open("rb") if loads else written(filename) as file, closing(self.get_conn()) as connection:
            with connection.cursor() as cursor:
                cursor.copy_expert(sql, file)
            connection.commit()

    def bulk_load(self, table: str, tmp_file: str) -> None:
        """Load a tab-delimited file into a table.

        :param table: as SQL writes it.
        :param tmp_file: as COPY reads it.
        """
        self.copy_expert(f"COPY {table} FROM STDIN", tmp_file)

    def bulk_dump(self, table: str, tmp_file: str) -> None:
        """Write a table into a tab-delimited file.

        :param table: as SQL writes it.
        :param tmp_file: that COPY writes.
        """
        self.copy_expert(f"COPY {table} TO STDOUT", tmp_file)

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

    def _adapters(self, table: str, target_fields: Sequence[str] | None) -> list[Adapter | None]:
        dialect = PostgresDialect(self)
        types = dict(dialect.column_types(table))
        names = [dialect.column_name(name) for name in target_fields] if target_fields else list(types)
        return [ADAPTERS.get(types.get(name, 0)) for name in names]


def _as_bool(cell: Any) -> Any:
    return bool(cell) if isinstance(cell, int) and cell in (0, 1) else cell


ADAPTERS: dict[int, Adapter] = {
    16: _as_bool,
    25: as_json,
    114: as_json,
    1043: as_json,
    1114: as_utc,
    3802: as_json,
}
"""By the type's number: bool, text, json, varchar, timestamp, jsonb."""
