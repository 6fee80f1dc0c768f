"""Writing to Supabase through its Data API."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.connectors.http import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import ATTEMPTS, call_with_retries
from osiris_provider.connectors.supabase import SupabaseConnection
from osiris_provider.drivers.base import Step, StepConfig, Writer
from osiris_provider.drivers.sql.base import InputError
from osiris_provider.drivers.sql.fit import Limits, fitting, same_key, twice_in
from osiris_provider.drivers.sql.tables import check_key, check_names
from osiris_provider.drivers.sql.write import sliced
from osiris_provider.errors import DataError, DriverConfigError, OsirisError

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

MAX_ANSWER = 64 * 1024
ADVICE = "or write with postgres.writer and the project's DSN, which is one transaction whatever the size"


class SupabaseWriteConfig(StepConfig):
    """Config of ``supabase.writer``.

    :param table: in the connection's schema.
    :param write_mode: ``append`` adds the rows; ``upsert`` updates the rows whose key is there and adds the others.
    :param primary_key: columns of the key; required for ``upsert``.
    :param batch_rows: rows of a request, which is one transaction.
    :param input: step whose result is written, if there are several.
    """

    table: Annotated[str, Field(min_length=1)]
    write_mode: Literal["append", "upsert"] = "append"
    primary_key: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    batch_rows: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    input: str | None = None

    @field_validator("primary_key", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("write_mode", mode="before")
    @classmethod
    def _not_replace(cls, value: Any) -> Any:
        if value == "replace":
            message = f"the Data API cannot replace a table in one step; upsert, {ADVICE}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        if self.write_mode == "upsert" and not self.primary_key:
            message = "write_mode upsert needs primary_key, the columns that tell rows apart"
            raise ValueError(message)
        return self


class SupabaseWriter(Writer[SupabaseWriteConfig]):
    """Writes into a table; a key is needed, a DSN alone is for ``postgres.writer``.

    A request is one transaction, several are not: so an append must fit into one, and an upsert of several may leave
    a part behind, which the retry completes.
    """

    name = "supabase.writer"
    family = "supabase"
    config_model = SupabaseWriteConfig

    def write(self, step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        """Write all batches; see :meth:`Writer.write`."""
        if SupabaseConnection.parse(step.connection).key is None:
            advice = "give it a service_role_key or anon_key, or write with postgres.writer and its dsn"
            message = f"Step {step.id} ({self.name}): the connection has only a pg_dsn; {advice}."
            raise DriverConfigError(message, step=step.id)
        check_names(step.id, reader.schema)
        check_key(step.id, step.config.table, reader.schema, step.config.primary_key)
        problem: OsirisError
        try:
            return {"rows_written": _write(step, reader)}
        except InputError as error:
            raise error.args[0] from None
        except OsirisError as error:
            if "step" in error.facts:
                raise
            problem = type(error)(f"Step {step.id}: {error.message}", **error.facts, step=step.id)
        raise problem


def _write(step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> int:
    rows = 0
    for batch in _requests(step, reader):
        try:
            _post(step, batch)
        except OsirisError as error:
            if not rows:
                raise
            done = f"{error.message} The {rows:,} rows before are written; a retry of this upsert completes it."
            problem = type(error)(done, **error.facts)
        else:
            rows += batch.num_rows
            continue
        raise problem
    return rows


def _requests(step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield the batches to send, one a request.

    :raises DataError: an append does not fit into one; nothing has been sent then.
    """
    import pyarrow as pa

    config = step.config
    keys = {name: Limits(nullable=False) for name in config.primary_key}
    batches = _filled(fitting(sliced(reader, config.batch_rows), config.table, keys), config.batch_rows)
    first, second = next(batches, None), next(batches, None)
    if config.write_mode == "append" and second is not None:
        message = (
            f"Table {config.table}: more than {config.batch_rows:,} rows cannot be appended in one request, and a "
            f"failure between two would leave a part. Raise batch_rows, upsert by a primary_key, {ADVICE}. "
            "Nothing was written."
        )
        raise DataError(message, table=config.table)
    for known in (first, second):
        if known is not None:
            yield pa.RecordBatch.from_arrays(known.columns, schema=known.schema)
    yield from batches


def _filled(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of so many rows, put together from small ones."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= rows:
            whole = pa.Table.from_batches(waiting).combine_chunks()
            yield whole.slice(0, rows).to_batches()[0]
            waiting = whole.slice(rows).to_batches()
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks().to_batches()[0]


def _post(step: Step[SupabaseWriteConfig], batch: pa.RecordBatch) -> None:
    config = step.config
    upserts = config.write_mode == "upsert"
    twice = same_key(batch, config.primary_key) if upserts else None
    if twice is not None:
        raise twice_in(config.table, config.primary_key, [row + 1 for row in twice])
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))
    session = step.client()
    params = {"columns": ",".join(f'"{name}"' for name in batch.schema.names)}
    if upserts:
        params["on_conflict"] = ",".join(config.primary_key)
    resolution = "resolution=merge-duplicates," if upserts else ""
    headers = {"Prefer": f"{resolution}return=minimal", "Content-Type": "application/json"}
    body = json.dumps([{name: _json(value) for name, value in row.items()} for row in batch.to_pylist()]).encode()
    path = quote(config.table, safe="")

    def once() -> None:
        answer = connector.guarded(
            step.connection,
            lambda: connector.checked(session.ask("POST", path, MAX_ANSWER, params=params, headers=headers, data=body)),
        )
        log.debug("Step %s: %s rows, status %s", step.id, batch.num_rows, answer.status)

    # An append whose answer was lost may be there already.
    call_with_retries(once, attempts=ATTEMPTS if upserts else 1)


def _json(value: Any) -> Any:
    """Return a value as PostgREST hands it on to PostgreSQL."""
    import datetime as dt

    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dt.timedelta):
        return f"{value // dt.timedelta(microseconds=1)} microseconds"
    if isinstance(value, dict):
        return {name: _json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_json(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
