"""Running queries on open connections, as streams of record batches."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.interrupt import stop
from osiris_provider.connectors.mysql.client import close, working
from osiris_provider.drivers.mysql.config import SEVERAL_RESULTS
from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.protocol.arrow_types import VECTOR, ColumnDefinition
from osiris_provider.drivers.mysql.protocol.columns import Column, columns_of, schema_of
from osiris_provider.drivers.mysql.protocol.values import array_of
from osiris_provider.drivers.mysql.protocol.warnings import say_warnings, warnings_of
from osiris_provider.drivers.sql.base import Batches, fetch_batches, filling_in
from osiris_provider.drivers.sql.parallel import read_ahead, together
from osiris_provider.drivers.sql.values.special_values import collect
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from pymysql.connections import Connection
    from pymysql.cursors import SSCursor

    from osiris_provider.drivers.mysql.config import MySQLQueryConfig
    from osiris_provider.drivers.mysql.protocol.adapter import QueryResult

log = logging.getLogger(__name__)

UTC: Final = "UTC"
CHARSET: Final = "utf8mb4"
WRITE_TIMEOUT_SECONDS: Final = 86_400
"""How long a server waits for a reader that has not come to what was sent; for a minute, if no one says."""
AS_ASKED: Final = "config field engine says so"
NO_LIMIT: Final = 2**64 - 1
LONGEST: Final = 1 << 30
"""Bytes that GROUP_CONCAT() may return: max_allowed_packet cannot be more."""
MAX_WARNINGS: Final = 65_535
"""That a server keeps of a statement at the most."""
_SESSION: Final = {
    "time_zone": "+00:00",
    "net_write_timeout": WRITE_TIMEOUT_SECONDS,
    # With others the server leaves out rows of each result, and cuts the values of GROUP_CONCAT().
    "sql_select_limit": NO_LIMIT,
    "group_concat_max_len": LONGEST,
    # The one that a value was cut may come behind others.
    "max_error_count": MAX_WARNINGS,
}
*_ANYWHERE, _ON_MARIADB = (f"SESSION {name} = %s" for name in _SESSION)
# MySQL wants a right for the last one, and takes it for a comment.
_SET_SESSION: Final = f"SET {', '.join(_ANYWHERE)} /*M!, {_ON_MARIADB} */"
FEWEST_ROWS: Final = 256
"""That a batch may hold however many connections share the memory."""
BYTES_OF_ALL: Final = 8 << 20
"""What the batches of several connections hold at a time."""


@contextmanager
def read_session(client: Connection[Any]) -> Iterator[None]:
    """Set up a session for reading, and put back what was there: its client may be another step's next.

    Times are shown in UTC, text comes with all its characters, results with all their rows, and the server waits for a
    slow reader.

    :param client: an open connection; after an error it has to be closed.
    """
    charset, collation = client.charset, client.collation
    with client.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'@@SESSION.{name}' for name in _SESSION)}")
        before = cursor.fetchone()
    begin_reading(client)
    yield
    with client.cursor() as cursor:
        cursor.execute(_SET_SESSION, before)
    if charset != CHARSET:
        client.set_character_set(charset, collation)


def begin_reading(client: Connection[Any]) -> None:
    """Set up the session of a connection that is closed when it has been read; see :func:`read_session`.

    :param client: an open connection.
    """
    # What the connection's own charset lacks, the server would replace with question marks.
    if client.charset != CHARSET:
        client.set_character_set(CHARSET)
    with client.cursor() as cursor:
        cursor.execute(_SET_SESSION, tuple(_SESSION.values()))


def check_params(client: Connection[Any], config: MySQLQueryConfig) -> None:
    """Check that the parameters fit the query.

    :param client: an open connection.
    :raises DriverConfigError: they do not.
    """
    import pymysql

    with filling_in(pymysql.ProgrammingError):
        client.cursor().mogrify(config.statement(quote), config.params)


def read_all(clients: Sequence[Connection[Any]], partitions: Sequence[MySQLQueryConfig], step_id: str) -> Batches:
    """Read each partition on a connection of its own, at the same time; yield the batches as they come.

    Connections are closed unless everything was read.

    :param clients: open connections, in a :func:`read_session`.
    :param partitions: as many configs.
    :param step_id: for the log and errors.
    """
    finished = False
    try:
        numbered = enumerate(zip(clients, partitions, strict=True), start=1)
        opens = [
            partial(_read, client, _Partition(config, step_id, number, len(partitions)))
            for number, (client, config) in numbered
        ]
        yield from read_ahead(together(opens, partial(stop, clients)), partial(stop, clients))
        if len(clients) == 1:
            # Those of partitions are closed.
            clients[0].commit()
        finished = True
    finally:
        if not finished:
            for client in clients:
                hang_up(client)


@dataclass(frozen=True)
class _Partition:
    """What one of several connections reads."""

    config: MySQLQueryConfig
    step_id: str
    number: int
    of: int

    @property
    def batch_rows(self) -> int:
        """How many rows its batches may have."""
        rows = self.config.batch_rows
        return min(rows, max(rows // self.of, FEWEST_ROWS))

    def log_engine(self, engine: str, reason: object) -> None:
        """Say how the result travels, once for all partitions."""
        level = logging.INFO if self.number == 1 else logging.DEBUG
        log.log(level, "Step %s: reading MySQL through %s: %s", self.step_id, engine, reason)


def _read(client: Connection[Any], partition: _Partition) -> Batches:
    from osiris_provider.drivers.mysql.protocol.adapter import NotPreparableError

    if partition.config.engine == "cursor":
        partition.log_engine("a cursor", AS_ASKED)
        return _read_text(client, partition)
    try:
        return _read_binary(client, partition)
    except NotPreparableError as error:
        if partition.config.engine == "binary":
            raise
        partition.log_engine("a cursor", error)
    return _read_text(client, partition)


def _read_binary(client: Connection[Any], partition: _Partition) -> Batches:
    from osiris_provider.drivers.mysql.protocol.adapter import BATCH_BYTES, QueryResult

    config = partition.config
    with working(client):
        result = QueryResult(
            client,
            config.statement(quote),
            config.params,
            text_columns=config.text_columns,
            lenient=config.special_values == "null",
            timestamp_zone=UTC,
            batch_rows=partition.batch_rows,
            batch_bytes=min(BATCH_BYTES, BYTES_OF_ALL // partition.of),
        )
    reason = AS_ASKED if config.engine == "binary" else "it is faster and exact, and the server prepares this statement"
    partition.log_engine("the binary protocol", reason)
    return _batches(client, result, partition.step_id)


def _batches(client: Connection[Any], result: QueryResult, step_id: str) -> Batches:
    import pyarrow as pa

    with working(client, watched=False), result:
        yield pa.RecordBatch.from_pylist([], schema=result.schema)
        yield from result
        say_warnings(result.warnings, step_id)


def _read_text(client: Connection[Any], partition: _Partition) -> Batches:
    import pyarrow as pa
    from pymysql.cursors import SSCursor

    config = partition.config
    cursor = client.cursor(SSCursor)
    # Values stay as the server sent them; Arrow parses them, column by column and exactly.
    decoders, client.decoders = client.decoders, {}
    try:
        cursor.execute(config.statement(quote), config.params)
    finally:
        client.decoders = decoders
    fields = _fields_of(cursor)
    columns = columns_of(
        fields,
        text_columns=config.text_columns,
        lenient=config.special_values == "null",
        timestamp_zone=UTC,
        encoding=client.encoding,
    )
    _refuse_float(partition.step_id, columns)
    schema = schema_of(columns)
    read = 0

    def build(rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
        nonlocal read
        values = zip(*rows, strict=True)
        arrays = collect(partial(array_of, *pair, read + 1) for pair in zip(values, columns, strict=True))
        read += len(rows)
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    fetch: Callable[[int], Sequence[Any]] = cursor.fetchmany
    try:
        with working(client, watched=False):
            yield from fetch_batches(schema, fetch, build, partition.batch_rows)
        _refuse_more_results(partition.step_id, cursor)
        say_warnings(warnings_of(client, _announced(cursor)), partition.step_id)
    except BaseException:
        _leave_the_rest(client)
        raise
    cursor.close()


def _fields_of(cursor: SSCursor) -> Sequence[ColumnDefinition]:
    """Return the columns' definitions: the description of DB-API tells neither sign nor charset."""
    if not cursor.description:
        return []
    result: Any = cursor._result  # type: ignore[attr-defined] # noqa: SLF001 - there is no public name
    for index, field in enumerate(result.fields):
        if field.type_code == VECTOR:
            # PyMySQL does not know it and would decode its bytes as ASCII.
            result.converters[index] = (None, None)
    definitions: Sequence[ColumnDefinition] = result.fields
    return definitions


