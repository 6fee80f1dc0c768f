"""Check connections in the triggerer, where thousands of waiting tasks share one event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache, partial
from typing import Any
from weakref import WeakKeyDictionary

from airflow.triggers.base import BaseTrigger, TriggerEvent

from osiris_provider._airflow.arguments import check_seconds, is_duration, is_several, require
from osiris_provider._airflow.unread import NOT_LOOKED_UP
from osiris_provider.connections.reference import shown
from osiris_provider.connectors.check import GRACE, THREAD_NAME
from osiris_provider.connectors.faults import TIMED_OUT
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hooks.health import examine_target, identity

__all__ = ["OsirisDoctorTrigger"]

CHECKS_AT_A_TIME = 512
"""In one triggerer, whatever the number of triggers. A check that waits costs a thread and no more, and one that does
not end in time is given up: however many hang, the others do not wait for them."""
HEAD_START = 0.03
"""Seconds that a check has for itself, if it needs them, before the next one starts.

Threads share Python's lock with the event loop: each that computes keeps it waiting for 5 ms. Computing is what a
check does at first; if its server is slow or silent, it only waits after that.
"""
LOOK_UP_SECONDS = 10.0
"""That Airflow, or a secrets backend, may take to tell a connection; the check's own seconds begin after that."""


class OsirisDoctorTrigger(BaseTrigger):
    """Fires with ``{"reports": [...]}``: a report for each connection (CONN-020), none of which shows a secret.

    It carries references only; they are resolved where it runs, at each check. A triggerer that takes it over from
    another simply begins with the next check. A connection that only its hook can check is not checked here: the report
    has fault ``needs_worker``, and a worker has to do it. So it is with one that no one knows: Airflow says that, too,
    while its database is away.

    :param connections: references such as ``@mysql.default``, or Airflow connection ids.
    :param check_timeout: seconds for one check.
    :param poke_interval: None fires after one check; else it is made again after so many seconds, until all
        connections are healthy or one of them never will be by itself.
    :param file: path of the connections file; None looks in the standard locations.
    :param delay: seconds before the first check.
    """

    def __init__(
        self,
        *,
        connections: Sequence[str],
        check_timeout: float = 2.0,
        poke_interval: float | None = None,
        file: str | os.PathLike[str] | None = None,
        delay: float = 0.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's is not typed
        are_texts = is_several(connections) and all(isinstance(one, str) for one in connections)
        require("connections", are_texts, "a list of references and Airflow connection ids")
        self.connections = list(connections)
        self.check_timeout = check_seconds(check_timeout)
        require("poke_interval", poke_interval is None or is_duration(poke_interval), "a number of seconds, or None")
        self.poke_interval = poke_interval
        self.file = None if file is None else os.fspath(file)
        require("delay", is_duration(delay), "a number of seconds")
        self.delay = delay
        self._told: dict[str, str] = {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and the arguments that make an equal trigger."""
        arguments = {
            "connections": self.connections,
            "check_timeout": self.check_timeout,
            "poke_interval": self.poke_interval,
            "file": self.file,
            "delay": self.delay,
        }
        return "osiris_provider.triggers.doctor.OsirisDoctorTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until there is something to tell."""
        await asyncio.sleep(self.delay)
        while True:
            verdicts = await asyncio.gather(*map(self._check, self.connections))
            waits_for = [verdict for verdict in verdicts if not verdict.ok]
            if self.poke_interval is None or not waits_for or not all(one.is_transient for one in waits_for):
                reports = [verdict.as_dict() for verdict in verdicts]
                yield TriggerEvent({"reports": reports})  # type: ignore[no-untyped-call] # Airflow's is not typed
                return
            await asyncio.sleep(self.poke_interval)

    async def _check(self, target: str) -> Verdict:
        loop = asyncio.get_running_loop()
        gate = _GATES.setdefault(loop, _Gate())
        async with gate.slots:
            before = gate.given_up.pop((target, self.file), None)
            if before is not None and not before.ended.done():
                # A second one beside it would hang as well, and so would a third.
                gate.given_up[target, self.file] = before
                return self._overdue(target, asked=before.looked_up.done())
            check = _BackgroundCheck(loop, partial(self._check_and_tell, target))
            async with gate.starts:
                check.start()
                await asyncio.wait([check.ended], timeout=HEAD_START)
            await check.wait(self.check_timeout)
            if check.verdict is None:
                gate.given_up[target, self.file] = check
            return check.verdict or self._overdue(target, asked=check.looked_up.done())

    def _check_and_tell(self, target: str, check: _BackgroundCheck) -> None:
        """Check, and log the verdict if it is another than before.

        A triggerer that is busy with its database takes no logs for a while; then the thread waits, not the event loop.
        """
        check.verdict = verdict = examine_target(target, self.check_timeout, check.asking, file=self.file)
        said = f"{verdict.reference} is {verdict.category}: {verdict.message}"
        if self._told.get(target) != said:
            self._told[target] = said
            self.log.info("%s", said)

    def _overdue(self, target: str, *, asked: bool) -> Verdict:
        fault = TIMED_OUT if asked else NOT_LOOKED_UP
        seconds = self.check_timeout if asked else LOOK_UP_SECONDS
        return Verdict.of(fault, fault.text(shown(target), seconds)).at(*identity(target))


class _BackgroundCheck:
    """A check on a daemon thread of its own, which no one has to wait for.

    :param loop: of those who wait.
    :param work: gets this check and puts the verdict into it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[_BackgroundCheck], None]) -> None:
        self.verdict: Verdict | None = None
        self.looked_up: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        # What runs in the thread logs as the trigger does, and asks Airflow for connections as it does.
        self._context = contextvars.copy_context()
        self._work = work

    def start(self) -> None:
        """Start the thread."""
        _freeze()
        threading.Thread(target=self._run, name=f"{THREAD_NAME}-trigger", daemon=True).start()

    async def wait(self, seconds: float) -> None:
        """Wait until it has ended, or does not in time.

        :param seconds: for the check itself.
        :raises BaseException: what it has raised.
        """
        await asyncio.wait([self.looked_up], timeout=LOOK_UP_SECONDS)
        if self.looked_up.done():
            await asyncio.wait([self.ended], timeout=seconds + 2 * GRACE)
        if self.ended.done() and self.verdict is None:
            self.ended.result()

    def asking(self) -> None:
        """Note, in the thread, that the connection is known and its server is about to be asked."""
        self._tell(self.looked_up, None)

    def _run(self) -> None:
        problem: BaseException | None = None
        try:
            self._context.run(self._work, self)
        except BaseException as error:  # noqa: BLE001 - those who wait raise it
            problem = error
        # It may have ended before it asked.
        self.asking()
        self._tell(self.ended, problem)

    def _tell(self, future: asyncio.Future[None], problem: BaseException | None) -> None:
        def tell() -> None:
            if problem is not None:
                future.set_exception(problem)
            elif not future.done():
                future.set_result(None)

        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)


class _Gate:
    """What the checks of an event loop share: they start one after the other, and it is known which were given up."""

    def __init__(self) -> None:
        self.starts = asyncio.Lock()
        self.slots = asyncio.Semaphore(CHECKS_AT_A_TIME)
        self.given_up: dict[tuple[str, str | None], _BackgroundCheck] = {}


_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()


@cache
def _freeze() -> None:
    # A full garbage collection looks through all that Airflow has loaded, and the event loop waits for it: 170 ms.
    # Airflow itself freezes in its executor and DAG processor, but not in its triggerer.
    gc.freeze()
    atexit.register(gc.unfreeze)
