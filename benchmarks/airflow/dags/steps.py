"""Steps of 1,000 rows beside tasks that do nothing, one after the other: ``python -m benchmarks.airflow.steps``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

DB = {"connection": "@postgres.db"}


def nothing() -> None:
    """Do nothing."""


def note(context: Any) -> None:
    """Write down what the process of the task has used; it began when the task did."""
    times = os.times()
    line = {"task": context["ti"].task_id, "cpu": times.user + times.system}
    with Path(os.environ["STEPS_FILE"]).open("a") as lines:
        lines.write(json.dumps(line) + "\n")


with DAG("steps", schedule=None, default_args={"on_success_callback": note}) as dag:
    before: Any = None
    for number in range(int(os.environ["STEPS_ROUNDS"])):
        empty = PythonOperator(task_id=f"empty_{number}", python_callable=nothing)
        read = OsirisOperator(task_id=f"read_{number}", driver="postgres.extractor", config={**DB, "table": "bench"})
        write = OsirisOperator(
            task_id=f"write_{number}",
            driver="postgres.writer",
            inputs=[f"read_{number}"],
            config={**DB, "table": "bench_copy"},
        )
        if before is not None:
            before >> empty
        empty >> read >> write
        before = write
