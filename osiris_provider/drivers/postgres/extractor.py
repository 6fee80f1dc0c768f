"""Reading PostgreSQL, and what its writer shares. What they work with is imported when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.postgres.config import PostgresQueryConfig
from osiris_provider.drivers.postgres.names import check_config_names, quote
from osiris_provider.drivers.sql.base import Batches, SQLDriver, given_fields, require_fields
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.values.special_values import ServerExtractor
from osiris_provider.drivers.step import Step

if TYPE_CHECKING:
    from psycopg2 import extensions


class PostgresDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    default_schema = "public"

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        # A DSN may have any of them; the connector looks into it.
        if "dsn" not in given_fields(step):
            require_fields(step, ("database",))

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        diagnosis = getattr(error, "diag", None)
        said = (getattr(diagnosis, name, None) for name in ("message_primary", "message_detail", "context"))
        return " ".join(text for text in said if text)


class PostgresExtractor(PostgresDriver, ServerExtractor[PostgresQueryConfig]):
    """Reads a query or a table as a stream (``postgres.extractor``)."""

    name = "postgres.extractor"
    family = "postgres"
    config_model = PostgresQueryConfig
    dialect = Dialect(quote)

    def extract(self, step: Step[PostgresQueryConfig]) -> Batches:
        """Return the stream of what the names say in full; see :meth:`SQLExtractor.extract`."""
        config = step.config
        followed = config.incremental.column if config.incremental else None
        check_config_names(step.id, config.table, [*(config.columns or []), followed, config.partition_on])
        return super().extract(step)

    def stream(self, client: extensions.connection, step: Step[PostgresQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        from osiris_provider.drivers.postgres.read import read_step

        return read_step(client, step, self.dialect)
