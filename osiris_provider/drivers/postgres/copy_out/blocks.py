"""COPY's output as blocks of whole rows, and blocks as record batches."""

from __future__ import annotations

import contextlib
import io
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeVar

from osiris_provider.connectors.interrupt import stop
from osiris_provider.connectors.postgres.client import stoppable
from osiris_provider.drivers.data import memory_pool
from osiris_provider.drivers.exponents import has_exponents
from osiris_provider.drivers.postgres.arrow_types import BYTEA, DATE, NUMERIC, TIME, TIMESTAMP, TIMESTAMPTZ, Column
from osiris_provider.drivers.postgres.copy_out.decode import from_text, unescape
from osiris_provider.drivers.sql.values.special_values import collect
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from psycopg2 import extensions

T = TypeVar("T")

BLOCK_BYTES = 1536 * 1024
"""Bytes of COPY's output that become one record batch; a row longer than that is the last one of its batch.

With 1 MiB, handing blocks over costs a tenth of the rate; with more, each further MiB holds some ten in memory.
"""
MAX_ROW = (1 << 31) - 1
"""Bytes of a row, as many as Arrow can point into; the server makes none of more than one GiB."""
_BLOCKS = 3
"""One is filled, one is parsed, and one lies between."""
_JOIN_SECONDS = 0.05
_UNSURE = frozenset({DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC})
_BOM = b"\xef\xbb\xbf"


