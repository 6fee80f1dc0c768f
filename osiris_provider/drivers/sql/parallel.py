"""Connections that are opened and read by threads of their own, and streams that are read ahead of their caller.

What waits for a server or decodes what it sent then overlaps with what encodes Parquet, and several streams of one
query overlap with each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.interrupt import LOOK_SECONDS, Call, in_background

T = TypeVar("T")
AHEAD = 1
"""Batches of each stream that wait to be taken; one more is being made."""
LEAVE_SECONDS = 0.5
"""For which a thread that reads a writer's input is waited for, where the input is not wanted any more.

No one can say what it waits for, nor end that: a thread that it keeps longer is left behind, and ends with it.
"""


@contextmanager
def lend_new(connector: Connector[Any, Any], connection: Mapping[str, Any], number: int) -> Iterator[list[Any]]:
    """Lend new clients of a connection, which are opened at the same time and closed at the end.

    :param connector: of the connection's family.
    :param connection: a resolved connection.
    :param number: of the clients.
    :raises OsirisError: as :meth:`Connector.create_client`.
    """
    pending = [in_background(partial(connector.create_client, connection)) for _ in range(number)]
    try:
        clients = _results(pending)
    except BaseException:
        # Who waits for a server that does not answer cannot be broken off.
        in_background(partial(_close, connector, pending))
        raise
    with ExitStack() as opened:
        for client in clients:
            opened.callback(connector.close_client, client)
        yield clients


def _close(connector: Connector[Any, Any], pending: Sequence[Call[Any]]) -> None:
    for one in pending:
        _wait(one)
        if one.value is not None:
            connector.close_client(one.value)


def together(calls: Sequence[Callable[[], T]], interrupt: Callable[[], object]) -> list[T]:
    """Make calls at the same time, and return what they return, in their order. None outlives this.

    :param calls: wait for a server.
    :param interrupt: has all of them fail at once; called where one has failed, or a signal ends the wait.
    :raises BaseException: the first that a call has raised.
    """
    if len(calls) == 1:
        return [calls[0]()]
    pending = [in_background(call) for call in calls]
    try:
        return _results(pending)
    except BaseException:
        interrupt()
        for one in pending:
            _wait(one)
        raise


def _results(pending: Sequence[Call[T]]) -> list[T]:
    results: dict[int, T] = {}
    while len(results) < len(pending):
        for number, one in enumerate(pending):
            # A signal that comes just as a wait begins does not interrupt it, and a later one may have failed.
            if number not in results and one.wait(LOOK_SECONDS / len(pending)):
                results[number] = one.result()
    return [results[number] for number in range(len(pending))]


def _wait(one: Call[Any]) -> None:
    while not one.wait(LOOK_SECONDS):
        pass


def awaited(one: Call[T]) -> T:
    """Wait for a call, which signals interrupt, and return what it returns, or raise what it raises."""
    _wait(one)
    return one.result()


def read_ahead(
    streams: Sequence[Iterator[T]],
    interrupt: Callable[[], object],
    ahead: int = AHEAD,
    leave_seconds: float | None = None,
) -> Iterator[T]:
    """Yield the batches of streams, in their order within each stream, as they come.

    A stream is only ever used by its own thread, also to close it if it has a ``close``. No thread outlives this
    generator, unless ``leave_seconds`` is given. The first error of a stream is raised here, and ends them all.

    :param streams: iterators of batches, or of anything else.
    :param interrupt: has the streams' reads from the server fail at once; called when not everything was taken, from
        the thread that takes the batches. What the streams raise then is dropped.
    :param ahead: how many of each stream may wait to be taken.
    :param leave_seconds: to wait for each thread at the end, where ``interrupt`` does not reach what its stream waits
        for; None waits until it has ended.
    """
    threads = _Threads(streams, ahead)
    try:
        yield from threads.batches()
    finally:
        threads.stop(interrupt, leave_seconds)


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

    def stop(self, interrupt: Callable[[], object], leave_seconds: float | None) -> None:
        if self._running:
            self._stopped.set()
            self._room.release(len(self._threads))
            interrupt()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(leave_seconds)

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
