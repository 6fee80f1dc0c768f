"""The steps of a pipeline as tasks, for ``scripts/bench transfers``."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator


def note(context: Any) -> None:
    """Write down what the process of the task has used; it began when the task did."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    line = {"run": context["run_id"], "cpu": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}
    with Path(os.environ["TRANSFER_NOTES"]).open("a") as lines:
        lines.write(json.dumps(line) + "\n")


with DAG("transfer", schedule=None, default_args={"on_success_callback": note}) as dag:
    before: Any = None
    # Written as JSON, which is YAML.
    for step in json.loads(Path(os.environ["TRANSFER_PIPELINE"]).read_text())["steps"]:
        task = OsirisOperator(
            task_id=step["id"], driver=step["driver"], config=step["config"], inputs=step.get("inputs")
        )
        if before is not None:
            before >> task
        before = task
