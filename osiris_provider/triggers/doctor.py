"""Check connections in the triggerer, where thousands of waiting tasks share one event loop."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import gc
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any
from weakref import WeakKeyDictionary

from airflow.triggers.base import BaseTrigger, TriggerEvent

from osiris_provider.connectors.fleet import Report
from osiris_provider.hooks.health import can_recover, check, name_of

CHECKS_AT_A_TIME = 32
"""In one triggerer, whatever the number of triggers."""
HEAD_START = 0.03
"""Seconds that a check has for itself, if it needs them, before the next one starts.

Threads share Python's lock with the event loop: each that computes keeps it waiting for 5 ms. Computing is what a
check does at first; if its server is slow or silent, it only waits after that.
"""


class OsirisDoctorTrigger(BaseTrigger):
    """Fires with ``{"reports": [...]}``: a report for each connection (CONN-020), none of which shows a secret.

    It carries references only; they are resolved where it runs, at each check. A triggerer that takes it over from
    another simply begins with the next check.

    :param connections: references such as ``@mysql.default``, or Airflow connection ids.
    :param check_timeout: seconds for one check.
    :param poke_interval: None fires after one check; else it is made again after so many seconds, until all
        connections are well or one of them never will be by itself.
    :param file: path of the connections file; None looks in the usual places.
    """

    def __init__(
        self,
        *,
        connections: Sequence[str],
        check_timeout: float = 2.0,
        poke_interval: float | None = None,
        file: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's is not typed
        self.connections = list(connections)
        self.check_timeout = check_timeout
        self.poke_interval = poke_interval
        self.file = file
        self._told: dict[str, str] = {}

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class and the arguments that make an equal trigger."""
        arguments = {
            "connections": self.connections,
            "check_timeout": self.check_timeout,
            "poke_interval": self.poke_interval,
            "file": self.file,
        }
        return "osiris_provider.triggers.doctor.OsirisDoctorTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until there is something to tell."""
        while True:
            reports = list(await asyncio.gather(*map(self._check, self.connections)))
            waits_for = [report for report in reports if not report["ok"]]
            if self.poke_interval is None or not waits_for or not all(map(can_recover, waits_for)):
                yield TriggerEvent({"reports": reports})  # type: ignore[no-untyped-call] # Airflow's is not typed
                return
            await asyncio.sleep(self.poke_interval)

    async def _check(self, target: str) -> Report:
        # What runs in the thread logs as this trigger does, and asks Airflow for connections as it does.
        work = partial(contextvars.copy_context().run, self._check_and_tell, target)
        loop = asyncio.get_running_loop()
        async with _STARTS.setdefault(loop, asyncio.Lock()):
            running = loop.run_in_executor(_threads(), work)
            await asyncio.wait([running], timeout=HEAD_START)
        return await running

    def _check_and_tell(self, target: str) -> Report:
        """Check, and log the verdict if it is another than before.

        A triggerer that is busy with its database takes no logs for a while; then the thread waits, not the event loop.
        """
        report = check(target, self.check_timeout, file=self.file)
        said = f"{name_of(report)} is {report['category']}: {report['message']}"
        if self._told.get(target) != said:
            self._told[target] = said
            self.log.info("%s", said)
        return report


_STARTS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Checks of an event loop start one after the other."""


@cache
def _threads() -> ThreadPoolExecutor:
    # A full garbage collection looks through all that Airflow has loaded, and the event loop waits for it: 170 ms.
    # Airflow itself freezes in its executor and DAG processor, but not in its triggerer.
    gc.freeze()
    atexit.register(gc.unfreeze)
    return ThreadPoolExecutor(CHECKS_AT_A_TIME, thread_name_prefix="osiris-trigger")
