"""Check every connection of the connections file, each hour. Copy this file as it is.

Task ``doctor`` checks and tells: the asset page of each connection (``osiris://mysql/default``) has its history, and a
DAG with ``schedule=Asset("osiris://mysql/default/recovered")`` runs when it has come back. That task does not fail,
because Airflow sends no events of a task that fails; task ``all_healthy`` does, and names what is not well.
"""

from datetime import datetime, timezone
from typing import Any

from airflow.sdk import DAG, task

from osiris_provider.operators.doctor import OsirisDoctorOperator

with DAG(
    "osiris_health",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["osiris"],
):
    doctor = OsirisDoctorOperator(task_id="doctor", fail_on_unhealthy=False)

    @task(retries=0)
    def all_healthy(reports: Any) -> None:
        """Fail if a connection is not well."""
        sick = [f"@{report['family']}.{report['alias']}: {report['message']}" for report in reports if not report["ok"]]
        if sick:
            raise RuntimeError("\n".join(sick))

    all_healthy(doctor.output)
