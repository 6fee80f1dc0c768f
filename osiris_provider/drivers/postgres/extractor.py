"""Reading PostgreSQL, and what its writer shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.postgres.arrow_types import SpecialValues
from osiris_provider.drivers.sql.base import Batches, QueryConfig, SQLDriver, SQLExtractor, given_fields, require_fields
from osiris_provider.drivers.sql.incremental import Dialect

if TYPE_CHECKING:
    from psycopg2 import extensions


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return '"' + name.replace('"', '""') + '"'


class PostgresDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

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


class PostgresQueryConfig(QueryConfig):
    """Config of ``postgres.extractor``.

    ``engine`` says how the result travels: ``copy``, ``cursor``, or ``auto``, which copies what can be copied. Types
    and values are the same. ``special_values`` says what becomes of infinite dates, NaN in numeric(p, s) and 24:00:00,
    which Arrow has not: ``error``, ``null``, or ``text``, which makes a column that holds one text.
    """

    engine: Literal["auto", "copy", "cursor"] = "auto"
    special_values: SpecialValues = "error"


class PostgresExtractor(PostgresDriver, SQLExtractor[PostgresQueryConfig]):
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
            special_values=config.special_values,
        ) as stream:
            yield pa.RecordBatch.from_pylist([], schema=stream.schema)
            for batch in stream:
                for start in range(0, batch.num_rows, config.batch_rows):
                    yield batch.slice(start, config.batch_rows)
