"""Writing to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.postgres import PostgresDriver, quote
from osiris_provider.drivers.postgres_values import column_type, csv_of
from osiris_provider.drivers.sql import Batches, SQLWriter, WriteConfig
from osiris_provider.drivers.sql_tables import Column, check_columns, create_statement, missing_table, quoted_table

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions


class PostgresWriter(PostgresDriver, SQLWriter):
    """Writes into a table with COPY, in one transaction (``postgres.writer``).

    ``replace`` deletes what was there in the same transaction: readers see the old rows until they see the new ones.
    """

    name = "postgres.writer"
    family = "postgres"

    def load(self, client: extensions.connection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        try:
            with client.cursor() as cursor:
                rows = _load(cursor, step, schema, batches)
            client.commit()
        except BaseException:
            if not client.closed:
                client.rollback()
            raise
        return rows


def _load(cursor: extensions.cursor, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
    table = quoted_table(step.config.table, quote)
    columns = _columns(cursor, table)
    if not columns:
        if not step.config.create_if_missing:
            raise missing_table(step.id, step.config.table)
        cursor.execute(create_statement(table, schema, quote, column_type))
    else:
        check_columns(step.id, step.config.table, schema, columns)
        if step.config.write_mode == "replace":
            # Readers are not held up; a second writer is, so that two runs do not both leave their rows.
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
    names = ", ".join(quote(name) for name in schema.names)
    copy = f"COPY {table} ({names}) FROM STDIN (FORMAT csv)"
    rows = 0
    for batch in batches:
        cursor.copy_expert(copy, csv_of(batch), size=1 << 16)
        rows += batch.num_rows
    return rows


def _columns(cursor: extensions.cursor, table: str) -> list[Column]:
    cursor.execute(
        "SELECT attname, attnotnull AND NOT atthasdef AND attidentity = '', attgenerated <> '' OR attidentity = 'a' "
        "FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    return [Column(name, required=required, generated=generated) for name, required, generated in cursor.fetchall()]
