"""Check every connection of the connections file, each hour. Copy this file, and add your notifier to ``ALERTS``.

Task ``doctor`` checks and tells: the asset page of each connection (``osiris://mysql/default``) has its history, and a
DAG with ``schedule=Asset("osiris://mysql/default/recovered")`` runs when it has come back. The people
on call get one message when a connection becomes unhealthy, and not each hour. That task does not fail, because Airflow
sends no events of a task that fails; task ``all_healthy`` does, and names what is unhealthy.
"""

import logging
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, TaskGroup, task

from osiris_provider.operators.doctor import OsirisDoctorOperator

log = logging.getLogger(__name__)

# Airflow's load_examples has the original beside your copy: of two DAGs with one id it takes either, time and again.
DAG_ID = "example_osiris_health" if Path(__file__).parent.name == "example_dags" else "osiris_health"


def alert(context: Any) -> None:
    """Say what has become unhealthy, is healthy again, or expires soon."""
    for report in context["newly_unhealthy"]:
        log.error("%s has become unhealthy: %s", report["reference"], report["message"])
    for report in context["recovered"]:
        log.warning("%s is healthy again", report["reference"])
    for expiry in context["newly_expiring"]:
        log.warning("%s: %s", expiry["reference"], expiry["message"])


ALERTS = [alert]
"""A notifier of Airflow is called too: ``SlackNotifier``, ``PagerdutyNotifier``, ``SmtpNotifier`` and others."""

with (
    DAG(
        DAG_ID,
        description="Are all connections healthy?",
        schedule="@hourly",
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(minutes=30),
        default_args={"owner": "data-platform", "execution_timeout": timedelta(minutes=10)},
        doc_md=__doc__,
        tags=["osiris"],
    ),
    TaskGroup("connections", prefix_group_id=False, tooltip="All of osiris_connections.yaml"),
):
    doctor = OsirisDoctorOperator(
        task_id="doctor",
        fail_on_unhealthy=False,
        on_unhealthy=ALERTS,
        on_recovered=ALERTS,
        on_expiring=ALERTS,
        doc_md="Checks all connections at once and sends an event for each. Its XCom is the list of reports.",
    )

    @task(retries=0, doc_md="Fails if a connection is not healthy. The message says which, and what to do.")
    def all_healthy(reports: Any) -> None:
        """Fail if a connection is not healthy."""
        # Of a connection that cannot be tested nothing is known, neither good nor bad.
        sick = [one for one in reports if not one["ok"] and one["details"]["fault"] != "untestable"]
        if sick:
            raise RuntimeError("\n".join(f"@{one['family']}.{one['alias']}: {one['message']}" for one in sick))

    all_healthy(doctor.output)
