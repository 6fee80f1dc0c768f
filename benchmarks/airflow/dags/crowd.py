"""Tasks that wait in the triggerer, and one that measures it: ``python -m benchmarks.airflow.triggers checks``."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import BaseTrigger
from benchmarks.airflow.lag import LagTrigger
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

NEVER = datetime(2100, 1, 1, tzinfo=timezone.utc)


class Deferring(BaseOperator):
    """Waits for a trigger.

    :param waits_for: the trigger.
    """

    def __init__(self, *, waits_for: BaseTrigger, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.waits_for = waits_for

    def execute(self, context: Any) -> None:  # noqa: ARG002 - Airflow calls it by name
        """Defer at once."""
        self.defer(trigger=self.waits_for, method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> None:
        """Take no notice."""


with DAG("crowd", schedule=None, max_active_tasks=10_000):
    Deferring(task_id="lag", waits_for=LagTrigger())  # type: ignore[no-untyped-call] # Airflow's is not typed
    for number in range(int(os.environ["CROWD"])):
        if os.environ["CROWD_OF"] == "checks":
            OsirisHealthcheckSensor(
                task_id=f"wait_{number}", connection=f"@mysql.c{number}", poke_interval=5, deferrable=True
            )
        else:
            Deferring(task_id=f"wait_{number}", waits_for=DateTimeTrigger(NEVER))
