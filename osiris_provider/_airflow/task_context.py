"""What a driver may ask of the Airflow task that runs it: its metrics, its load id, its state."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk import XComArg

from osiris_provider._airflow.arguments import as_list
from osiris_provider._airflow.compat import emit_gauge
from osiris_provider._airflow.storage import open_path
from osiris_provider.drivers.incremental.cursor import CursorValue, RunRange
from osiris_provider.messages import printable
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey, state_url

KEPT = 100
"""Runs before the newest one that counts whose state is kept, so that they can be done again."""
LOOKED_THROUGH = 50
"""Runs that did not succeed, after which the newest of them is asked where it began."""
FAILED = ["failed", "upstream_failed"]
NAMES_AT_A_TIME = 100
"""Tasks that one request names: they are part of its URL."""

log = logging.getLogger(__name__)


class TaskContext:
    """What a driver may ask of the task that runs it.

    :param context: of the task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        ti = context["ti"]
        self._tags = {"dag_id": ti.dag_id, "task_id": ti.task_id}
        self.load_id = _load_id(ti)
        self.cleared_at = _cleared_at(ti)
        self.state = RunState(context)
        self.metrics: list[dict[str, Any]] = []

    def log_metric(
        self, name: str, value: float, *, unit: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Keep a figure for XCom, and send it to Airflow's metrics as ``osiris.<name>``."""
        self.metrics.append({"name": name, "value": value, "unit": unit, "tags": dict(tags or {})})
        emit_gauge(f"osiris.{name}", value, {**self._tags, **(tags or {})})


def _load_id(ti: Any) -> str:
    """Return what all tries of a task instance share."""
    return json.dumps([ti.dag_id, ti.run_id, ti.task_id, task_key(ti).map_index])


def attempt_id(ti: Any) -> str:
    """Return what the tries of a task instance share until somebody clears it.

    :param ti: the task instance.
    """
    return json.dumps([ti.run_id, _cleared_at(ti)])


def task_key(ti: Any) -> TaskKey:
    """Return the task of a task instance, as its state is kept.

    :param ti: the task instance.
    """
    return TaskKey(ti.dag_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)


def _cleared_at(ti: Any) -> int:
    """Return after which try somebody last cleared the task; 0 if no one did.

    Clearing adds the tries so far to those that the task may have; a retry does not.
    """
    return max(int(ti.max_tries or 0) - int(ti.task.retries or 0), 0)


class RunState:
    """The state of a task in a run.

    A run begins at the cursor value of the newest run before it that has succeeded. The one that it reaches is kept
    when its data is staged, and counts once the run has succeeded. It keeps to both, however often it is tried or done
    again: what is loaded once for a run (:attr:`TaskContext.load_id`) must not grow afterwards.

    :param context: of the task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._ti = context["ti"]
        self._dag_run = context["dag_run"]
        self._entry: Entry | None = None
        self._reached: Entry | None = None
        self._obsolete: list[str] = []

    def begin(self, source: str, column: str) -> RunRange:
        """Return between which cursor values to read.

        See :class:`~osiris_provider.drivers.incremental.cursor.IncrementalState`.
        """
        store, task, run = self._store(), self._task(), self._run()
        earlier = [name for name in store.names(task) if name < run.name()]
        own = store.read(task, run.name())
        if own is not None and own.fits(source, column):
            log.info("This run has begun there before.")
        else:
            own = Entry(task, run.run_id, source, column, self._newest(earlier, source, column))
            store.write(run, own)
        self._entry = own
        begin = "the begin" if own.low is None else printable(own.low.text)
        end = printable(own.high.text) if own.high else "the end"
        log.info("Reads %s by column %s: from %s to %s", source, column, begin, end)
        return RunRange(own.low, own.high)

    def advance(self, value: CursorValue | None) -> None:
        """Take the reached value; see :class:`~osiris_provider.drivers.incremental.cursor.IncrementalState`."""
        if self._entry is not None:
            own = self._entry
            self._reached = own if own.reached else replace(own, high=value, reached=True)

    def keep(self) -> None:
        """Write down the cursor value that was reached; nothing happens in a task that reads everything."""
        if self._reached is None:
            return
        store = self._store()
        store.write(self._run(), self._reached)
        store.remove(self._task(), self._obsolete)
        self._obsolete = []
        reached = self._reached.high
        log.info(
            "Cursor value: %s. It counts once the run has succeeded.",
            printable(reached.text) if reached else "none yet",
        )

    def _store(self) -> StateStore:
        return StateStore(state_url(), open_path)

    def _task(self) -> TaskKey:
        return task_key(self._ti)

    def _run(self) -> RunKey:
        run = self._dag_run
        return RunKey(run.run_id, run.data_interval_end or run.run_after, run.run_after)

    def _newest(self, earlier: list[str], source: str, column: str) -> CursorValue | None:
        """Return the cursor value of the newest run before this one that counts."""
        store, task = self._store(), self._task()
        failures = 0
        for position in reversed(range(len(earlier))):
            entry = store.read(task, earlier[position])
            if entry is None or not entry.fits(source, column):
                continue
            succeeded = self._succeeded(entry.run_id)
            value = entry.high if succeeded else None
            if not succeeded:
                failures += 1
                # Where a run began had counted by then; a run that is gone from Airflow cannot be asked any more.
                if succeeded is None or failures >= LOOKED_THROUGH:
                    value = entry.low
            if value is not None:
                self._obsolete = earlier[: max(position - KEPT, 0)]
                return value
        return None

    def _succeeded(self, run_id: str) -> bool | None:
        """Return whether a run of the same DAG has succeeded, None if Airflow does not know it any more."""
        ti = self._ti
        if ti.get_dr_count(dag_id=ti.dag_id, run_ids=[run_id], states=["success"]):
            return not (self._hides_failure(run_id) or self._was_left_out(run_id))
        return False if ti.get_dr_count(dag_id=ti.dag_id, run_ids=[run_id]) else None

    def _hides_failure(self, run_id: str) -> bool:
        """Return whether a task behind this one failed in a run that succeeded: that goes by its last tasks alone.

        The failure of a last task would be the run's, so that somebody must have marked such a run.
        """
        later = [task for task in self._ti.task.get_flat_relatives(upstream=False) if not task.is_teardown]
        last = [task for task in later if all(after.is_teardown for after in task.downstream_list)]
        failed, failed_last = (self._count(run_id, [task.task_id for task in tasks], FAILED) for tasks in (later, last))
        return failed > 0 and not failed_last

    def _was_left_out(self, run_id: str) -> bool:
        """Return whether all tasks that take the rows of this one were skipped, so that no one has got them."""
        task = self._ti.task
        takers = [other for other in task.get_flat_relatives(upstream=False) if _takes(other, task.task_id)]
        group = task.get_closest_mapped_task_group()
        # Of a mapped group, those of this instance.
        inner = [other.task_id for other in takers if group and other.get_closest_mapped_task_group() is group]
        outer = [other.task_id for other in takers if other.task_id not in inner]

        def count(states: list[str] | None = None) -> int:
            return self._count(run_id, inner, states, self._ti.map_index) + self._count(run_id, outer, states)

        skipped = count(["skipped"])
        return skipped > 0 and skipped == count()

    def _count(
        self, run_id: str, names: list[str], states: list[str] | None = None, map_index: int | None = None
    ) -> int:
        dag_id, count = self._ti.dag_id, self._ti.get_ti_count
        parts = [names[start : start + NAMES_AT_A_TIME] for start in range(0, len(names), NAMES_AT_A_TIME)]
        which = {"dag_id": dag_id, "run_ids": [run_id], "states": states, "map_index": map_index}
        return sum(int(count(task_ids=part, **which)) for part in parts)


def _takes(task: Any, name: str) -> bool:
    """Return whether a task has the result of another one as an input, as :class:`OsirisOperator` knows them."""
    is_mapped = hasattr(task, "partial_kwargs")
    inputs = task.partial_kwargs.get("inputs") if is_mapped else getattr(task, "inputs", None)
    given = list(inputs.values()) if isinstance(inputs, Mapping) else as_list(inputs)
    # A template names it in quotes.
    ids = re.compile(rf"{re.escape(name)}|.*(['\"]){re.escape(name)}\1.*", re.DOTALL)
    if any(isinstance(one, str) and ids.fullmatch(one) for one in given):
        return True
    sources = [source for source, _ in XComArg.iter_xcom_references(inputs)]
    return any(source.task_id == name for source in (*sources, *(task.iter_mapped_dependencies() if is_mapped else ())))
