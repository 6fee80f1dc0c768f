"""Writing to MySQL and MariaDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mysql.config import MySQLWriteConfig
from osiris_provider.drivers.mysql.extractor import MySQLDriver
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.writer import SQLWriter
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection


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
        from osiris_provider.drivers.mysql.write import load

        return load(client, step, schema, batches)
