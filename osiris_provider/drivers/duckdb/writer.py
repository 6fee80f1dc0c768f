"""Writing to DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osiris_provider.drivers.duckdb.config import DuckDBWriteConfig
from osiris_provider.drivers.duckdb.extractor import DuckDBDriver
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.config import WriteConfig
from osiris_provider.drivers.sql.writer import SQLWriter
from osiris_provider.drivers.step import Step
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


class DuckDBWriter(DuckDBDriver, SQLWriter[WriteConfig]):
    """Writes into a table in one transaction (``duckdb.writer``).

    ``replace`` replaces the rows and keeps the table: its types, keys and defaults. ``upsert`` fills a temporary table
    first.
    """

    name = "duckdb.writer"
    family = "duckdb"
    config_model = DuckDBWriteConfig

    def check(self, step: Step[WriteConfig]) -> None:
        """Refuse connections whose rows no one would ever see."""
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
        from osiris_provider.drivers.duckdb.write import load

        return load(client, step, schema, batches)
