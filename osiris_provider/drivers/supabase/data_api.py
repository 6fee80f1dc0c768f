"""Rows to Supabase's Data API: a request is one transaction, several are not."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import tempfile
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from osiris_provider.connectors.http.base import HttpConnector
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.retry import ATTEMPTS, call_with_retries
from osiris_provider.connectors.supabase import error_code
from osiris_provider.drivers.postgres.nul import without_nul
from osiris_provider.drivers.sql.base import Batches
from osiris_provider.drivers.sql.values.normalize import normalized_batches, normalized_schema
from osiris_provider.drivers.sql.values.validate import duplicate_key_error, fitting, same_key
from osiris_provider.drivers.sql.write import filled, limits_of, sliced
from osiris_provider.drivers.step import Step
from osiris_provider.drivers.supabase.columns import columns_of
from osiris_provider.errors import DataError, OsirisError

if TYPE_CHECKING:
    import pyarrow as pa

    from osiris_provider.connectors.http.session import Answer
    from osiris_provider.drivers.supabase.config import SupabaseWriteConfig

log = logging.getLogger(__name__)

BATCH_ROWS = 10_000
MAX_ROWS = 100_000
MAX_ANSWER = 64 * 1024
NOTHING = " Nothing was written."
_BAD_DATA = ("22", "23")
"""Classes of SQLSTATEs: bad values, and rules of the table."""
_UNIQUE = "23505"
_DIGITS = 10
"""Of a count of rows, at most."""
ADVICE = "or give the connection a pg_dsn: COPY is one transaction whatever the size"


def send(step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> int:
    """Write all batches and return the number of rows.

    :raises DataError: a row does not fit, or an append does not fit into one request.
    :raises ConnectorError: the Data API refused.
    """
    rows = kept = 0
    with contextlib.closing(_requests(step, reader)) as requests, contextlib.ExitStack() as at_end:
        at_end.callback(lambda: _say_left_out(step, rows - kept))
        for batch in requests:
            try:
                kept += _post(step, batch, rows)
            except OsirisError as error:
                if not rows:
                    raise
                said = error.message.removesuffix(NOTHING)
                done = f"{said} The {rows:,} rows before are written; a retry of this upsert completes it."
                problem = error.restated(done)
            else:
                rows += batch.num_rows
                continue
            raise problem
    return rows


def _say_left_out(step: Step[SupabaseWriteConfig], rows: int) -> None:
    if rows:
        log.warning(
            "Step %s: the Data API counts %s rows of table %s fewer than were sent: a trigger or policy has left them "
            "out, or has left rows that were there as they were.",
            step.id,
            rows,
            step.config.table,
        )


def _requests(step: Step[SupabaseWriteConfig], reader: pa.RecordBatchReader) -> Generator[pa.RecordBatch]:
    """Yield the batches to send, one a request; all of them have been looked through before the first.

    :raises DataError: a row does not fit, or an append does not fit into one request; nothing has been sent then.
    """
    import pyarrow as pa

    config = step.config
    limit = config.batch_rows or BATCH_ROWS
    limits = limits_of(step, columns_of(step))
    # What is nested is JSON, of which only the server knows whether it may have the character.
    schema = _in_utc(normalized_schema(reader.schema))
    texts = {field.name: "text" for field in schema if pa.types.is_nested(field.type)}
    batches = normalized_batches(sliced(reader, limit), schema)
    fitted = fitting(batches, config.table, limits, lossy=config.lossy, sent_as="json")
    batches = without_nul(fitted, config, texts)
    if config.write_mode == "upsert":
        with _looked_through(batches, schema, config.table, config.primary_key) as known:
            yield from filled(known, limit)
        return
    full = filled(batches, limit)
    first, second = next(full, None), next(full, None)
    if second is not None:
        message = (
            f"Table {config.table}: more than {limit:,} rows cannot be appended in one request, and a "
            f"failure between two would leave a part. Raise batch_rows, upsert by a primary_key, {ADVICE}.{NOTHING}"
        )
        raise DataError(message, table=config.table)
    if first is not None:
        _check_keys([first], config.table, config.primary_key)
        yield first


def _in_utc(schema: pa.Schema) -> pa.Schema:
    """Return a schema with moments as UTC tells them: a column without a zone takes no notice of an offset."""
    import pyarrow as pa

    zoned = [field for field in schema if pa.types.is_timestamp(field.type) and field.type.tz]
    types = {field.name: pa.timestamp(field.type.unit, "UTC") for field in zoned}
    return pa.schema([field.with_type(types.get(field.name, field.type)) for field in schema])


@contextlib.contextmanager
def _looked_through(batches: Batches, schema: pa.Schema, table: str, key: Sequence[str]) -> Iterator[Batches]:
    """Yield the same batches from a file, when all of them have been read and no key occurs twice.

    Only the keys are held in memory.
    """
    import pyarrow as pa

    with tempfile.TemporaryFile() as file:
        seen: list[pa.RecordBatch] = []
        with pa.ipc.new_stream(file, schema) as kept:
            for batch in batches:
                kept.write_batch(batch)
                seen.append(batch.select(list(key)))
        _check_keys(seen, table, key)
        file.seek(0)
        yield iter(pa.ipc.open_stream(file))


def _check_keys(batches: Sequence[pa.RecordBatch], table: str, key: Sequence[str]) -> None:
    import pyarrow as pa

    if not key or not any(batch.num_rows for batch in batches):
        return
    keys = pa.Table.from_batches(batches).select(list(key))
    for number, field in enumerate(keys.schema):
        if pa.types.is_nested(field.type):
            # Arrow does not compare such values.
            texts = [json.dumps(_json(value)) for value in keys[number].to_pylist()]
            keys = keys.set_column(number, field.name, pa.array(texts, pa.large_string()))
    (rows,) = keys.combine_chunks().to_batches()
    duplicate = same_key(rows, key)
    if duplicate is not None:
        raise duplicate_key_error(table, key, [row + 1 for row in duplicate])


def _post(step: Step[SupabaseWriteConfig], batch: pa.RecordBatch, before: int) -> int:
    """Send a batch, that so many rows went before; return how many of its rows the table kept."""
    config = step.config
    upserts = config.write_mode == "upsert"
    connector = cast("HttpConnector[Any]", get_connector(step.connection["family"]))
    session = step.client()
    params = {"columns": ",".join(f'"{name}"' for name in batch.schema.names)}
    if upserts:
        params["on_conflict"] = ",".join(config.primary_key)
    resolution = "resolution=merge-duplicates," if upserts else ""
    headers = {"Prefer": f"{resolution}return=minimal,count=exact,timezone=UTC", "Content-Type": "application/json"}
    body = json.dumps([{name: _json(value) for name, value in row.items()} for row in batch.to_pylist()]).encode()
    path = quote(config.table, safe="")

    def ask() -> Answer:
        answer = session.ask("POST", path, MAX_ANSWER, params=params, headers=headers, data=body)
        code = error_code(answer)
        if code[:2] in _BAD_DATA:
            raise _refused(config, code, before + 1, before + batch.num_rows)
        return connector.checked(answer)

    def once() -> int:
        answer = connector.translate_errors(step.connection, ask)
        log.debug("Step %s: %s rows, status %s", step.id, batch.num_rows, answer.status)
        return _counted(answer, batch.num_rows)

    # An append whose answer was lost may be there already.
    kept: int = call_with_retries(once, attempts=ATTEMPTS if upserts else 1)
    return kept


def _counted(answer: Answer, sent: int) -> int:
    """Return how many of the rows that were sent an answer counts; all if it counts none."""
    count = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return min(int(count), sent) if count.isdecimal() and len(count) < _DIGITS else sent


def _refused(config: SupabaseWriteConfig, code: str, first: int, last: int) -> DataError:
    """Return the error for rows that the database did not take; PostgREST does not say which of them."""
    reason = "a value does not fit its column or a rule of the table"
    if code == _UNIQUE:
        reason = "duplicate key"
    numbers = f"rows {first:,} to {last:,} of the input"
    return DataError(f"Table {config.table}: among {numbers}: {reason} (SQLSTATE {code}).{NOTHING}", table=config.table)


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
    if isinstance(value, list | tuple):
        # A map is a list of pairs.
        return [_json(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)
