"""What ends the work of a hook at its server when the task is killed, whatever operator the task is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import get_current_context

from osiris_provider.connectors.registry import stop_all


class _Stopping:
    """A task's ``on_kill`` that has the servers stop first.

    :param on_kill: the operator's own.
    """

    def __init__(self, on_kill: Callable[[], object]) -> None:
        self._on_kill = on_kill

    def __call__(self) -> None:
        try:
            # First: the operator's own may take longer than Airflow waits before SIGKILL.
            stop_all()
        finally:
            self._on_kill()


def stop_with_task() -> None:
    """Have the servers stop when the task that runs in this process is killed.

    Airflow's handler of SIGTERM calls the task's ``on_kill`` and nothing else, and operators that work with a hook
    rarely have one. The handler itself stays as it is. Without a task (scripts, triggers, the API server) nothing
    happens.
    """
    try:
        task: Any = getattr(get_current_context()["ti"], "task", None)
    except (RuntimeError, KeyError):
        return
    if task is not None and not isinstance(task.on_kill, _Stopping):
        task.on_kill = _Stopping(task.on_kill)
