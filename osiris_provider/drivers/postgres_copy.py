"""Reading a PostgreSQL query at the speed of ``COPY``, exactly and in constant memory.

The server copies the result in its text format, which costs it less than CSV. A thread takes that in blocks of whole
rows; Arrow parses one block while the next ones arrive, so that server, parsing and whatever is done with the batches
overlap. No Python object is made of any value.

Queries that cannot be copied (``SHOW``, ``INSERT … RETURNING``) and servers that do not copy are read through a
cursor instead, with the same types and values; see ``engine``.
"""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import Self

from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.postgres_session import Params, Session, rolled_back_on_error
from osiris_provider.drivers.postgres_text import BlockParser, batch_of_text
from osiris_provider.drivers.postgres_types import Column, SpecialValues, columns_of

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

log = logging.getLogger(__name__)

Engine = Literal["auto", "copy", "cursor"]

BLOCK_BYTES = 4 * 1024 * 1024
"""Bytes of COPY's output that become one record batch; a row longer than that is a batch of its own."""
_BLOCKS_AHEAD = 4
_CURSOR = "osiris_cursor"
_CANCEL_SECONDS = 0.25
_CANCEL_TRIES = 20


def stream_query(
    connection: extensions.connection,
    query: str,
    params: Params = None,
    *,
    engine: Engine = "auto",
    special_values: SpecialValues = "text",
    block_bytes: int = BLOCK_BYTES,
) -> pa.RecordBatchReader:
    """Return the result of a query as a stream of record batches; see :func:`open_stream`."""
    import pyarrow as pa

    stream = open_stream(
        connection, query, params, engine=engine, special_values=special_values, block_bytes=block_bytes
    )
    return pa.RecordBatchReader.from_batches(stream.schema, stream)


def open_stream(
    connection: extensions.connection,
    query: str,
    params: Params = None,
    *,
    engine: Engine = "auto",
    special_values: SpecialValues = "text",
    block_bytes: int = BLOCK_BYTES,
) -> Stream:
    """Describe a query and return the stream of its result.

    Types follow :mod:`osiris_provider.drivers.postgres_types`; a name that is there twice gets a number.

    :param connection: belongs to the stream until that has been read to its end or closed; its transaction is
        committed then, or rolled back, unless it was open before.
    :param query: one statement that gives rows.
    :param params: as psycopg2 takes them; without any, ``%`` in the query has no meaning.
    :param engine: ``copy``, ``cursor``, or ``auto``: COPY where the query allows it.
    :param special_values: what becomes of infinite dates and timestamps, NaN in numeric(p, s) and the time 24:00:00,
        which Arrow has not. ``text``: a column that holds one is a string column; to know, the query is run an
        additional time if it has columns of these types. ``error``: a DataError that names column and row. ``null``.
    :param block_bytes: see :data:`BLOCK_BYTES`.
    :raises DataError: the query gives no rows; while reading: a special value, or text that is not UTF-8.
    :raises psycopg2.Error: also while reading; the connector's ``error_of`` knows its codes.
    """
    with rolled_back_on_error(Session(connection)) as session:
        text = session.text(query, params)
        columns = session.describe(text)
        if columns is None:
            return _direct(session, text, lenient=special_values == "null")
        if special_values == "text":
            columns = session.special_as_text(text, columns)
        lenient = special_values == "null"
        log.info("Reading PostgreSQL through %s", "a cursor, as asked for" if engine == "cursor" else "COPY")
        if engine == "cursor":
            return Stream(session, columns, _through_cursor(session, text, columns, lenient=lenient))
        blocks = CopyBlocks(connection, text, block_bytes)
        return Stream(session, columns, _parsed(blocks, BlockParser(columns, lenient=lenient)), blocks.close)


class Stream:
    """The record batches of a result; an iterator that is also a context manager.

    :param session: is finished with the stream.
    :param columns: of the result.
    :param batches: the batches.
    :param stop: ends whatever is still at work for the stream; may be called twice.
    """

    def __init__(
        self,
        session: Session,
        columns: Sequence[Column],
        batches: Iterator[pa.RecordBatch],
        stop: Callable[[], None] = lambda: None,
    ) -> None:
        import pyarrow as pa

        self.schema: pa.Schema = pa.schema([column.field for column in columns])
        self._session = session
        self._batches = batches if columns else iter(())
        self._stop = stop
        self._open = True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            batch = next(self._batches, None) if self._open else None
        except BaseException:
            self.close()
            raise
        if batch is None:
            self._end(commit=True)
            raise StopIteration
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A reader that was dropped half-way must not leave the server at work.
        with contextlib.suppress(Exception):
            self.close()

    def close(self) -> None:
        """Have the server stop and roll back, if there is still something to read."""
        self._end(commit=False)

    def _end(self, *, commit: bool) -> None:
        if self._open:
            self._open = False
            self._stop()
            self._session.finish(commit=commit)


