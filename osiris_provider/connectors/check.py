"""The machinery of ``doctor()``: a check that always ends in time, and many checks side by side.

Each check runs on a thread of its own, whose sockets keep the deadline themselves. The waiter keeps it too: what is
stuck where no socket deadline reaches (somebody's own connector) is left to end by itself, and the verdict is
"timeout". Threads, because the drivers that prove a login are blocking libraries; the waiting costs no processor time.
"""

from __future__ import annotations

import atexit
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from osiris_provider.connectors.expiry import with_expiries
from osiris_provider.connectors.faults import NOT_ASKED, TIMED_OUT, TOO_MANY_FILES, transport_fault
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import ConnectorError, Fault, OsirisError
from osiris_provider.net.deadline import CHECK_BYTES, Deadline, checked_timeout
from osiris_provider.net.expiry import Noted, noting

MAX_READY = 60.0
"""Seconds after which a check is given up that could not begin: its connector keeps it waiting."""
GRACE = 0.1
"""Seconds after the deadline that a check gets to hand over its own, better verdict."""
LAST_SECONDS = 0.25
"""Seconds that checks under way get when the process ends: a thread that is cut off in a C++ library aborts it."""
THREAD_NAME = "osiris-doctor"


class Checkable(Protocol):
    """What a check needs of a connector; :class:`~osiris_provider.connectors.base.Connector` is it."""

    @property
    def family(self) -> str:
        """Of the connections."""

    @property
    def model(self) -> type[Any]:
        """The family's connection model."""

    def load(self) -> None:
        """Import what a client needs."""

    def ready(self, connection: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Have there what one check needs, while it runs."""

    def probe(self, model: Any, deadline: Deadline) -> dict[str, Any]:
        """Do what shows that this identity can work there; return details worth showing."""

    def classify(self, error: BaseException) -> Fault:
        """Return the fault of whatever a client library raised."""

    def address_of(self, connection: Mapping[str, Any]) -> str:
        """Return where the peer is, for messages."""

    def address_of_fault(self, error: BaseException, connection: Mapping[str, Any]) -> str:
        """Return where something went wrong, for messages."""


Job = tuple[int, tuple[Checkable, Mapping[str, Any]]]


@dataclass(repr=False)
class Check:
    """A check that is under way; printed it shows nothing of the connection.

    :param ready: of the connector, see :meth:`Connector.ready`; the clock runs inside of it. None: it runs at once.
    """

    connector: Checkable
    connection: Mapping[str, Any]
    timeout: float
    done: Callable[[Check], None]
    number: int = 0
    ready: Callable[[Mapping[str, Any]], AbstractContextManager[None]] | None = None
    verdict: Verdict | None = None
    asked: bool = False
    deadline: Deadline = field(init=False)

    def start(self) -> Check:
        """Start the check on a thread of its own, which no one has to wait for."""
        self.deadline = Deadline(self.timeout + (MAX_READY if self.ready else 0.0), CHECK_BYTES)
        thread = threading.Thread(target=self._run, name=f"{THREAD_NAME}-{self.connector.family}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self.verdict = Verdict.misconfigured(
                "This machine can start no more threads. Check fewer connections at a time."
            )
            self.done(self)
        return self

    def _run(self) -> None:
        try:
            if self.ready is None:
                self.verdict = self._examined()
            else:
                with self.ready(self.connection):
                    self.verdict = self._begun()
        except BaseException as error:  # noqa: BLE001 - whatever somebody's connector does: this thread is its own
            self.verdict = self.verdict or _failed(self.connector, self.connection, error, self.deadline)
        self.done(self)

    def _begun(self) -> Verdict:
        if self.deadline.left() < self.timeout:
            # It is given up any moment now: no one would wait for it.
            return self.overdue()
        self.deadline = Deadline(self.timeout, CHECK_BYTES)
        return self._examined()

    def _examined(self) -> Verdict:
        return examine(self.connector, self.connection, self.deadline, self._asks)

    def left(self) -> float:
        """Return after how many seconds to look at it again; before it has begun, it cannot be overdue sooner."""
        return min(self.deadline.left(), self.timeout)

    def _asks(self) -> None:
        self.asked = True

    def overdue(self) -> Verdict:
        """Return the verdict on a check that has not answered in time."""
        if not self.asked:
            # Where the server is, is not known either: to read the connection may be what takes so long.
            return Verdict.of(NOT_ASKED, NOT_ASKED.text("the server", self.timeout))
        address = self.connector.address_of(self.connection)
        return Verdict.of(TIMED_OUT, TIMED_OUT.text(address, self.timeout))


def check(connector: Checkable, connection: Mapping[str, Any], timeout: float) -> Verdict:
    """Check one connection; see :meth:`Connector.doctor`."""
    try:
        seconds = checked_timeout(timeout)
    except ValueError as error:
        return Verdict.misconfigured(str(error))
    finished = threading.Event()
    running = Check(connector, connection, seconds, lambda _: finished.set()).start()
    finished.wait(max(running.deadline.left(), 0) + GRACE)
    return running.verdict or running.overdue()


def check_many(
    jobs: Iterable[tuple[Checkable, Mapping[str, Any]]],
    timeout: float,
    max_workers: int,
    on_verdict: Callable[[int, Verdict], None],
) -> None:
    """Check many connections at once; each has its own deadline, which begins when all is there that its check needs.

    :param jobs: connector and connection of each.
    :param timeout: seconds for each.
    :param max_workers: how many checks may be under way at a time.
    :param on_verdict: called in this thread with the job's number and its verdict, in the order they come in.
    :raises ValueError: the timeout is not a positive number.
    """
    seconds = checked_timeout(timeout)
    finished: queue.SimpleQueue[Check] = queue.SimpleQueue()
    waiting = enumerate(jobs)
    parked: list[Job] = []
    running: dict[int, Check] = {}
    while True:
        for number, job in _startable(parked, waiting, running, max_workers):
            running[number] = Check(*job, seconds, finished.put, number, job[0].ready).start()
        if not running:
            return
        for one in _next_finished(finished, running):
            del running[one.number]
            on_verdict(one.number, one.verdict or one.overdue())


def _startable(parked: list[Job], waiting: Iterator[Job], running: dict[int, Check], max_workers: int) -> Iterator[Job]:
    """Yield the jobs that begin now; a family that has its limit under way keeps no other one back.

    :param parked: jobs of such families, which come first when there is room.
    :param waiting: all others.
    """
    for job in list(parked):
        if len(running) < max_workers and not _is_full(job, running):
            parked.remove(job)
            yield job
    while len(running) < max_workers and (another := next(waiting, None)) is not None:
        if _is_full(another, running):
            parked.append(another)
        else:
            yield another


def _is_full(job: Job, running: dict[int, Check]) -> bool:
    connector = job[1][0]
    limit = getattr(connector, "at_once", None)
    return limit is not None and sum(one.connector is connector for one in running.values()) >= limit


def _next_finished(finished: queue.SimpleQueue[Check], running: dict[int, Check]) -> list[Check]:
    """Wait for the next check to end or to be overdue; one that was given up before counts no more."""
    if not running:
        return []
    max_wait = min(one.left() for one in running.values()) + GRACE
    try:
        ended = [finished.get(timeout=max(max_wait, 0))]
    except queue.Empty:
        return [one for one in running.values() if one.deadline.left() + GRACE <= 0]
    while not finished.empty():
        ended.append(finished.get())
    return [one for one in ended if one.number in running]


def examine(
    connector: Checkable,
    connection: Mapping[str, Any],
    deadline: Deadline,
    on_asking: Callable[[], None] = lambda: None,
    noted: Noted | None = None,
) -> Verdict:
    """Run a check in this thread and return its verdict, whatever happens.

    :param connector: of the connection's family.
    :param connection: a resolved connection.
    :param deadline: bounds everything that keeps it.
    :param on_asking: called when all is ready and the peer is about to be asked.
    :param noted: gets what of the connection comes to its end, whatever the verdict.
    """
    try:
        model = connector.model.parse(connection)
        connector.load()
        on_asking()
        with noting(noted) as noted:
            started = time.perf_counter()
            details = connector.probe(model, deadline)
            latency_ms = round((time.perf_counter() - started - noted.aside_seconds) * 1000, 2)
    except BaseException as error:  # noqa: BLE001 - doctor never raises (CONN-009), and this thread is its own
        return _failed(connector, connection, error, deadline)
    if not _is_json_object(details):
        return Verdict.misconfigured(
            "The connector returned details that are not JSON; please report it to its authors."
        )
    redactor = connector.model.redactor(connection)
    details = redactor.inside(details)
    # An expiry makes no healthy connection unhealthy, whatever there is to say about it.
    with suppress(Exception):
        details = with_expiries(details, noted, model, redactor.masked)
    return Verdict.healthy(latency_ms, details)


def _is_json_object(details: object) -> bool:
    try:
        return isinstance(details, dict) and bool(json.dumps(details, allow_nan=False))
    except Exception:  # noqa: BLE001 - whatever somebody's connector has put in there
        return False


def _failed(connector: Checkable, connection: Mapping[str, Any], error: BaseException, deadline: Deadline) -> Verdict:
    try:
        if isinstance(error, ConnectorError):
            return Verdict.of(error.fault, str(error))
        if isinstance(error, OsirisError):
            return Verdict.misconfigured(str(error))
        fault = connector.classify(error)
        if deadline.left() <= 0 and fault.category in ("network", "unknown") and not fault.permanent:
            fault = TIMED_OUT
        return Verdict.of(fault, fault.text(connector.address_of_fault(error, connection), deadline.seconds))
    except BaseException as second:  # noqa: BLE001 - not even a broken third-party connector makes doctor raise
        if transport_fault(second) is TOO_MANY_FILES:
            # To import what knows the error takes a file, too.
            return Verdict.of(TOO_MANY_FILES, TOO_MANY_FILES.text("the server"))
        return Verdict.misconfigured(
            f"The connector failed with {type(second).__name__}; please report it to its authors."
        )


@atexit.register
def _let_checks_end() -> None:
    end = time.monotonic() + LAST_SECONDS
    for thread in threading.enumerate():
        # One that has not begun yet cannot be waited for.
        if thread.name.startswith(THREAD_NAME) and thread.is_alive():
            thread.join(end - time.monotonic())
