"""What runs the DAGs of these tests comes to an end, and leaves nothing to the next one."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from airflow.sdk import DAG, task

from tests.airflow.conftest import RunDag
from tests.airflow.dag_runs import UnfinishedRunError


def test_a_task_that_waits_for_its_retry_ends_the_test_and_says_so(run_dag: RunDag) -> None:
    with DAG("up_for_retry", schedule=None) as dag:

        @task(retries=1, retry_delay=timedelta(hours=1))
        def fails() -> None:
            message = "It is down."
            raise RuntimeError(message)

        fails()
    with pytest.raises(UnfinishedRunError, match=r"'fails': 'up_for_retry'"):
        run_dag(dag, deadline=1)


def test_a_run_leaves_no_variables_of_its_tasks(run_dag: RunDag) -> None:
    with DAG("no_variables", schedule=None) as dag:

        @task
        def named() -> list[str]:
            return [os.environ["AIRFLOW_CTX_TASK_ID"]]

        named()
    assert run_dag(dag).xcom("named") == ["named"]
    assert not [name for name in os.environ if name.startswith("AIRFLOW_CTX_")]
