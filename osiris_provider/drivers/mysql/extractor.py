"""Reading MySQL and MariaDB, and what its writer shares."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql.columns import Column, columns_of, schema_of
from osiris_provider.drivers.mysql.values import array_of
from osiris_provider.drivers.sql.base import Batches, SQLDriver, fetch_batches, require_fields
from osiris_provider.drivers.sql.incremental import Dialect
from osiris_provider.drivers.sql.parallel import read_ahead
from osiris_provider.drivers.sql.server import ServerExtractor, ServerQueryConfig, made
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


class MySQLQueryConfig(ServerQueryConfig):
    """Config of ``mysql.extractor``. While reading, the session's time zone is UTC.

    :param engine: how the result travels: ``binary`` (a prepared statement), ``cursor`` (text, for statements that
        the server does not prepare), or ``auto``, which takes the first that works. Types and values are the same.
    """

    engine: Literal["auto", "binary", "cursor"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _old_name(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """``special_values`` was called ``zero_dates`` in version 0.1."""
        if "zero_dates" not in fields or "special_values" in fields:
            return fields
        return {("special_values" if name == "zero_dates" else name): value for name, value in fields.items()}


class MySQLDriver(SQLDriver[Any]):
    """What extractor and writer have in common."""

    def check(self, step: Step[Any]) -> None:
        """Check the fields; see :meth:`SQLDriver.check`."""
        require_fields(step, ("host", "database", "user", "password"))

    def server_text(self, error: Exception) -> str:
        """Return what the server said; see :meth:`SQLDriver.server_text`."""
        return str(error.args[1]) if len(error.args) > 1 else ""


class MySQLExtractor(MySQLDriver, ServerExtractor[MySQLQueryConfig]):
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
        text_columns=config.text_columns,
        lenient=config.special_values == "null",
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
    columns = columns_of(
        fields,
        text_columns=config.text_columns,
        lenient=config.special_values == "null",
        timestamp_zone=UTC,
        encoding=client.encoding,
    )
    _refuse_float(step.id, columns)
    schema = schema_of(columns)
    read = 0

    def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        nonlocal read
        values = zip(*rows, strict=True)
        arrays = made(partial(array_of, *pair, read + 1) for pair in zip(values, columns, strict=True))
        read += len(rows)
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    fetch: Callable[[int], Sequence[Any]] = cursor.fetchmany
    yield from fetch_batches(schema, fetch, build, config.batch_rows)
    cursor.close()


def _refuse_float(step: str, columns: Iterable[Column]) -> None:
    """Refuse FLOAT as text: the server shows six of its digits, and the others would be lost."""
    import pyarrow as pa

    name = next((column.name for column in columns if pa.types.is_float32(column.type)), None)
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
