"""Check a connection that is healthy at times."""

from __future__ import annotations

from airflow.sdk import DAG
from osiris_provider.operators.doctor import OsirisDoctorOperator

with DAG("health", schedule=None, is_paused_upon_creation=False, max_active_runs=1):
    OsirisDoctorOperator(task_id="doctor", connections=["@duckdb.fickle"], fail_on_unhealthy=False)
