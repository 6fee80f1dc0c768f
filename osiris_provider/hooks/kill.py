"""What ends the work of a task at its servers when the task is killed, whatever operator the task is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import get_current_context

from osiris_provider.connectors.registry import stop_all
from osiris_provider.net import killed


class _Stopping:
    """A task's ``on_kill`` that has the servers stop first.

    :param on_kill: the operator's own.
    """

    def __init__(self, on_kill: Callable[[], object]) -> None:
        self._on_kill = on_kill

    def __call__(self) -> None:
        try:
            # First: the operator's own may take longer than Airflow waits before SIGKILL.
            _stop()
        finally:
            # It may work with a hook itself, say to clean up.
            with killed.exempt():
                self._on_kill()
        killed.break_off()


def kill_task() -> None:
    """Have the servers stop, and no work begin any more while the task that runs in this process lasts.

    Airflow calls an operator's ``on_kill`` at SIGTERM, and after a timeout.

    :raises StoppedError: out of a handler of signals: where the main thread waits for a server, and out of the
        operators of this package.
    """
    _stop()
    killed.break_off()


def stop_with_task() -> None:
    """Have the servers stop when the task that runs in this process is killed.

    Airflow's handler of SIGTERM calls the task's ``on_kill`` and nothing else, and operators that work with a hook
    rarely have one. The handler itself stays as it is. Without a task (scripts, triggers, the API server) nothing
    happens.
    """
    stop_with(getattr(_running(), "task", None))


def stop_with(task: Any) -> None:
    """Have the servers stop when a task is killed.

    :param task: an operator, about to be executed or being executed in this process; None for none.
    """
    if task is not None and not isinstance(task.on_kill, _Stopping):
        task.on_kill = _Stopping(task.on_kill)


def _stop() -> None:
    task = _running()
    if task is not None:
        # What was killed stays so until Airflow has taken note of it; callbacks come after that, and may work.
        killed.kill(lambda: _running() is task)
    stop_all()


def _running() -> Any:
    """Return the task instance that runs in this process, None if there is none."""
    try:
        return get_current_context()["ti"]
    except (RuntimeError, KeyError):
        return None
