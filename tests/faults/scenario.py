"""One fault, how to make it, and what doctor should say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from osiris_provider.connectors import get_connector
from osiris_provider.connectors.verdict import DoctorDetails

TIMEOUT = 0.7
"""Seconds that doctor gets for each scenario; the silent ones use it up."""
LATEST = 0.25
"""Seconds after its timeout by which doctor has to answer."""

Connection = dict[str, Any]
World = TypeVar("World")


@dataclass(frozen=True)
class Scenario(Generic[World]):
    """A fault to be made.

    :param name: what goes wrong, in words.
    :param family: the section of the page; the connection says whose connector is asked.
    :param fault: the slug that doctor should find; ``ok`` if it should be content.
    :param make: makes the fault out of the running servers, and yields the connection to check.
    :param newer: the slug where a newer server says more than the one that the page is made with.
    """

    name: str
    family: str
    fault: str
    make: Callable[[World], AbstractContextManager[Connection]]
    newer: str = ""

    def run(self, world: World) -> Finding:
        """Make the fault and ask doctor.

        :param world: the running servers.
        """
        with self.make(world) as connection:
            started = time.monotonic()
            ok, verdict = get_connector(connection["family"]).doctor(connection, TIMEOUT)
            seconds = time.monotonic() - started
            _wait_for_threads()
        return Finding(self.name, self.family, "ok" if ok else str(verdict["details"]["fault"]), verdict, seconds)


@dataclass(frozen=True)
class Finding:
    """What doctor said of a scenario, and how long it took."""

    name: str
    family: str
    fault: str
    verdict: DoctorDetails
    seconds: float


def _wait_for_threads(seconds: float = 2.0) -> None:
    """Wait for the check's thread to end by itself.

    :raises AssertionError: it is still there after a few seconds.
    """
    for thread in threading.enumerate():
        # One that has not begun yet is of another check.
        if thread.name.startswith("osiris-doctor") and thread.is_alive():
            thread.join(seconds)
            assert not thread.is_alive(), f"{thread.name} has been left behind"
