"""Tells this package of each task that starts, so that a kill ends what the task does with it, by whatever means."""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from osiris_provider.hooks.kill import stop_with


@hookimpl
def on_task_instance_running(task_instance: Any) -> None:
    """Have the servers stop when the task is killed.

    Code of users (``@task``) may work with the clients of connectors, and then no hook and no operator of this package
    is there to do it. Airflow calls this in the process of the task, before the task is executed.

    :param task_instance: that is about to run.
    """
    stop_with(getattr(task_instance, "task", None))
