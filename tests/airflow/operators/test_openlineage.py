"""OpenLineage: a real task run with its provider, which writes events to a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import duckdb
import pytest
import yaml

from tests.architecture.source import ROOT
from tests.conftest import python_path

# An Airflow of its own has to start.
CANARY = "c4n4ry-s3cret"
PIPELINE = f"""
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator
from tests.airflow.dag_runs import run_to_the_end
from tests.airflow.versions import store_dag

with DAG("lineage", schedule=None) as dag:
    orders = OsirisOperator(
        task_id="orders", driver="duckdb.extractor", config={{"connection": "@duckdb.shop", "table": "orders"}}
    )
    joined = OsirisOperator(
        task_id="joined",
        driver="duckdb.extractor",
        config={{
            "connection": "@duckdb.shop",
            "query": "SELECT o.id, '{CANARY}' AS x FROM orders o JOIN other.items USING (id)",
        }},
    )
    OsirisOperator(
        task_id="load",
        driver="duckdb.writer",
        config={{"connection": "@duckdb.shop", "table": "copies", "create_if_missing": True}},
        inputs={{"orders": orders.output}},
    )

if __name__ == "__main__":
    store_dag(dag)
    assert run_to_the_end(dag, 240).state == "success"
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory, airflow_database: None) -> dict[str, dict[str, Any]]:
    """The last event of each task of a pipeline."""
    del airflow_database
    folder = tmp_path_factory.mktemp("lineage")
    with duckdb.connect(folder / "shop.duckdb") as connection:
        connection.execute("CREATE TABLE orders (id BIGINT, amount DECIMAL(10, 2)); INSERT INTO orders VALUES (1, 2)")
        connection.execute("CREATE SCHEMA other; CREATE TABLE other.items AS SELECT 1 AS id")
    connections = {"duckdb": {"shop": {"path": str(folder / "shop.duckdb"), "password": CANARY}}}
    (folder / "osiris_connections.yaml").write_text(yaml.safe_dump({"version": 1, "connections": connections}))
    (folder / "pipeline.py").write_text(PIPELINE)
    transport = {"type": "file", "log_file_path": str(folder / "events"), "append": True}
    environment = {
        **os.environ,
        "OSIRIS_HOME": str(folder),
        "PYTHONPATH": python_path(ROOT),
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OSIRIS__STAGING_URL": (folder / "staging").as_uri(),
    }
    command = [sys.executable, str(folder / "pipeline.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "events").read_text()
    assert CANARY not in text
    actual = [json.loads(line) for line in text.splitlines()]
    return {event["job"]["name"]: event for event in actual if event["eventType"] == "COMPLETE"} | {
        "folder": {"path": str(folder)}
    }


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in datasets]


def columns(dataset: dict[str, Any]) -> list[tuple[str, str]]:
    return [(field["name"], field["type"]) for field in dataset["facets"]["schema"]["fields"]]


ORDERS = [("id", "int64"), ("amount", "decimal128(10, 2)")]


def test_an_extraction_has_its_table_and_its_staged_result(events: dict[str, dict[str, Any]]) -> None:
    event, folder = events["lineage.orders"], events["folder"]["path"]
    assert names(event["inputs"]) == [(f"duckdb://{folder}/shop.duckdb", "shop.main.orders")]
    [(namespace, name)] = names(event["outputs"])
    assert namespace == "file"
    assert name.startswith(f"{folder}/staging/lineage/")
    assert columns(event["inputs"][0]) == columns(event["outputs"][0]) == ORDERS
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_a_query_has_the_tables_that_it_reads(events: dict[str, dict[str, Any]]) -> None:
    event = events["lineage.joined"]
    assert sorted(name for _, name in names(event["inputs"])) == ["shop.main.orders", "shop.other.items"]
    assert "JOIN other.items" in event["job"]["facets"]["sql"]["query"]
    # Which of its columns are of which table is not known.
    assert [one for one in event["inputs"] if "schema" in one.get("facets", {})] == []
    assert [name for name, _ in columns(event["outputs"][0])] == ["id", "x"]


def test_a_load_has_its_staged_input_and_its_table(events: dict[str, dict[str, Any]]) -> None:
    event, before = events["lineage.load"], events["lineage.orders"]
    assert names(event["inputs"]) == names(before["outputs"])
    [output] = event["outputs"]
    assert output["name"] == "shop.main.copies"
    assert columns(output) == ORDERS
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1
