"""Reading MySQL and MariaDB, and what its writer shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.base import Step
from osiris_provider.drivers.mysql_types import ZeroDates, arrow_schema
from osiris_provider.drivers.mysql_values import array_maker
from osiris_provider.drivers.sql import (
    Batches,
    QueryConfig,
    SQLDriver,
    SQLExtractor,
    fetch_batches,
    require_fields,
)
from osiris_provider.drivers.sql_tables import (
    check_names,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection


class MySQLQueryConfig(QueryConfig):
    """Config of ``mysql.extractor``.

    ``zero_dates`` says what becomes of ``0000-00-00``, which no calendar has: ``error``, ``null``, or ``text``, which
    makes all columns of dates text.
    """

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

    def stream(self, client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
        """Run the query and yield its batches; see :meth:`SQLExtractor.stream`."""
        finished = False
        try:
            yield from _stream(client, step)
            client.commit()
            finished = True
        finally:
            if not finished:
                _hang_up(client)


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return "`" + name.replace("`", "``") + "`"


def _stream(client: Connection[Any], step: Step[MySQLQueryConfig]) -> Batches:
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
    schema = arrow_schema(fields, zero_dates=config.zero_dates)
    check_names(step.id, schema)
    makers = [array_maker(field, config.zero_dates) for field in schema]

    def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True)
        return pa.RecordBatch.from_arrays(
            [make(values) for make, values in zip(makers, columns, strict=True)], schema=schema
        )

    fetch: Callable[[int], Sequence[Any]] = cursor.fetchmany
    yield from fetch_batches(schema, fetch, build, config.batch_rows)
    cursor.close()


def _hang_up(client: Connection[Any]) -> None:
    """Close a connection whose rows have not all been read; MySQL cannot be told to stop sending them."""
    result = client._result  # type: ignore[attr-defined] # noqa: SLF001 - there is no public way not to read on
    if result is not None:
        result.unbuffered_active = False
    if client.open:
        client.close()