def _refuse_float(step: str, columns: Iterable[Column]) -> None:
    """Refuse FLOAT as text: the server shows six of its digits, and the others would be lost."""
    import pyarrow as pa

    name = next((column.name for column in columns if pa.types.is_float32(column.type)), None)
    if name is not None:
        message = f"FLOAT column {name} loses digits as text; select CAST({name} AS DOUBLE) instead."
        raise DataError.in_step(step, message)


def _refuse_more_results(step: str, cursor: SSCursor) -> None:
    """Refuse what a procedure selects after its first result; behind the last there is an answer without columns."""
    while cursor.nextset():
        if cursor.description:
            raise DriverConfigError.in_step(step, SEVERAL_RESULTS)


def _announced(cursor: SSCursor) -> int:
    """Return how many warnings the server has announced at the end of the last result."""
    result: Any = cursor._result  # type: ignore[attr-defined] # noqa: SLF001 - there is no public name
    return int(result.warning_count) if result is not None else 0


def hang_up(client: Connection[Any]) -> None:
    """Close a connection whose rows have not all been read; MySQL cannot be asked to stop sending them."""
    _leave_the_rest(client)
    close(client)


def _leave_the_rest(client: Connection[Any]) -> None:
    """Have PyMySQL's cursor not read on when it is closed or forgotten."""
    result = client._result  # type: ignore[attr-defined] # noqa: SLF001 - there is no public way to do so
    if result is not None:
        result.unbuffered_active = False
