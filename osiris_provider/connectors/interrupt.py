"""Work at a server that can be broken off within a second, whatever the server and its library do meanwhile.

A task is stopped by a signal: its timeout raises in the main thread, and Airflow's kill calls ``on_kill`` there. Python
runs handlers of signals between two of its own instructions, so a library that waits in C (libpq, DuckDB) keeps both
from happening until the server has answered. :func:`interruptible` therefore has another thread wait, and the main
thread waits for that one, which signals do interrupt.

Whatever leaves the wait, the server is asked to stop: a client that is gone is no reason for it to end a statement.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from osiris_provider.messages import printable
from osiris_provider.net import killed
from osiris_provider.net.killed import StoppedError

log = logging.getLogger(__name__)

T = TypeVar("T")

CANCEL_SECONDS = 0.7
"""Within which a server has to stop, before its line is cut."""
CUT_SECONDS = 0.2
AGAIN_SECONDS = 0.1
"""Between two requests to stop: the first may come before the statement does."""
LOOK_SECONDS = 0.5
"""Between two looks for a signal: one that comes just as a wait begins does not interrupt it."""
LOG_AFTER = 10.0
LOG_EVERY = 60.0
"""Seconds after which a wait for a lock is logged, and between two log lines."""


class Work:
    """A statement, or another thing that a server does for this process; a context manager around it.

    :param client: it belongs to.
    :param cancel: has the server stop, from any thread; may raise and may take its time. Returns True if once is
        enough.
    :param cut: breaks the line under the caller that waits for the server.
    :param holders: says who holds the locks that the work waits for; None if that cannot be known.
    :param abandon: closes the client when the work is broken off: an answer that nothing has read may be on its line,
        and would be taken for that of the next statement.
    """

    def __init__(
        self,
        client: object,
        cancel: Callable[[], bool | None],
        cut: Callable[[], object],
        holders: Callable[[], Sequence[str]] | None = None,
        abandon: Callable[[], object] | None = None,
    ) -> None:
        self.client = client
        self.stopped = False
        self.log_at = time.monotonic() + LOG_AFTER
        self.holders = holders
        self._cancel = partial(_exempted, cancel)
        self._cut = cut
        self._abandon = abandon
        self._asked = False
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        _running.add(self)
        try:
            # After it is there to be seen: the killer looks there after it has said that the task is killed.
            killed.check()
        except StoppedError:
            self._leave()
            raise
        if self.holders is not None:
            _watch()
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        self._leave()
        if error_type is not None and not issubclass(error_type, Exception):
            # What broke the wait off goes on; the server may not have heard of it yet.
            if not self._asked:
                in_background(self._cancel).wait(CANCEL_SECONDS)
            # What reads a result that its caller has left (GeneratorExit) looks after the rest of it.
            if self._abandon is not None and not issubclass(error_type, GeneratorExit):
                self._abandon()
        elif self.stopped:
            # Also without an error: some statements just return what they have.
            raise StoppedError from None

    def _leave(self) -> None:
        _running.discard(self)
        self._ended.set()

    def stop(self) -> None:
        """Have the server stop, and cut the line if it does not; returns within a second."""
        self._asked = True
        end = time.monotonic() + CANCEL_SECONDS
        asked = in_background(self._cancel)
        while time.monotonic() < end:
            if self._ended.wait(AGAIN_SECONDS):
                if self._abandon is None:
                    self._await(asked, end)
                return
            if asked.wait(0) and asked.value is not True:
                asked = in_background(self._cancel)
        in_background(self._cut)
        self._ended.wait(CUT_SECONDS)

    def _await(self, asked: Call[Any], end: float) -> None:
        """Wait for a request to stop that is on its way: it would stop the next statement of the client.

        The client is of no use any more if that takes too long.
        """
        asked.dropped = True
        if not asked.wait(max(end - time.monotonic(), 0)):
            in_background(self._cut).wait(CUT_SECONDS)


class Call(Generic[T]):
    """A call that another thread makes; :func:`in_background` begins it."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.dropped = False
        self._call: Callable[[], T] | None = call
        self._context = contextvars.copy_context()
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None
        self.value: T | None = None

    def make(self) -> None:
        """Make the call, in the thread that calls this."""
        call, self._call = self._call, None
        try:
            if call is not None and not self.dropped:
                self.value = self._context.run(call)
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller that waits
            self._error = error
        finally:
            self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; signals interrupt this, but for one that comes just as it begins."""
        ended = self._done.acquire(timeout=seconds)
        if ended:
            self._done.release()
        return ended

    def result(self) -> T:
        """Return what it returned, or raise what it raised."""
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return self.value  # type: ignore[return-value] # it has been made


def interruptible(work: Work, call: Callable[[], T]) -> T:
    """Make a call that waits for a server in C; in the main thread, whatever a signal raises ends the wait.

    Other threads make it themselves: signals are handled in the main thread only.

    :param work: that the call does.
    :param call: may be left running for a moment if it does not return when the line is cut.
    """

    def entered() -> T:
        with work:
            return call()

    if threading.current_thread() is not threading.main_thread():
        return entered()
    pending = Call(entered)
    try:
        _worker().take(pending)
        while not pending.wait(LOOK_SECONDS):
            pass
    except BaseException:
        pending.dropped = True
        work.stop()
        raise
    return pending.result()


def opened(
    connect: Callable[[], T], close: Callable[[T], object], give_up: Callable[[], bool | None] = lambda: None
) -> T:
    """Open a connection as :func:`interruptible` makes a call; one that is there only after that is closed.

    :param connect: opens it.
    :param close: closes it.
    :param give_up: has ``connect`` end soon, if that is possible; called in another thread.
    """
    wanted = True

    def connected() -> T:
        connection = connect()
        if not wanted:
            close(connection)
        return connection

    try:
        return interruptible(Work(None, give_up, lambda: None), connected)
    except BaseException:
        wanted = False
        raise


def _exempted(call: Callable[[], T]) -> T:
    with killed.exempt():
        return call()


def stop(clients: Iterable[object]) -> None:
    """Have the servers stop what they do for these clients, from whatever thread; returns within a second."""
    wanted = {id(client) for client in clients}
    _stop([work for work in list(_running) if id(work.client) in wanted])


def stop_all() -> None:
    """Have the servers stop whatever they do for this process: its task is at its end.

    A caller that waits for them gets a :class:`StoppedError`.
    """
    works = list(_running)
    for work in works:
        work.stopped = True
    _stop(works)


def is_busy(client: object) -> bool:
    """Return whether something waits for the server of a client, which must not be closed under it."""
    return any(work.client is client for work in list(_running))


def in_background(call: Callable[[], T]) -> Call[T]:
    """Make a call in another thread; what it raises is dropped, unless somebody asks for its result.

    :return: the call, which can be waited for.
    """
    pending = Call(call)
    _worker().take(pending)
    return pending


def _stop(works: Sequence[Work]) -> None:
    stops = [in_background(work.stop) for work in works]
    end = time.monotonic() + CANCEL_SECONDS + 2 * CUT_SECONDS
    for pending in stops:
        pending.wait(max(end - time.monotonic(), 0))


class _Worker:
    """A thread that makes calls, one after the other."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call[Any]] = SimpleQueue()
        threading.Thread(target=self._run, name="osiris-wait", daemon=True).start()

    def take(self, call: Call[Any]) -> None:
        """Make a call, as soon as possible."""
        self._calls.put(call)

    def _run(self) -> None:
        while True:
            self._calls.get().make()
            _idle.append(self)


