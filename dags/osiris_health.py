"""Check every connection of the connections file, each hour.

The task's result is the list of reports; it fails and names the connections that are not well. Copy this file as it is.
"""

from datetime import datetime, timezone

from airflow.sdk import DAG

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
    OsirisDoctorOperator(task_id="doctor")
