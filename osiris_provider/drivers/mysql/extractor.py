"""Reading MySQL and MariaDB, and what its writer shares."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql.arrow_types import ZeroDates, arrow_schema
from osiris_provider.drivers.mysql.values import array_maker
from osiris_provider.drivers.sql.base import (
    Batches,
    QueryConfig,
    SQLDriver,
    SQLExtractor,
    fetch_batches,
    require_fields,
)
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.parallel import read_ahead
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection

    from osiris_provider.drivers.mysql.binary import QueryResult

log = logging.getLogger(__name__)

UTC = "UTC"


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return "`" + name.replace("`", "``") + "`"


class MySQLQueryConfig(QueryConfig):
    """Config of ``mysql.extractor``.

    ``engine`` says how the result travels: ``binary`` (a prepared statement), ``cursor`` (text, for statements that
    the server does not prepare), or ``auto``, which takes the first that works. Types and values are the same.
    ``zero_dates`` says what becomes of ``0000-00-00``, which no calendar has: ``error``, ``null``, or ``text``, which
    makes all columns of dates text. While reading, the session's time zone is UTC.
    """

    engine: Literal["auto", "binary", "cursor"] = "auto"
    zero_dates: ZeroDates = "error"


class MySQLDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        require_fields(step, ("host", "database", "user", "password"))

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        return str(error.args[1]) if len(error.args) > 1 else ""


class MySQLExtractor(MySQLDriver, SQLExtractor[MySQLQueryConfig]):
    """Reads a query or a table as a stream (``mysql.extractor``); rows stay on the server until they are asked for."""

    name = "mysql.extractor"
    family = "mysql"
    config_model = MySQLQueryConfig
    # MariaDB parses no zone; the session's is UTC.
    dialect = Dialect(quote, zone="")

    def stream(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        finished = False
        try:
            with client.cursor() as cursor:
                cursor.execute("SET time_zone = '+00:00'")
            yield from read_ahead([_read(client, step)], partial(_interrupt, client))
            client.commit()
            finished = True
        finally:
            if not finished:
                _hang_up(client)


def _read(client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
    from osiris_provider.drivers.mysql.binary import NotPreparableError

    if step.config.engine == "cursor":
        return _read_text(client, step)
    try:
        return _read_binary(client, step)
    except NotPreparableError as error:
        if step.config.engine == "binary":
            raise
        log.info("Step %s: reading through a cursor, because %s", step.id, error)
    return _read_text(client, step)


def _read_binary(client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
    from osiris_provider.drivers.mysql.binary import QueryResult

    config = step.config
    result = QueryResult(
        client,
        config.statement(quote),
        config.params,
        zero_dates=config.zero_dates,
        timestamp_zone=UTC,
        batch_rows=config.batch_rows,
    )
    log.info("Step %s: reading in the binary protocol", step.id)
    return _batches(result)


def _batches(result: QueryResult) -> Batches:
    import pyarrow as pa

    with result:
        yield pa.RecordBatch.from_pylist([], schema=result.schema)
        yield from result


def _read_text(client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
    import pyarrow as pa
    from pymysql.cursors import SSCursor

    config = step.config
    cursor = client.cursor(SSCursor)
    # Values stay as the server sent them; Arrow parses them, column by column and exactly.
    decoders, client.decoders = client.decoders, {}
    try:
        cursor.execute(config.statement(quote), config.params)
    finally:
        client.decoders = decoders
    # The description of DB-API tells neither sign nor charset.
    fields = cursor._result.fields if cursor.description else []  # type: ignore[attr-defined] # noqa: SLF001 - no public name
    schema = arrow_schema(fields, zero_dates=config.zero_dates, timestamp_zone=UTC)
    _refuse_float(step.id, schema)
    makers = [array_maker(field, config.zero_dates) for field in schema]

    def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True)
        return pa.RecordBatch.from_arrays(
            [make(values) for make, values in zip(makers, columns, strict=True)], schema=schema
        )

    fetch: Callable[[int], Sequence[Any]] = cursor.fetchmany
    yield from fetch_batches(schema, fetch, build, config.batch_rows)
    cursor.close()


def _refuse_float(step: str, schema: pa.Schema) -> None:
    """Refuse FLOAT as text: the server shows six of its digits, and the others would be lost."""
    import pyarrow as pa

    name = next((field.name for field in schema if pa.types.is_float32(field.type)), None)
    if name is not None:
        message = f"Step {step}: FLOAT column {name} loses digits as text; select CAST({name} AS DOUBLE) instead."
        raise DataError(message, step=step)


def _interrupt(client: Connection[Any]) -> None:
    """Cut the line of a connection that another thread may be reading from."""
    line: socket.socket | None = client._sock  # type: ignore[attr-defined] # noqa: SLF001 - has no public name
    if line is not None:
        with suppress(OSError):
            # The socket's own, not TLS's, which would pull the session away from under the thread.
            socket.socket.shutdown(line, socket.SHUT_RDWR)


def _hang_up(client: Connection[Any]) -> None:
    """Close a connection whose rows have not all been read; MySQL cannot be told to stop sending them."""
    result = client._result  # type: ignore[attr-defined] # noqa: SLF001 - there is no public way not to read on
    if result is not None:
        result.unbuffered_active = False
    if client.open:
        client.close()