# These are changed by single operations only, which no signal divides: a handler may use them while they are in use.
_running: set[Work] = set()
_idle: list[_Worker] = []


def _worker() -> _Worker:
    try:
        return _idle.pop()
    except IndexError:
        return _Worker()


_watcher: threading.Thread | None = None


def _watch() -> None:
    """Have somebody look after work that takes long."""
    global _watcher  # noqa: PLW0603 - one a process
    if _watcher is None or not _watcher.is_alive():
        _watcher = threading.Thread(target=_look, name="osiris-locks", daemon=True)
        _watcher.start()


def _look() -> None:
    idle_at = time.monotonic()
    # A thread that ends at once would be started for each statement.
    while time.monotonic() < idle_at + LOG_AFTER:
        time.sleep(LOG_AFTER / 10)
        waiting = [work for work in list(_running) if work.holders is not None]
        if waiting:
            idle_at = time.monotonic()
        for work in waiting:
            if time.monotonic() >= work.log_at:
                work.log_at = time.monotonic() + LOG_EVERY
                in_background(partial(_tell, work))


def _tell(work: Work) -> None:
    for said in work.holders() if work.holders else ():
        # Users of the server name themselves there.
        log.warning("%s", printable(said))


def _after_fork() -> None:
    # The child has none of the threads.
    _running.clear()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
