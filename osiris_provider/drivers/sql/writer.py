"""Base of the writers of the SQL families. What they work with is imported when they do."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from osiris_provider.drivers.base import Writer
from osiris_provider.drivers.sql.base import Batches, SQLDriver
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa

AnyWrite = TypeVar("AnyWrite", bound=WriteConfig)


class SQLWriter(SQLDriver[AnyWrite], Writer[AnyWrite]):
    """Base of the writers into a table; a family says how in :meth:`load`."""

    @abstractmethod
    def load(self, client: Any, step: Step[AnyWrite], schema: pa.Schema, batches: Batches) -> int:
        """Write all batches in one transaction and return the number of rows; on any error nothing is written."""

    def write(self, step: Step[AnyWrite], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches into the table; see :meth:`Writer.write`."""
        from osiris_provider.drivers.sql.tables import check_free, check_key, check_names
        from osiris_provider.drivers.sql.values.normalize import normalized_batches, normalized_schema
        from osiris_provider.drivers.sql.write import ROW, sliced

        check_names(step.id, reader.schema)
        check_key(step.id, step.config.table, reader.schema, step.config.primary_key)
        if step.config.write_mode == "upsert":
            check_free(step.id, reader.schema, ROW)
        schema = normalized_schema(reader.schema)
        batches = normalized_batches(sliced(reader, step.config.batch_rows), schema)
        with self.borrowed(step) as client:
            return {"rows_written": self.load(client, step, schema, batches)}
