"""Results of MySQL and MariaDB queries as a stream of record batches: fast, exact, in constant memory.

PyMySQL connects and logs in. The query is then prepared and executed on its connection, because a prepared statement's
result comes in the binary protocol: the server sends it in half the time that text takes, FLOAT keeps all its digits
(as text the server shows six of them), and dates that are none, such as 0000-00-00, are recognised. The rows are cut
out of the stream and decoded here, many at a time; :mod:`~osiris_provider.drivers.mysql.protocol.arrow_types` has the
types.
"""

from __future__ import annotations

import select
import socket
import struct
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import Self

from osiris_provider.connectors.mysql.client import close
from osiris_provider.connectors.mysql.login import protocol
from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.mysql.config import SEVERAL_RESULTS
from osiris_provider.drivers.mysql.protocol.columns import columns_of, schema_of
from osiris_provider.drivers.mysql.protocol.decode import decode
from osiris_provider.drivers.mysql.protocol.packets import MalformedError, RowPackets
from osiris_provider.drivers.mysql.protocol.warnings import warnings_of
from osiris_provider.errors import DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES: Final = 2 << 20
"""Bytes of rows that are held at a time. More is no faster, and several batches are on their way at once."""
ERROR_HEADER: Final = 0xFF
EOF_LENGTH: Final = 5
PAUSE_SECONDS: Final = 0.001
"""How long more of a result is let come in before it is looked at."""
MAX_COLUMNS: Final = 4096
"""Of a result; MySQL and MariaDB have no more."""
UNPREPARABLE: Final = (1047, 1235, 1295, 1312, 1461)
"""The server, or a proxy before it, does not prepare this statement, or none, or no more of them."""

_PREPARED = struct.Struct("<xIHH")
_EXECUTE = struct.Struct("<IBI")
_ID = struct.Struct("<I")
_EOF = struct.Struct("<xHH")


class NotPreparableError(DriverConfigError):
    """The server does not prepare this statement. Nothing was executed; PyMySQL's cursors may be able to."""


