"""A trigger that measures the event loop that it runs in: how late the loop is, and what of that is garbage collection.

A full collection stops the whole process for as long as its heap is large, whatever triggers are in it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

STEP = 0.01
"""Seconds that the loop is asked to sleep; what it sleeps longer is its lag."""
LAG_FILE = "LAG_FILE"
"""Variable with the path of the file that gets a line, in JSON, for each lag of more than a step."""


class LagTrigger(BaseTrigger):
    """Measures until it is cancelled; never fires."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of the class; it has no arguments."""
        return "benchmarks.airflow.lag.LagTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Write down each lag, with the seconds of it in which garbage was collected."""
        with Path(os.environ[LAG_FILE]).open("a", buffering=1) as lines, collections() as collected:
            while True:
                before = time.monotonic()
                collected.clear()
                await asyncio.sleep(STEP)
                now = time.monotonic()
                if now - before > 2 * STEP:
                    late = {"at": now, "lag": now - before - STEP, "collecting": sum(collected)}
                    lines.write(json.dumps(late) + "\n")
        yield TriggerEvent({})


@contextmanager
def collections() -> Iterator[list[float]]:
    """Give a list that gets the seconds of each garbage collection, of whatever generation and in whatever thread."""
    seconds: list[float] = []
    began = time.monotonic()

    def note(phase: str, _: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.monotonic()
        else:
            seconds.append(time.monotonic() - began)

    gc.callbacks.append(note)
    try:
        yield seconds
    finally:
        gc.callbacks.remove(note)