class CopyBlocks:
    """The output of ``COPY … TO STDOUT`` in blocks of whole rows, taken by a thread.

    :param connection: only the thread uses it until the last block was taken or :meth:`close` returned.
    :param query: to copy.
    :param block_bytes: of a block, about.
    """

    def __init__(self, connection: extensions.connection, query: str, block_bytes: int) -> None:
        self._connection = connection
        self._statement = f"COPY (\n{query}\n) TO STDOUT WITH (ENCODING 'UTF8')"
        self._block_bytes = block_bytes
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_BLOCKS_AHEAD)
        self._dropping = False
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._thread = threading.Thread(target=self._copy, name="osiris-copy", daemon=True)
        self._thread.start()
        rest = b""
        while (block := self._queue.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            end = block.rfind(b"\n") + 1
            if end:
                yield rest + block[:end]
            rest = block[end:] if end else rest + block

    def close(self) -> None:
        """Cancel the COPY if it is running, and wait until the connection is free; may be called twice."""
        import psycopg2

        self._dropping = True
        tries = 0
        while self._thread is not None and self._thread.is_alive():
            # The request may come before the COPY does, so that one is not always enough.
            if tries < _CANCEL_TRIES:
                with contextlib.suppress(psycopg2.Error):
                    self._connection.cancel()
            elif tries == _CANCEL_TRIES:
                _hang_up(self._connection)
            tries += 1
            self._drain()
            self._thread.join(_CANCEL_SECONDS)

    def _drain(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def _copy(self) -> None:
        end: BaseException | None = None
        try:
            with self._connection.cursor() as cursor:
                # psycopg2 hands over row by row; only once a block does that come back to Python.
                output = io.BufferedWriter(_Sink(self._put), self._block_bytes)
                cursor.copy_expert(self._statement, output)
                output.flush()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever reads the blocks
            end = error
        self._put(end)
        self._dropping = True

    def _put(self, item: bytes | BaseException | None) -> None:
        if not self._dropping:
            self._queue.put(item)


class _Sink(io.RawIOBase):
    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def writable(self) -> bool:
        return True

    def write(self, block: Any) -> int:
        self._put(bytes(block))
        return len(block)


def _hang_up(connection: extensions.connection) -> None:
    """Break the line under a thread that waits for it; closing the connection itself would pull it from under libpq."""
    with contextlib.suppress(OSError), socket.socket(fileno=_duplicate(connection)) as line:
        line.shutdown(socket.SHUT_RDWR)


def _duplicate(connection: extensions.connection) -> int:
    import os

    return os.dup(connection.fileno())


def _parsed(blocks: CopyBlocks, parser: BlockParser) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        yield parser.parse(block)


def _direct(session: Session, query: str, *, lenient: bool) -> Stream:
    """Run a query that cannot be part of another one; its rows are held in memory, as text."""
    log.info("Reading PostgreSQL directly: this query cannot be part of a COPY")
    cursor = session.connection.cursor()
    cursor.execute(query)
    columns = columns_of(cursor.description)
    _as_text(cursor, columns)
    return Stream(session, columns, _fetched(cursor.fetchmany, columns, lenient=lenient), cursor.close)


def _through_cursor(
    session: Session, query: str, columns: Sequence[Column], *, lenient: bool
) -> Iterator[pa.RecordBatch]:
    with session.connection.cursor() as cursor:
        _as_text(cursor, columns)
        cursor.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {query}")

        def fetch(rows: int) -> list[tuple[Any, ...]]:
            cursor.execute(f"FETCH FORWARD {rows} FROM {_CURSOR}")
            return cursor.fetchall()

        yield from _fetched(fetch, columns, lenient=lenient)
        cursor.execute(f"CLOSE {_CURSOR}")


def _fetched(
    fetch: Callable[[int], list[tuple[Any, ...]]], columns: Sequence[Column], *, lenient: bool
) -> Iterator[pa.RecordBatch]:
    done = 0
    while rows := fetch(BATCH_ROWS // 8):
        yield batch_of_text(rows, columns, done + 1, lenient=lenient)
        done += len(rows)


def _as_text(cursor: extensions.cursor, columns: Sequence[Column]) -> None:
    """Have psycopg2 leave values as the server's text."""
    from psycopg2 import extensions

    oids = tuple({column.oid for column in columns})
    if oids:
        extensions.register_type(extensions.new_type(oids, "OSIRIS_TEXT", lambda text, _cursor: text), cursor)
