"""Read what is new of a table; fail after it as long as there is a file ``fail``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task
from osiris_provider.operators.osiris import OsirisOperator

with DAG("marks", schedule=None, is_paused_upon_creation=False, max_active_runs=1):
    read = OsirisOperator(
        task_id="read",
        driver="duckdb.extractor",
        config={"connection": "@duckdb.shop", "table": "orders", "incremental": {"column": "id"}},
    )

    @task
    def gate(actual: Any) -> int:
        """Let the run succeed, or not."""
        if (Path(os.environ["OSIRIS_HOME"]) / "fail").exists():
            message = "told to fail"
            raise RuntimeError(message)
        return int(actual["rows"])

    gate(read.output)
