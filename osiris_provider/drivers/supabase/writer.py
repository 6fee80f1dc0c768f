"""Writing to Supabase: with COPY through its PostgreSQL DSN, or through its Data API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.model import reference_of
from osiris_provider.connectors.postgres.connection import PostgresConnection
from osiris_provider.connectors.supabase import SupabaseConnection
from osiris_provider.drivers.base import Writer
from osiris_provider.drivers.postgres.writer import PostgresWriter
from osiris_provider.drivers.sql.base import InputError
from osiris_provider.drivers.sql.tables import check_key, check_names, check_types
from osiris_provider.drivers.step import Step, of_step
from osiris_provider.drivers.supabase.config import SupabaseWriteConfig
from osiris_provider.drivers.supabase.data_api import ADVICE, MAX_ROWS, send
from osiris_provider.errors import DriverConfigError, OsirisError

if TYPE_CHECKING:
    import pyarrow as pa


class SupabaseWriter(Writer[SupabaseWriteConfig]):
    """Writes into a table, as ``postgres.writer`` does if the connection has a ``pg_dsn``.

    Otherwise through the Data API, where a request is one transaction, several are not: so an append must fit into
    one, and an upsert of several may leave a part behind, which the retry completes.
    """

    name = "supabase.writer"
    family = "supabase"
    config_model = SupabaseWriteConfig

    def write(self, step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; see :meth:`Writer.write`."""
        model: SupabaseConnection = step.connection.model
        if _has_dsn(step, model):
            return _copy(step, model, reader)
        check_names(step.id, reader.schema)
        check_types(step.id, reader.schema, "the Data API")
        check_key(step.id, step.config.table, reader.schema, step.config.primary_key)
        problem: OsirisError
        try:
            return {"rows_written": send(step, reader)}
        except InputError as error:
            raise error.args[0] from None
        except OsirisError as error:
            problem = of_step(error, step.id)
        raise problem


def _has_dsn(step: Step[SupabaseWriteConfig], model: SupabaseConnection) -> bool:
    """Return whether to use the DSN.

    :raises DriverConfigError: the connection or the config does not go with the way that is chosen.
    """
    config = step.config
    uses_dsn = config.via == "dsn" or (config.via == "auto" and model.pg_dsn is not None)
    problem = {
        "via: dsn needs a connection with pg_dsn": uses_dsn and model.pg_dsn is None,
        "via: api needs a connection with service_role_key or anon_key": not uses_dsn and model.key is None,
        f"the Data API cannot replace a table in one step; upsert, {ADVICE}": not uses_dsn
        and config.write_mode == "replace",
        f"the Data API cannot create a table; create it first, {ADVICE}": not uses_dsn and config.create_if_missing,
        f"config field batch_rows: a request has at most {MAX_ROWS:,} rows": not uses_dsn
        and (config.batch_rows or 0) > MAX_ROWS,
    }
    complaints = [words for words, wrong in problem.items() if wrong]
    if complaints:
        raise DriverConfigError.in_step(step.id, f"{'; '.join(complaints)}.", "supabase.writer")
    return uses_dsn


def _copy(step: Step[SupabaseWriteConfig], model: SupabaseConnection, reader: pa.RecordBatchReader) -> dict[str, Any]:
    dsn = model.pg_dsn.get_secret_value() if model.pg_dsn else ""
    fields = {"family": "postgres", "alias": step.connection.get("alias"), "dsn": dsn}
    database = ResolvedConnection(fields, PostgresConnection)
    problem: OsirisError
    try:
        config = step.config.of_postgres(str(model.schema))
        return PostgresWriter().write(replace(step, config=config, connection=database), reader)  # type: ignore[arg-type] # a step of the other driver
    except OsirisError as error:
        # The user knows the connection by its own name.
        own, other = reference_of(step.connection), reference_of(database)
        said = error.message.replace(other, own) if other and own else error.message
        problem = error.restated(said, reference=own)
    raise problem