class CopyBlocks:
    """The output of ``COPY … TO STDOUT`` in blocks of whole rows, taken by a thread.

    :param connection: only the thread uses it until the last block was taken or :meth:`close` returned.
    :param query: to copy.
    :param block_bytes: of a block, about.
    """

    def __init__(self, connection: extensions.connection, query: str, block_bytes: int = BLOCK_BYTES) -> None:
        self._connection = connection
        self._statement = f"COPY (\n{query}\n) TO STDOUT WITH (ENCODING 'UTF8')"
        self._block_bytes = block_bytes
        self._filled: queue.SimpleQueue[io.BytesIO | BaseException | None] = queue.SimpleQueue()
        self._empty: queue.SimpleQueue[io.BytesIO] = queue.SimpleQueue()
        for _ in range(_BLOCKS):
            self._empty.put(io.BytesIO())
        self._dropping = False
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[io.BytesIO]:
        """Yield the blocks, each for :meth:`parsed`: there are only so many."""
        self._thread = threading.Thread(target=self._copy, name="osiris-copy", daemon=True)
        self._thread.start()
        while (block := self._filled.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block

    def parsed(self, block: io.BytesIO, parse: Callable[[memoryview], T]) -> T:
        """Return what a parser makes of a block, which is filled again then: new memory for each has its price.

        :param block: one of these.
        :param parse: keeps nothing of the memory that it gets.
        """
        with block.getbuffer() as rows:
            result = parse(rows)
        self._empty.put(block)
        return result

    def close(self) -> None:
        """Cancel the COPY if it is running, and wait until the connection is free; may be called twice."""
        self._dropping = True
        self._empty.put(io.BytesIO())
        while self._thread is not None and self._thread.is_alive():
            stop([self._connection])
            self._thread.join(_JOIN_SECONDS)

    def _copy(self) -> None:
        rows = fill_blocks(self._empty.get, self._put, self._block_bytes)
        next(rows)
        end: BaseException | None = None
        try:
            with self._connection.cursor() as cursor, contextlib.closing(rows):
                copy = partial(cursor.copy_expert, self._statement, SimpleNamespace(write=rows.send))
                stoppable(self._connection, copy)
        except BaseException as error:  # noqa: BLE001 - raised again by the reader of the blocks
            end = error
        self._filled.put(end)

    def _put(self, block: io.BytesIO) -> None:
        (self._empty if self._dropping else self._filled).put(block)


class BlockParser:
    """Turns blocks of COPY's text format into record batches.

    :param columns: of the result.
    :param lenient: values that Arrow has not become NULL.
    """

    def __init__(self, columns: Sequence[Column], *, lenient: bool = False) -> None:
        import pyarrow as pa

        self._columns = columns
        self._lenient = lenient
        self.rows = 0
        """That were in the blocks so far."""
        self._memory_pool = memory_pool()
        self.schema = pa.schema([column.field for column in columns])
        self._native = [column.arrow_type if _is_native(column) else pa.string() for column in columns]
        # Where a number may be one that Arrow's parser crashes at.
        self._spelled = [
            pa.string() if column.oid == NUMERIC else dtype for column, dtype in zip(columns, self._native, strict=True)
        ]
        # What may hold values that Arrow's parser does not read.
        self._careful = [
            pa.string() if column.oid in _UNSURE else dtype for column, dtype in zip(columns, self._native, strict=True)
        ]

    def parse(self, block: bytes | memoryview) -> pa.RecordBatch:
        """Return the rows of a block.

        :param block: whole rows.
        :raises ColumnNeedsTextError: values that Arrow has not.
        :raises DataError: text that is not UTF-8; names the column.
        """
        import pyarrow as pa

        types = self._spelled if self._spelled != self._native and has_exponents(block) else self._native
        try:
            read = self._read(block, types)
        except pa.ArrowInvalid:
            read = self._read_carefully(block)
        arrays = collect(
            partial(self._finished, column, array) for column, array in zip(self._columns, read.columns, strict=True)
        )
        self.rows += read.num_rows
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _finished(self, column: Column, array: pa.Array) -> pa.Array:
        import pyarrow as pa

        if array.type != pa.string():
            return array
        if column.oid != BYTEA or column.as_text:
            array = unescape(array)
        return from_text(array, column, self.rows + 1, lenient=self._lenient)

    def _read(self, block: bytes | memoryview, types: Sequence[pa.DataType]) -> pa.RecordBatch:
        import pyarrow as pa
        from pyarrow import csv

        # Arrow takes a byte order mark away from the beginning, which here can only be one of the data.
        block = b"".join((_BOM, block)) if block[: len(_BOM)] == _BOM else block
        names = [str(index) for index in range(len(types))]
        # On this thread: each one that allocates keeps memory, and blocks of this size gain little by more of them.
        table = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(column_names=names, use_threads=False, block_size=len(block) + 1),
            csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=dict(zip(names, types, strict=True)),
                null_values=["\\N"],
                strings_can_be_null=True,
                true_values=["t"],
                false_values=["f"],
            ),
            memory_pool=self._memory_pool,
        )
        return table.to_batches()[0]

    def _read_carefully(self, block: bytes | memoryview) -> pa.RecordBatch:
        import pyarrow as pa

        with contextlib.suppress(pa.ArrowInvalid):
            return self._read(block, self._careful)
        raw = None
        with contextlib.suppress(pa.ArrowInvalid):
            raw = self._read(block, [pa.binary()] * len(self._columns))
        if raw is None:
            message = f"After row {self.rows:,} the result has rows of other columns than the server said it has."
            raise DataError(message)
        damaged = [column.name for column, array in zip(self._columns, raw.columns, strict=True) if not _is_utf8(array)]
        rows = f"between rows {self.rows + 1:,} and {self.rows + raw.num_rows:,} of the result"
        if not damaged:
            message = f"A value {rows} is not of the type that the server said its column has."
            raise DataError(message)
        message = (
            f"Column {', '.join(damaged)} holds text that is not UTF-8 {rows}. Read its bytes: "
            "convert_to(column, 'SQL_ASCII')."
        )
        raise DataError(message, column=next(iter(damaged), None))


def _is_utf8(array: pa.Array) -> bool:
    import pyarrow as pa

    try:
        array.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _is_native(column: Column) -> bool:
    """Whether Arrow's parser of CSV makes the type."""
    import pyarrow as pa

    return column.oid != BYTEA and not pa.types.is_decimal256(column.arrow_type)


def fill_blocks(
    take: Callable[[], io.BytesIO], put: Callable[[io.BytesIO], None], block_bytes: int
) -> Generator[None, bytes, None]:
    """Put the rows that are sent here into blocks; psycopg2 sends row by row, which no file takes for less.

    Closing this puts the last block: the rows before one that the server fails at say which one that is.

    :param take: gives a block, whose memory is written over.
    :param put: takes one of whole rows.
    :param block_bytes: that a block has at the least, but for the last one.
    """
    is_open = True
    while is_open:
        block, size, row = take(), 0, b""
        block.seek(0)
        try:
            while size < block_bytes:
                size += block.write(row := (yield))
            while not row.endswith(b"\n"):
                size += block.write(row := (yield))
                if size > MAX_ROW:
                    message = "A row of the result is longer than any row can be. Check what answers there."
                    raise DataError(message)
        except GeneratorExit:
            is_open = False
        if size:
            block.truncate()
            put(block)
