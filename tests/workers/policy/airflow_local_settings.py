"""A cluster policy: the two tasks of the example that is shipped go to different workers."""

from typing import Any

QUEUES = {"extract": "one", "write": "two"}


def task_policy(task: Any) -> None:
    """Choose the queue of a task."""
    if task.dag_id == "example_osiris_mysql_to_postgres":
        task.queue = QUEUES[task.task_id]
