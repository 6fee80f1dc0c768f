"""Copy the result of a query from MySQL to PostgreSQL: here, an inventory of MySQL's tables.

It needs the connections ``@mysql.default`` and ``@postgres.default``, which ``docker compose up`` has.
"""

from airflow.sdk import DAG

from osiris_provider.operators.osiris import OsirisOperator

with DAG(
    "example_osiris_mysql_to_postgres",
    schedule=None,
    default_args={"retries": 2},
    doc_md=__doc__,
    tags=["osiris"],
):
    extract = OsirisOperator(
        task_id="extract",
        driver="mysql.extractor",
        config={
            "connection": "@mysql.default",
            "query": "SELECT table_schema AS owner, table_name AS name, create_time FROM information_schema.tables",
        },
    )
    OsirisOperator(
        task_id="write",
        driver="postgres.writer",
        config={
            "connection": "@postgres.default",
            "table": "mysql_tables",
            "write_mode": "replace",
            "create_if_missing": True,
        },
        inputs={"tables": extract.output},
    )
