"""Streams that are read by threads of their own, a little ahead of the caller that takes their batches.

What waits for a server or decodes what it sent then overlaps with what encodes Parquet, and several streams of one
query overlap with each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from osiris_provider.connectors.interrupt import LOOK_SECONDS

T = TypeVar("T")
AHEAD = 1
"""Batches of each stream that wait to be taken; one more is being made."""


def read_ahead(streams: Sequence[Iterator[T]], interrupt: Callable[[], object], ahead: int = AHEAD) -> Iterator[T]:
    """Yield the batches of streams, in their order within each stream, as they come.

    A stream is only ever used by its own thread, also to close it if it has a ``close``. No thread outlives this
    generator. The first error of a stream is raised here, and ends them all.

    :param streams: iterators of batches, or of anything else.
    :param interrupt: has the streams' reads from the server fail at once; called when not everything was taken, from
        the thread that takes the batches. What the streams raise then is dropped.
    :param ahead: how many of each stream may wait to be taken.
    """
    threads = _Threads(streams, ahead)
    try:
        yield from threads.batches()
    finally:
        threads.stop(interrupt)


@dataclass(frozen=True)
class _End:
    """A stream is at its end, or has failed."""

    error: BaseException | None = None


class _Threads(Generic[T]):
    """The threads of some streams, and the batches between them and who takes them."""

    def __init__(self, streams: Sequence[Iterator[T]], ahead: int) -> None:
        self._results: SimpleQueue[T | _End] = SimpleQueue()
        self._room = threading.Semaphore(ahead * len(streams))
        self._stopped = threading.Event()
        self._running = len(streams)
        self._threads = [
            threading.Thread(target=self._run, args=(stream,), name=f"osiris-read-{number}", daemon=True)
            for number, stream in enumerate(streams, start=1)
        ]

    def batches(self) -> Iterator[T]:
        for thread in self._threads:
            thread.start()
        while self._running:
            result = self._next()
            if isinstance(result, _End):
                self._running -= 1
                if result.error is None:
                    continue
                raise result.error
            self._room.release()
            yield result
            # Nothing here may keep it alive while the next one is awaited.
            del result

    def _next(self) -> T | _End:
        while True:
            # A signal that comes just as a wait begins does not interrupt it.
            with suppress(Empty):
                return self._results.get(timeout=LOOK_SECONDS)

    def stop(self, interrupt: Callable[[], object]) -> None:
        if self._running:
            self._stopped.set()
            self._room.release(len(self._threads))
            interrupt()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _run(self, stream: Iterator[T]) -> None:
        try:
            self._pass_on(stream)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to who takes the batches
            self._results.put(_End(error))
        else:
            self._results.put(_End())

    def _pass_on(self, stream: Iterator[T]) -> None:
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
