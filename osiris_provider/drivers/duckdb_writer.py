"""Writing to DuckDB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.duckdb import DuckDBDriver, own_cursor, quote
from osiris_provider.drivers.sql import Batches
from osiris_provider.drivers.sql_tables import Column, check_columns, missing_table, quoted_table
from osiris_provider.drivers.sql_write import SQLWriter, WriteConfig
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

INPUT = "osiris_input"
"""Under which a writer's statements know the rows to write."""


class DuckDBWriteConfig(WriteConfig):
    """Config of ``duckdb.writer``."""

    create_if_missing: bool = True


class DuckDBWriter(DuckDBDriver, SQLWriter[WriteConfig]):
    """Writes into a table in one transaction (``duckdb.writer``).

    ``replace`` replaces the rows and keeps the table: its types, keys and defaults.
    """

    name = "duckdb.writer"
    family = "duckdb"
    config_model = DuckDBWriteConfig

    def check(self, step: Step[WriteConfig]) -> None:
        """Refuse connections whose rows nobody would ever see."""
        problem = {
            "read_only": step.connection.get("read_only") and "a writer needs a connection without it",
            "path": str(step.connection["path"]) == ":memory:" and "what a step writes there is gone when it ends",
        }
        for field, said in problem.items():
            if said:
                message = f"connection field {field}: {said}."
                raise ConnectionConfigError(message, field=field)

    def load(self, client: DuckDBPyConnection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        table = quoted_table(step.config.table, quote)
        with own_cursor(client) as cursor, _transaction(cursor):
            columns = _columns(cursor, step.config.table, schema)
            if columns:
                check_columns(step.id, step.config.table, schema, columns)
            elif step.config.create_if_missing:
                _create(cursor, table, schema)
            else:
                raise missing_table(step.id, step.config.table)
            if step.config.write_mode == "replace":
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
            return _insert(cursor, table, batches)


@contextlib.contextmanager
def _transaction(cursor: DuckDBPyConnection) -> Iterator[None]:
    cursor.begin()
    try:
        yield
    except BaseException:
        cursor.rollback()
        raise
    cursor.commit()


def _columns(cursor: DuckDBPyConnection, table: str, schema: pa.Schema) -> list[Column]:
    """Return the columns of a table, spelt as the input spells them: DuckDB takes no notice of case."""
    *place, name = table.split(".")
    catalog, owner = [None, None, *place][-2:]
    found = cursor.execute(
        "SELECT column_name, NOT is_nullable AND column_default IS NULL FROM duckdb_columns()"
        " WHERE lower(table_name) = lower($1) AND lower(schema_name) = lower(coalesce($2, current_schema()))"
        " AND lower(database_name) = lower(coalesce($3, current_database())) ORDER BY column_index",
        [name, owner, catalog],
    ).fetchall()
    spelt = {column.lower(): column for column in schema.names}
    return [Column(spelt.get(column.lower(), column), required) for column, required in found]


def _create(cursor: DuckDBPyConnection, table: str, schema: pa.Schema) -> None:
    import pyarrow as pa

    # A column of nulls only would become one of numbers.
    typed = pa.schema([field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema])
    cursor.register(INPUT, typed.empty_table())
    cursor.execute(f"CREATE TABLE {table} AS FROM {INPUT}")
    cursor.unregister(INPUT)


def _insert(cursor: DuckDBPyConnection, table: str, batches: Batches) -> int:
    import pyarrow as pa

    rows = 0
    for batch in batches:
        cursor.register(INPUT, pa.Table.from_batches([batch]))
        cursor.execute(f"INSERT INTO {table} BY NAME FROM {INPUT}")
        cursor.unregister(INPUT)
        rows += batch.num_rows
    return rows
