"""Writing to Supabase: with COPY through its PostgreSQL DSN, or through its Data API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.connectors.model import reference_of
from osiris_provider.connectors.supabase import SupabaseConnection
from osiris_provider.drivers.base import Step, StepConfig, Writer
from osiris_provider.drivers.postgres.writer import PostgresWriter
from osiris_provider.drivers.sql.base import InputError
from osiris_provider.drivers.sql.tables import check_key, check_names
from osiris_provider.drivers.sql.write import WriteConfig
from osiris_provider.drivers.supabase.data_api import ADVICE, MAX_ROWS, send
from osiris_provider.errors import DriverConfigError, OsirisError

if TYPE_CHECKING:
    import pyarrow as pa


class SupabaseWriteConfig(StepConfig):
    """Config of ``supabase.writer``.

    :param table: in the connection's schema; with ``pg_dsn`` perhaps with another before it.
    :param write_mode: ``append``, ``upsert``, or with ``pg_dsn`` ``replace``; see :class:`WriteConfig`.
    :param primary_key: columns of the key; required for ``upsert``.
    :param create_if_missing: whether to create the table; only with ``pg_dsn``.
    :param ledger: see :class:`WriteConfig`; the Data API has none.
    :param via: ``dsn``, ``api``, or ``auto``, which takes the DSN if the connection has one.
    :param batch_rows: rows that are held and sent at a time; to the Data API, those of a request.
    :param input: step whose result is written, if there are several.
    """

    table: Annotated[str, Field(min_length=1)]
    write_mode: Literal["append", "replace", "upsert"] = "append"
    primary_key: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    create_if_missing: bool = False
    ledger: bool = True
    via: Literal["auto", "api", "dsn"] = "auto"
    batch_rows: Annotated[int, Field(ge=1)] | None = None
    input: str | None = None

    @field_validator("primary_key", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.write_mode == "upsert" and not self.primary_key:
            message = "write_mode upsert needs primary_key, the columns that tell rows apart"
            raise ValueError(message)
        return self

    def of_postgres(self, schema: str) -> WriteConfig:
        """Return the same as the config of ``postgres.writer``.

        :param schema: of a table that is named without one.
        """
        fields = self.model_dump(exclude={"via"}, exclude_none=True)
        table = self.table if "." in self.table else f"{schema}.{self.table}"
        return WriteConfig.model_validate({**fields, "table": table})


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
        model = SupabaseConnection.parse(step.connection)
        if _has_dsn(step, model):
            return _copy(step, model, reader)
        check_names(step.id, reader.schema)
        check_key(step.id, step.config.table, reader.schema, step.config.primary_key)
        problem: OsirisError
        try:
            return {"rows_written": send(step, reader)}
        except InputError as error:
            raise error.args[0] from None
        except OsirisError as error:
            if "step" in error.facts:
                raise
            problem = type(error)(f"Step {step.id}: {error.message}", **error.facts, step=step.id)
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
    found = [words for words, wrong in problem.items() if wrong]
    if found:
        message = f"Step {step.id} (supabase.writer): {'; '.join(found)}."
        raise DriverConfigError(message, step=step.id)
    return uses_dsn


def _copy(step: Step[SupabaseWriteConfig], model: SupabaseConnection, reader: pa.RecordBatchReader) -> dict[str, Any]:
    dsn = model.pg_dsn.get_secret_value() if model.pg_dsn else ""
    database = {"family": "postgres", "alias": step.connection.get("alias"), "dsn": dsn}
    problem: OsirisError
    try:
        config = step.config.of_postgres(str(model.schema))
        return PostgresWriter().write(replace(step, config=config, connection=database), reader)  # type: ignore[arg-type] # a step of the other driver
    except OsirisError as error:
        # The user knows the connection by its own name.
        own = reference_of(step.connection)
        said = error.message.replace(reference_of(database) or "@", own or "@")
        problem = type(error)(said, **{**error.facts, "reference": own})
    raise problem
