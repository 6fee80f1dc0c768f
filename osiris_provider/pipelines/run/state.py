"""Incremental steps of a run without Airflow: where they begin, and what is kept when all steps have succeeded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from osiris_provider.drivers.incremental.cursor import CursorValue, RunRange
from osiris_provider.errors import ConnectorError
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey

log = logging.getLogger(__name__)


class RunState:
    """What all incremental steps of a run share.

    :param store: keeps what runs have reached; None begins at the begin, and keeps nothing.
    :param pipeline: its id.
    :param run_id: of the run.
    :param at: the moment for which it runs; runs follow each other by it.
    """

    def __init__(self, store: StateStore | None, pipeline: str, run_id: str, at: datetime) -> None:
        self._store = store
        self._pipeline = pipeline
        self._run = RunKey(run_id, at, datetime.now(timezone.utc))
        self._reached: dict[str, Entry] = {}

    def of_step(self, step: str) -> StepState:
        """Return the part of a step."""
        return StepState(TaskKey(self._pipeline, step), self._store, self._run, self._take)

    def keep(self, unreached: Callable[[str], str | None]) -> None:
        """Write down what the steps have reached; the next run begins there.

        :param unreached: names a step that has not got the rows of a step, if there is one: the next run has to read
            them again, or that step would never see them.
        :raises ConnectorError: the storage is full, denies access, is not reached or fails.
        """
        if self._store is None:
            return
        for step, entry in self._reached.items():
            missing = unreached(step)
            if missing is None:
                self._write(self._store, step, entry)
            else:
                log.warning(
                    "Step %s: how far it has read is not kept, because step %s has not got its rows. "
                    "The next run reads them again.",
                    step,
                    missing,
                )

    def _write(self, store: StateStore, step: str, entry: Entry) -> None:
        try:
            store.write(self._run, entry)
        except ConnectorError as error:
            problem = error
        else:
            return
        message = (
            f"All steps have worked, but how far step {step} has read is not kept, so that the next run reads the same "
            f"rows again. {problem}"
        )
        raise problem.restated(message, step=step)

    def _take(self, entry: Entry) -> None:
        self._reached[entry.task.task_id] = entry


class StepState:
    """The state of a step; see :class:`~osiris_provider.drivers.incremental.cursor.IncrementalState`."""

    def __init__(self, task: TaskKey, store: StateStore | None, run: RunKey, take: Callable[[Entry], None]) -> None:
        self._task = task
        self._store = store
        self._run = run
        self._take = take
        self._entry: Entry | None = None

    def begin(self, source: str, column: str) -> RunRange:
        """Return what to read: from where the newest run before this one has ended."""
        low = self._newest(self._store, source, column) if self._store else None
        self._entry = Entry(self._task, self._run.run_id, source, column, low)
        return RunRange(low, None)

    def advance(self, value: CursorValue | None) -> None:
        """Take the value that was reached; it is kept once the run has succeeded."""
        if self._entry is not None:
            self._take(replace(self._entry, high=value, reached=True))

    def _newest(self, store: StateStore, source: str, column: str) -> CursorValue | None:
        for name in reversed([name for name in store.names(self._task) if name < self._run.name()]):
            entry = store.read(self._task, name)
            if entry is not None and entry.fits(source, column):
                value = entry.high or entry.low
                if value is not None:
                    return value
        return None
