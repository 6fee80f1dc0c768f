"""Streams that are read by threads of their own, a little ahead of the caller that takes their batches.

What waits for a server or decodes what it sent then overlaps with what encodes Parquet, and several streams of one
query overlap with each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Batches = Iterator["pa.RecordBatch"]
AHEAD = 1
"""Batches of each stream that wait to be taken; one more is being made."""


def read_ahead(streams: Sequence[Batches], interrupt: Callable[[], object]) -> Batches:
    """Yield the batches of streams, in their order within each stream, as they come.

    A stream is only ever used by its own thread, also to close it if it has a ``close``. No thread outlives this
    generator. The first error of a stream is raised here, and ends them all.

    :param streams: iterators of batches.
    :param interrupt: has the streams' reads from the server fail at once; called when not everything was taken, from
        the thread that takes the batches. What the streams raise then is dropped.
    """
    threads = _Threads(streams)
    try:
        yield from threads.batches()
    finally:
        threads.stop(interrupt)


class _Threads:
    """The threads of some streams, and the batches between them and who takes them."""

    def __init__(self, streams: Sequence[Batches]) -> None:
        self._results: SimpleQueue[pa.RecordBatch | BaseException | None] = SimpleQueue()
        self._room = threading.Semaphore(AHEAD * len(streams))
        self._stopped = threading.Event()
        self._running = len(streams)
        self._threads = [
            threading.Thread(target=self._run, args=(stream,), name=f"osiris-read-{number}", daemon=True)
            for number, stream in enumerate(streams, start=1)
        ]

    def batches(self) -> Batches:
        import pyarrow as pa

        for thread in self._threads:
            thread.start()
        while self._running:
            result = self._results.get()
            if not isinstance(result, pa.RecordBatch):
                self._running -= 1
                if result is None:
                    continue
                raise result
            self._room.release()
            yield result
            # Nothing here may keep it alive while the next one is awaited.
            del result

    def stop(self, interrupt: Callable[[], object]) -> None:
        if self._running:
            self._stopped.set()
            self._room.release(len(self._threads))
            interrupt()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, stream: Batches) -> None:
        try:
            self._pass_on(stream)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who takes the batches
            self._results.put(error)
        else:
            self._results.put(None)

    def _pass_on(self, stream: Batches) -> None:
        try:
            for batch in stream:
                self._room.acquire()
                if self._stopped.is_set():
                    return
                self._results.put(batch)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
