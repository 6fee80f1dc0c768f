"""A pipeline whose first step asks for a table that is not there."""

from __future__ import annotations

from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

with DAG("orders", schedule=None):
    OsirisOperator(
        task_id="extract",
        driver="mysql.extractor",
        config={"connection": "@mysql.orders", "query": "SELECT id, customer, amount FROM ordres"},
    )
