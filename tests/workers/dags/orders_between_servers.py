"""The example pipeline, MySQL to PostgreSQL, with a table that takes a while and retries that do not."""

from datetime import timedelta

from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

with DAG("orders_between_servers", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):
    extract = OsirisOperator(
        task_id="extract",
        driver="mysql.extractor",
        config={"connection": "@mysql.default", "query": "SELECT * FROM orders"},
    )
    OsirisOperator(
        task_id="write",
        driver="postgres.writer",
        config={
            "connection": "@postgres.default",
            "table": "orders",
            "write_mode": "append",
            "create_if_missing": True,
        },
        inputs={"orders": extract.output},
    )
