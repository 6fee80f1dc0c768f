"""Run one DAG with one endless extraction in this process: ``python -m tests.airflow.killable FAMILY QUERY``."""

from __future__ import annotations

import sys

from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.versions import store_dag

if __name__ == "__main__":
    _, family, query = sys.argv
    with DAG(f"endless_{family}", schedule=None) as dag:
        OsirisOperator(
            task_id="extract",
            driver=f"{family}.extractor",
            config={"connection": f"@{family}.default", "query": query},
        )
    store_dag(dag)
    dag.test()
