"""Reading PostgreSQL, and what its writer shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.sql.base import Batches, SQLDriver, given_fields, require_fields
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.server import ServerExtractor, ServerQueryConfig

if TYPE_CHECKING:
    from psycopg2 import extensions


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return '"' + name.replace('"', '""') + '"'


class PostgresDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    default_schema = "public"

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        # A DSN may have any of them; the connector looks into it.
        if "dsn" not in given_fields(step):
            require_fields(step, ("host", "database", "user"))

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        diagnosis = getattr(error, "diag", None)
        said = (getattr(diagnosis, name, None) for name in ("message_primary", "message_detail", "context"))
        return " ".join(text for text in said if text)


class PostgresQueryConfig(ServerQueryConfig):
    """Config of ``postgres.extractor``.

    :param engine: how the result travels: ``copy``, ``cursor``, or ``auto``, which copies what can be copied. Types
        and values are the same.
    """

    engine: Literal["auto", "copy", "cursor"] = "auto"


class PostgresExtractor(PostgresDriver, ServerExtractor[PostgresQueryConfig]):
    """Reads a query or a table as a stream (``postgres.extractor``)."""

    name = "postgres.extractor"
    family = "postgres"
    config_model = PostgresQueryConfig
    dialect = Dialect(quote)

    def stream(self, client: extensions.connection, step: Step[PostgresQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        import pyarrow as pa

        from osiris_provider.drivers.postgres.copy_out import open_stream

        config = step.config
        with open_stream(
            client,
            config.statement(quote),
            config.params,
            engine=config.engine,
            text_columns=config.text_columns,
            lenient=config.special_values == "null",
        ) as stream:
            yield pa.RecordBatch.from_pylist([], schema=stream.schema)
            for batch in stream:
                for start in range(0, batch.num_rows, config.batch_rows):
                    yield batch.slice(start, config.batch_rows)
