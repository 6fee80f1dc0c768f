"""Writing to PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.postgres.config import PostgresWriteConfig
from osiris_provider.drivers.postgres.extractor import PostgresDriver
from osiris_provider.drivers.postgres.names import check_column_names, check_config_names
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.writer import SQLWriter
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions


class PostgresWriter(PostgresDriver, SQLWriter[WriteConfig]):
    """Writes into a table with COPY, in one transaction (``postgres.writer``).

    ``replace`` deletes what was there in the same transaction: readers see the old rows until they see the new ones.
    ``upsert`` copies into a temporary table first.
    """

    name = "postgres.writer"
    family = "postgres"
    config_model = PostgresWriteConfig

    def write(self, step: Step[WriteConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches, under names that PostgreSQL keeps; see :meth:`SQLWriter.write`."""
        check_config_names(step.id, step.config.table, step.config.primary_key)
        check_column_names(step.id, reader.schema.names)
        return super().write(step, reader)

    def load(self, client: extensions.connection, step: Step[WriteConfig], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches; see :meth:`SQLWriter.load`."""
        from osiris_provider.drivers.postgres.write import load

        return load(client, step, schema, batches)