class QueryResult:
    """The result of a query, an iterator of record batches.

    Callers that stop before the end close it: what the server goes on sending is then of no use, so the connection is
    closed too. It also happens when the object is forgotten or an error occurs while reading.

    :param connection: an open PyMySQL connection; no one else may use it until the result has been read or closed.
    :param query: one statement that returns rows; with placeholders as PyMySQL wants them if there are ``args``.
    :param args: values for the placeholders.
    :param text_columns: these columns of the result are delivered as text.
    :param lenient: values that their column's Arrow type cannot hold become NULL.
    :param timestamp_zone: see :func:`~osiris_provider.drivers.mysql.protocol.arrow_types.arrow_field`.
    :param batch_rows: of a batch, at most.
    :param batch_bytes: of a batch, at most; a single row that is bigger is a batch of its own.
    :raises NotPreparableError: use a cursor instead; the connection is as before.
    :raises DriverConfigError: there is no such column in the result as one of ``text_columns``.
    :raises pymysql.Error: the server refused the query, or the line failed.
    """

    schema: pa.Schema
    """Made of the columns' definitions, also if there are no rows."""
    warnings: Sequence[tuple[int, str]] = ()
    """What the server warned of, once the result has been read: codes and texts."""

    def __init__(
        self,
        connection: Any,
        query: str,
        args: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        text_columns: Collection[str] = (),
        lenient: bool = False,
        timestamp_zone: str | None = None,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        statement = connection.cursor().mogrify(query, args)
        self._id = _prepare(connection, statement)
        with protocol():
            definitions = _execute(connection, self._id)
        self._connection = connection
        self._abandon = weakref.finalize(self, _hang_up, connection, _file(connection))
        self._abandon.atexit = False
        self._columns = columns_of(
            definitions,
            text_columns=text_columns,
            lenient=lenient,
            timestamp_zone=timestamp_zone,
            encoding=connection.encoding,
        )
        self.schema = schema_of(self._columns)
        self._packets = RowPackets(_receiver(connection), batch_rows, batch_bytes, _waiter(connection))
        self._unread = iter(self._packets)
        self._next_row = 1

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        """Return the next batch.

        :raises ColumnNeedsTextError: values have no place in their column's type.
        :raises DataError: text is not valid; the message names column and row.
        :raises DriverConfigError: the statement has another result behind this one.
        :raises pymysql.Error: the server ended the result with an error.
        :raises DiagnosedError: the bytes are not MySQL's protocol.
        :raises OSError: the line broke; EOFError if it was closed.
        """
        try:
            rows = next(self._unread, None)
            if rows is not None:
                batch = decode(rows, self._columns, self.schema, self._next_row)
                self._next_row += len(rows)
                return batch
            if self._abandon.alive:
                self._conclude(self._packets.last)
        except BaseException:
            self.close()
            raise
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; unless everything has been read, the connection is closed."""
        self._abandon()

    def _conclude(self, last: bytes) -> None:
        from pymysql.constants import SERVER_STATUS
        from pymysql.err import raise_mysql_exception

        if last[0] == ERROR_HEADER:
            self._abandon.detach()
            _forget(self._connection, self._id)
            raise_mysql_exception(last)
        if len(last) != EOF_LENGTH:
            message = "Malformed end-of-result packet."
            raise MalformedError(message)
        warnings, status = _EOF.unpack_from(last)
        if status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
            raise DriverConfigError(SEVERAL_RESULTS[:1].upper() + SEVERAL_RESULTS[1:])
        self._connection.server_status = status
        self.warnings = warnings_of(self._connection, warnings)
        self._abandon.detach()
        _forget(self._connection, self._id)


def stream_query(
    connection: Any, query: str, args: Sequence[Any] | Mapping[str, Any] | None = None, **options: Any
) -> pa.RecordBatchReader:
    """Return the result of a query as a record batch reader; see :class:`QueryResult` for everything.

    :param connection: an open PyMySQL connection.
    :param query: one statement that returns rows.
    :param args: values for its placeholders.
    :param options: the other parameters of :class:`QueryResult`.
    """
    import pyarrow as pa

    result = QueryResult(connection, query, args, **options)
    return pa.RecordBatchReader.from_batches(result.schema, result)


def _prepare(connection: Any, statement: str) -> int:
    """Prepare a statement and return its number; the server tells the columns, so it is known that it has some."""
    import pymysql
    from pymysql.constants import COMMAND

    try:
        with protocol():
            _send(connection, COMMAND.COM_STMT_PREPARE, statement.encode(connection.encoding))
            number, columns, parameters = _PREPARED.unpack_from(_packet(connection).get_all_data())
            for _ in range(sum(count + 1 for count in (parameters, columns) if count)):
                _packet(connection)
    except pymysql.Error as error:
        if error.args[0] not in UNPREPARABLE:
            raise
    else:
        if columns and not parameters:
            return int(number)
        _forget(connection, number)
    message = "The server does not prepare this statement, or the statement returns no rows; a cursor has to run it."
    raise NotPreparableError(message)


def _execute(connection: Any, number: int) -> list[Any]:
    """Execute a prepared statement and return the definitions of the result's columns."""
    from pymysql.constants import COMMAND
    from pymysql.err import Error
    from pymysql.protocol import FieldDescriptorPacket

    _send(connection, COMMAND.COM_STMT_EXECUTE, _EXECUTE.pack(number, 0, 1))
    try:
        columns = _packet(connection).read_length_encoded_integer()
    except Error:
        if connection.open:
            _forget(connection, number)
        raise
    if columns is None or columns > MAX_COLUMNS:
        message = "The result has more columns than there can be."
        raise MalformedError(message)
    definitions = [_packet(connection, FieldDescriptorPacket) for _ in range(columns)]
    if not _packet(connection).is_eof_packet():
        message = "Expected EOF after the column definitions."
        raise MalformedError(message)
    return definitions


def _forget(connection: Any, number: int) -> None:
    """Have the server forget a prepared statement; it does not answer."""
    from pymysql.constants import COMMAND

    _send(connection, COMMAND.COM_STMT_CLOSE, _ID.pack(number))


# PyMySQL has no public names for sending a command and reading its answer; these have been the same since 0.7.


def _send(connection: Any, command: int, body: bytes) -> None:
    connection._execute_command(command, body)  # noqa: SLF001 - see above


def _packet(connection: Any, *packet_type: type) -> Any:
    return connection._read_packet(*packet_type)  # noqa: SLF001 - see above


def _file(connection: Any) -> Any:
    return connection._rfile  # noqa: SLF001 - see above


def _receiver(connection: Any) -> Callable[[memoryview], int]:
    """Return what reads from the connection's socket, first what PyMySQL's buffer holds."""
    buffered = True

    def receive(view: memoryview) -> int:
        nonlocal buffered
        file = _file(connection)
        if file is None:
            return 0
        if not buffered:
            return int(file.raw.readinto(view))
        # readinto1 would go on to wait for the socket.
        piece = file.read1(len(view))
        view[: len(piece)] = piece
        buffered = len(piece) == len(view)
        return len(piece)

    return receive


def _waiter(connection: Any) -> Callable[[], bool]:
    """Return what tells whether the connection's socket has more to read, waiting a moment for it.

    A server that is slower than this side sends little pieces. To be woken for each of them costs both sides more than
    what is in it, so they are let gather where the line keeps them anyway. A read from a plain line has taken all that
    had gathered; one from an encrypted line no more than one of TLS's records, of 16 KiB, so there it is asked first.
    """
    line = connection._sock  # noqa: SLF001 - see above
    poll = select.poll()
    poll.register(line, select.POLLIN)
    decrypted: Callable[[], int] | None = getattr(line, "pending", None)

    def more() -> bool:
        if decrypted is not None and (decrypted() or poll.poll(0)):
            return True
        time.sleep(PAUSE_SECONDS)
        return bool(poll.poll(0))

    return more


def _hang_up(connection: Any, file: Any) -> None:
    """Close a connection, unless that has been done, and the file that has kept its socket open."""
    if connection.open and _file(connection) is file:
        with suppress(OSError):
            connection._sock.shutdown(socket.SHUT_RDWR)  # noqa: SLF001 - see above
        close(connection)
    file.close()
