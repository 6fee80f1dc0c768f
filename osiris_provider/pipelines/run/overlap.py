"""A step that writes takes rows while the step before it still reads them.

Between the two stand a few batches and nothing else: rows go to the writer as they go into staging. The writer learns
that its input is at its end only when the step before has succeeded, so that it commits nothing that an error behind
the last row would have prevented. Where it cannot keep up at all, or reading has to begin again, what it has done is
undone, and it runs behind the other step as usual.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from osiris_provider.connectors.interrupt import stop_all
from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.sql.base import SQLExtractor
from osiris_provider.drivers.sql.writer import SQLWriter

if TYPE_CHECKING:
    import pyarrow as pa
    from typing_extensions import Self

BATCHES_AHEAD = 1
STUCK_SECONDS = 5.0
"""Without a batch taken, after which the writer may be waiting for what the reader holds."""
_LEAVE_SECONDS = 1.0
_LOOK_SECONDS = 0.1

Write = Callable[["pa.RecordBatchReader"], dict[str, Any]]


def can_overlap(reader: Driver, writer: Driver) -> bool:
    """Return whether a writer may begin before a reader has ended.

    The two are of different families: on one server, the writer might wait for a lock that the reader holds. Streams
    of APIs are left out, whose pauses would keep a transaction open.
    """
    return isinstance(reader, SQLExtractor) and isinstance(writer, SQLWriter) and reader.family != writer.family


class AbandonedError(Exception):
    """The writer is to undo what it has done."""


class Overlap:
    """A writer in a thread of its own.

    :param write: writes a stream, in one transaction that is rolled back if the stream breaks off.
    """

    def __init__(self, write: Write) -> None:
        self.seconds = 0.0
        self._write = write
        self._queue: queue.Queue[pa.RecordBatch | None] = queue.Queue(BATCHES_AHEAD)
        self._thread: threading.Thread | None = None
        self._abandoned = threading.Event()
        self._ended = False
        self._returned: dict[str, Any] | None = None
        self._error: BaseException | None = None

    def tee(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Return the same stream, whose batches go to the writer too; it begins with the first that has rows."""
        import pyarrow as pa

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for batch in reader:
                    if batch.num_rows:
                        self._pass_on(batch)
                    yield batch
            except BaseException:
                # Perhaps staging begins again, with other types.
                self._abandoned.set()
                raise

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        """Tell the writer that all is read, or have it undo what it has done; wait until it has ended."""
        if error_type is not None:
            self._abandoned.set()
        elif not self._abandoned.is_set():
            self._put(None)
        self._leave()

    def _leave(self) -> None:
        if self._thread is None:
            return
        if self._abandoned.is_set():
            self._thread.join(_LEAVE_SECONDS)
            if self._thread.is_alive():
                # It waits for its server, and no one else works at one now.
                stop_all()
        self._thread.join()

    def result(self) -> dict[str, Any] | None:
        """Return what the writer has returned, or raise what it has raised; None if it has still to run."""
        if self._thread is None or self._abandoned.is_set():
            return None
        if self._error is not None:
            raise self._error
        return self._returned

    def _pass_on(self, batch: pa.RecordBatch) -> None:
        if self._abandoned.is_set():
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(batch.schema,), name="osiris-write", daemon=True)
            self._thread.start()
        self._put(batch)

    def _put(self, item: pa.RecordBatch | None) -> None:
        """Hand on a batch; nothing more goes to a writer that has failed or takes none."""
        end = time.monotonic() + STUCK_SECONDS
        while self._thread is not None and self._thread.is_alive() and not self._is_taken(item):
            if time.monotonic() > end and item is not None:
                self._abandoned.set()
                return

    def _is_taken(self, item: pa.RecordBatch | None) -> bool:
        with contextlib.suppress(queue.Full):
            self._queue.put(item, timeout=_LOOK_SECONDS)
            return True
        return False

    def _run(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        began = time.monotonic()
        try:
            self._returned = self._write(pa.RecordBatchReader.from_batches(schema, self._taken()))
        except BaseException as error:  # noqa: BLE001 - raised where the step has its turn
            self._error = error
        self._ended = True
        self.seconds = time.monotonic() - began

    def _taken(self) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                item = self._queue.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                item = None
                if not (self._abandoned.is_set() or self._ended):
                    continue
            # A thread of the writer's may still wait here when that has failed.
            if self._abandoned.is_set() or self._ended:
                raise AbandonedError
            if item is None:
                return
            yield item
