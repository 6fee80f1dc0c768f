"""A DAG whose tasks all wait in the triggerer from the start, without a worker: ``python -m benchmarks.triggers``."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs


class Waiting(BaseOperator):
    """Waits for a connection to be well.

    :param connection: reference to it.
    """

    start_from_trigger = True

    def __init__(self, *, connection: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection = connection
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="osiris_provider.triggers.doctor.OsirisDoctorTrigger",
            trigger_kwargs={"connections": [connection], "poke_interval": 5.0},
            next_method="execute_complete",
        )

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Take no notice."""


with DAG("crowd", schedule=None, max_active_tasks=10_000):
    for number in range(int(os.environ["CROWD"])):
        Waiting(task_id=f"wait_{number}", connection=f"@mysql.c{number}")
