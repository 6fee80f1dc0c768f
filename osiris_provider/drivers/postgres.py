"""Reading PostgreSQL, and what its writer shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.postgres_text import from_text
from osiris_provider.drivers.postgres_types import BOOL, BYTEA, FLOAT4, FLOAT8, INT2, INT4, INT8, OID, columns_of
from osiris_provider.drivers.postgres_types import Column as ResultColumn
from osiris_provider.drivers.sql import (
    Batches,
    QueryConfig,
    SQLDriver,
    SQLExtractor,
    fetch_batches,
    given_fields,
    require_fields,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

# How values look as text must not depend on the settings of role or server.
_SETTINGS = "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL bytea_output = 'hex'"

_PLAIN = frozenset({BOOL, BYTEA, INT2, INT4, INT8, OID, FLOAT4, FLOAT8})


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


class PostgresExtractor(PostgresDriver, SQLExtractor[QueryConfig]):
    """Reads a query or a table as a stream (``postgres.extractor``); rows stay on the server until asked for."""

    name = "postgres.extractor"
    family = "postgres"
    config_model = QueryConfig

    def stream(self, client: extensions.connection, step: Step[QueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        finished = False
        try:
            yield from _stream(client, step.config)
            client.commit()
            finished = True
        finally:
            if not finished and not client.closed:
                client.rollback()


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return '"' + name.replace('"', '""') + '"'


def _stream(client: extensions.connection, config: QueryConfig) -> Batches:
    import pyarrow as pa
    from psycopg2.extensions import register_type

    with client.cursor() as cursor:
        cursor.execute(_SETTINGS)
    with client.cursor(name="osiris_stream") as cursor:
        register_type(_raw_text(), cursor)
        cursor.execute(config.statement(quote), config.params)
        # The description comes with the first rows.
        first = cursor.fetchmany(1)
        columns = columns_of(cast("Any", cursor.description))
        schema = pa.schema([column.field for column in columns])
        read = 0

        def fetch(rows: int) -> Sequence[Sequence[Any]]:
            found, first[:] = list(first), []
            # Asked for no rows, the server would give the last one again.
            return found + cursor.fetchmany(rows - len(found)) if rows > len(found) else found

        def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
            nonlocal read
            values = zip(columns, zip(*rows, strict=True), strict=True)
            arrays = [_array(column, list(found), read + 1) for column, found in values]
            read += len(rows)
            return pa.RecordBatch.from_arrays(arrays, schema=schema)

        yield from fetch_batches(schema, fetch, build, config.batch_rows)


def _array(column: ResultColumn, values: list[Any], first_row: int) -> pa.Array:
    import pyarrow as pa

    if column.oid in _PLAIN:
        return pa.array(values, column.arrow_type)
    return from_text(pa.array(values, pa.string()), column, first_row)


@cache
def _raw_text() -> Any:
    """Return the type that leaves all but plain values as the server's text: psycopg2 rounds intervals, parses JSON,
    and takes infinity for the year 9999."""
    from psycopg2.extensions import new_type, string_types

    return new_type(tuple(set(string_types) - _PLAIN), "OSIRIS_TEXT", lambda value, _cursor: value)
