"""A task a mode, each killed after its first commit."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

with DAG("killed", schedule=None):
    numbers = OsirisOperator(task_id="numbers", driver="tests.airflow.drivers:Numbers", config={"count": 1000})
    for mode in ("append", "replace", "upsert"):
        config = {"connection": "@postgres.default", "table": mode, "write_mode": mode, "primary_key": ["n"]}
        OsirisOperator(
            task_id=mode,
            driver="tests.kills.driver:KilledAfterCommit",
            config={**config, "primary_key": [] if mode == "append" else ["n"], "create_if_missing": True},
            inputs={"numbers": numbers.output},
            retries=1,
            retry_delay=timedelta(0),
        )
