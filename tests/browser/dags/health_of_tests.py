"""DAGs of the tests of a running Airflow."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseNotifier, task
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor


class FileNotifier(BaseNotifier):
    """Writes its text into a file beside the connections file."""

    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:  # noqa: ARG002 - the text has been rendered with it
        """Write."""
        Path(os.environ["OSIRIS_HOME"], "notified.txt").write_text(self.text)


RECOVERED = Asset("osiris://mysql/shop/recovered")

with DAG("catch_up", schedule=RECOVERED):

    @task
    def what_came_back(triggering_asset_events: Any = None) -> list[Any]:
        """Return the extras of the events that started this run."""
        return [dict(event.extra) for event in triggering_asset_events[RECOVERED]]

    what_came_back()

with DAG("alerts", schedule=None):
    OsirisDoctorOperator(
        task_id="doctor",
        connections=["@mysql.shop", "@duckdb.main"],
        remind_after=1,
        on_unhealthy=FileNotifier("{% for one in unhealthy %}{{ one.alias }} {{ one.category }};{% endfor %}"),
    )

with DAG("waiting", schedule=None):
    for name, soft_fail in (("well", False), ("wrong", False), ("soft", True)):
        OsirisHealthcheckSensor(
            task_id=f"wait_{name}",
            connection=f"@mysql.{name}",
            deferrable=True,
            poke_interval=1,
            timeout=300,
            retries=2,
            retry_delay=timedelta(seconds=1),
            soft_fail=soft_fail,
        )
    OsirisDoctorOperator(task_id="doctor", connections="@duckdb.main", deferrable=True)
