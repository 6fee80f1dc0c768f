"""Everything that a task can do with a connection, also what it should not."""

from __future__ import annotations

import json
import logging
import os
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import yaml
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, task
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

FILE = yaml.safe_load(Path(os.environ["OSIRIS_HOME"], "osiris_connections.yaml").read_text(encoding="utf-8"))
IDS = [f"{family}.{alias}" for family, aliases in FILE["connections"].items() for alias in aliases]
REFERENCES = [f"@{name}" for name in IDS if not name.startswith("airflow.")]
IDS_OF_HOOKS = [f"@{name}" for name in IDS if name.startswith("airflow.")]
log = logging.getLogger("careless")

with DAG("checks", schedule=None):
    OsirisDoctorOperator(task_id="doctor", check_timeout=5)
    OsirisDoctorOperator(task_id="deferred", check_timeout=5, deferrable=True)
    waits: dict[str, Any] = {"check_timeout": 5, "timeout": 2, "poke_interval": 0.5, "retries": 0}
    OsirisHealthcheckSensor.partial(task_id="sensor", **waits).expand(
        connection=["@mysql.wrong", "@postgres.down", "@airflow.fails_with_dsn"]
    )
    OsirisHealthcheckSensor.partial(task_id="waits", deferrable=True, **waits).expand(
        connection=["@postgres.wrong", "@mysql.down", "@airflow.fails_with_token_url"]
    )
    # Airflow keeps no events of a task that fails.
    reports: dict[str, Any] = {"connections": [*IDS_OF_HOOKS, "stored_mail"], "check_timeout": 30}
    reports["fail_on_unhealthy"] = False
    OsirisDoctorOperator(task_id="hooks", **reports)
    OsirisDoctorOperator(task_id="hooks_deferred", deferrable=True, **reports)

with DAG("steps", schedule=None):
    for driver, queries in {
        "mysql.extractor": {"main": "SELECT 1 AS one", "wrong": "SELECT 1"},
        "postgres.extractor": {"main": "SELECT 1 AS one", "dsn": "SELECT no_such_column", "down": "SELECT 1"},
    }.items():
        family = driver.partition(".")[0]
        for alias, query in queries.items():
            config = {"connection": f"@{family}.{alias}", "query": query}
            OsirisOperator(task_id=f"{family}_{alias}", driver=driver, config=config)
    OsirisOperator.partial(task_id="careless_driver", driver="tests.airflow.drivers.Leaks").expand(
        config=[{"connection": name} for name in REFERENCES if "duckdb" not in name]
    )

with DAG("others", schedule=None):
    SQLExecuteQueryOperator(task_id="sql", conn_id="osiris_postgres_main", sql="SELECT 1")
    SQLExecuteQueryOperator(task_id="sql_wrong", conn_id="osiris_postgres_wrong", sql="SELECT 1")
    HttpOperator(task_id="http", http_conn_id="osiris_api_main", method="GET", endpoint="me", log_response=True)
    HttpOperator(task_id="http_down", http_conn_id="osiris_api_down", method="GET", endpoint="me")

with DAG("careless", schedule=None):

    @task
    def careless_logs(name: str) -> None:
        """Log all of a connection, in the forms that libraries log them."""
        connection = BaseHook.get_connection(name)
        secrets = [connection.password or "", *map(str, connection.extra_dejson.values())]
        log.warning("%s %r %s", connection, connection, connection.extra)
        for secret in secrets:
            for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret), shlex.quote(secret)):
                log.warning("%s", quoted)
            log.warning("%s %r %a %s", secret, secret, secret, json.dumps([secret]))
            log.warning("SELECT '%s'", secret.replace("'", "''"))
            print(f"IDENTIFIED BY '{secret}'")  # noqa: T201 - as people do

    careless_logs.expand(name=["osiris_mysql_main", "osiris_postgres_main", "osiris_api_main", "osiris_mysql_down"])

    @task
    def careless_uri() -> None:
        """Log a URI, and fail with it."""
        uri = PostgresHook("osiris_postgres_main").get_uri()
        log.warning("connecting to %s", uri)
        raise ValueError(uri)

    careless_uri()
