"""Reading a PostgreSQL query at the speed of ``COPY``, exactly and in constant memory.

The server copies the result in its text format, which costs it less than CSV. A thread takes that in blocks of whole
rows; Arrow parses one block while the next ones arrive, so that server, parsing and whatever is done with the batches
overlap. No Python object is made of any value.

Queries that cannot be copied (``SHOW``, ``INSERT … RETURNING``) and servers that do not copy are read through a
cursor instead, with the same types and values; see ``engine``.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import Self

from osiris_provider.drivers.data import BATCH_ROWS
from osiris_provider.drivers.postgres.arrow_types import Column, columns_of, with_text
from osiris_provider.drivers.postgres.copy_out.blocks import BLOCK_BYTES, BlockParser, CopyBlocks
from osiris_provider.drivers.postgres.copy_out.decode import batch_of_text
from osiris_provider.drivers.postgres.session import Params, Session, rolled_back_on_error
from osiris_provider.errors import DataError, DriverConfigError

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

Engine = Literal["auto", "copy", "cursor"]

_BATCHES_AHEAD = 2
_CURSOR = "osiris_cursor"
_NOT_UTF8 = frozenset({"22021", "22P05"})
_AS_ASKED = "config field engine says so"


def stream_query(
    connection: extensions.connection, query: str, params: Params = None, **options: Any
) -> pa.RecordBatchReader:
    """Return the result of a query as a stream of record batches; see :func:`open_stream`."""
    import pyarrow as pa

    stream = open_stream(connection, query, params, **options)
    return pa.RecordBatchReader.from_batches(stream.schema, stream)


def open_stream(
    connection: extensions.connection,
    query: str,
    params: Params = None,
    *,
    engine: Engine = "auto",
    text_columns: Collection[str] = (),
    lenient: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Stream:
    """Describe a query and return the stream of its result.

    Types follow :mod:`osiris_provider.drivers.postgres.arrow_types`; a name that is there twice gets a number.

    :param connection: belongs to the stream until that has been read to its end or closed; its transaction is
        committed then, or rolled back, unless it was open before.
    :param query: one statement that gives rows.
    :param params: as psycopg2 takes them; without any, ``%`` in the query has no meaning.
    :param engine: ``copy``, ``cursor``, or ``auto``: COPY where the query allows it.
    :param text_columns: these columns of the result are the server's text, whatever their type.
    :param lenient: values that Arrow has not become NULL.
    :param block_bytes: see :data:`BLOCK_BYTES`.
    :raises DriverConfigError: the result has none of these columns; the statement is no query and engine is ``copy``.
    :raises DataError: the query gives no rows; while reading: text that is not UTF-8.
    :raises ColumnNeedsTextError: while reading: values that Arrow has not.
    :raises psycopg2.Error: also while reading; the connector's ``error_of`` knows its codes.
    """
    with rolled_back_on_error(Session(connection)) as session:
        text = session.text(query, params)
        columns = session.describe(text)
        if columns is None:
            if engine == "copy":
                message = "config field engine: this statement cannot be copied; let it be auto."
                raise DriverConfigError(message, field="engine")
            return _direct(session, text, text_columns, lenient=lenient)
        columns = with_text(columns, text_columns)
        if engine == "cursor":
            rows = _through_cursor(session, text, columns, lenient=lenient)
            return Stream(session, columns, rows, how=f"a cursor, because {_AS_ASKED}")
        reason = "it is the fastest way" if engine == "auto" else _AS_ASKED
        blocks = CopyBlocks(connection, text, block_bytes)
        parsed = _parsed(blocks, BlockParser(columns, lenient=lenient))
        return Stream(session, columns, parsed, blocks.close, how=f"COPY, because {reason}")


class Stream:
    """The record batches of a result; an iterator that is also a context manager.

    :param session: is finished with the stream.
    :param columns: of the result.
    :param batches: the batches.
    :param stop: ends whatever is still at work for the stream; may be called twice.
    :param how: the result travels, and why so.
    :ivar filtered: whether policies of row-level security may hide rows.
    """

    def __init__(
        self,
        session: Session,
        columns: Sequence[Column],
        batches: Iterator[pa.RecordBatch],
        stop: Callable[[], None] = lambda: None,
        *,
        how: str,
    ) -> None:
        import pyarrow as pa

        self.how = how
        self.filtered = session.filtered
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


def _parsed(blocks: CopyBlocks, parser: BlockParser) -> Iterator[pa.RecordBatch]:
    """Parse on a thread of its own, while the caller is busy with the batch before."""
    import psycopg2

    parsed: deque[Future[pa.RecordBatch]] = deque()
    with ThreadPoolExecutor(1, "osiris-parse") as pool:
        try:
            for block in blocks:
                parsed.append(pool.submit(blocks.parsed, block, parser.parse))
                if len(parsed) > _BATCHES_AHEAD:
                    yield parsed.popleft().result()
        except psycopg2.Error as error:
            if error.pgcode not in _NOT_UTF8:
                raise
        else:
            while parsed:
                yield parsed.popleft().result()
            return
        for batch in parsed:
            batch.result()
    raise _not_utf8(parser.rows + 1, parser.rows + 1)


def _not_utf8(first: int, last: int) -> DataError:
    rows = f"row {first:,}" if first == last else f"rows {first:,} to {last:,}"
    message = (
        f"The server cannot give a text in {rows} of the result as UTF-8: its database has another encoding, or none "
        "(SQL_ASCII). Read its bytes: convert_to(column, 'SQL_ASCII')."
    )
    return DataError(message, row=first)


def _direct(session: Session, query: str, text_columns: Collection[str], *, lenient: bool) -> Stream:
    """Run a query that cannot be part of another one; its rows are held in memory, as text."""
    import psycopg2

    cursor = session.connection.cursor()
    _as_text(cursor)
    try:
        cursor.execute(query)
    except psycopg2.ProgrammingError as error:
        # Nothing but comments, or a COPY: psycopg2 itself refuses these, and they give no rows.
        if error.pgcode:
            raise
    columns = with_text(columns_of(cursor.description), text_columns)
    how = "a cursor, because this statement cannot be copied"
    return Stream(session, columns, _fetched(cursor.fetchmany, columns, lenient=lenient), cursor.close, how=how)


def _through_cursor(
    session: Session, query: str, columns: Sequence[Column], *, lenient: bool
) -> Iterator[pa.RecordBatch]:
    with session.connection.cursor() as cursor:
        _as_text(cursor)
        cursor.execute(f"DECLARE {_CURSOR} NO SCROLL CURSOR FOR {query}")

        def fetch(rows: int) -> list[tuple[Any, ...]]:
            cursor.execute(f"FETCH FORWARD {rows} FROM {_CURSOR}")
            return cursor.fetchall()

        yield from _fetched(fetch, columns, lenient=lenient)
        cursor.execute(f"CLOSE {_CURSOR}")


def _fetched(
    fetch: Callable[[int], list[tuple[Any, ...]]], columns: Sequence[Column], *, lenient: bool
) -> Iterator[pa.RecordBatch]:
    import psycopg2

    done, wanted = 0, BATCH_ROWS // 8
    while True:
        try:
            rows = fetch(wanted)
        except psycopg2.Error as error:
            if error.pgcode not in _NOT_UTF8:
                raise
            break
        if not rows:
            return
        yield batch_of_text(rows, columns, done + 1, lenient=lenient)
        done += len(rows)
    raise _not_utf8(done + 1, done + wanted)


def _as_text(cursor: extensions.cursor) -> None:
    """Have psycopg2 leave values as the server's text; it does so with types that it does not know."""
    from psycopg2 import extensions

    known = tuple({*extensions.string_types, *cursor.connection.string_types})
    extensions.register_type(extensions.new_type(known, "OSIRIS_TEXT", lambda text, _cursor: text), cursor)
