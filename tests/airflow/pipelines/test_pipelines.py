"""Pipelines as DAGs and as groups of tasks: what reaches Airflow, and how they run."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Asset, BaseOperator
from airflow.sdk.definitions.asset import AssetUniqueKey
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider._airflow.assets import table_asset
from osiris_provider.airflow_dags import OsirisDag, OsirisTaskGroup
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.errors import PipelineConfigError
from osiris_provider.pipelines.pipeline import load_pipeline
from osiris_provider.pipelines.run import Run, RunOptions
from osiris_provider.pipelines.settings import asset_uri

from tests.airflow.conftest import RunDag
from tests.airflow.versions import DagSerialization
from tests.integration.pipelines.test_run import Folder, eight_steps, stored_rows
from tests.servers import Address
from tests.unit.pipeline_files import ORDERS, SQL, write_pipeline

CANARY = "c4n4ry-p4ssword"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return Folder(tmp_path)


OPTIONS = """\
schedule: {after: ["@postgres.reports/by_country", "@mysql/orders"]}
description: All of it
start_date: 2026-01-01
end_date: 2027-01-01
catchup: false
max_active_runs: 3
tags: [sales]
retries: 2
retry_delay: 5m
pool: small
params: {least: {default: 1, type: integer, description: The least}}
airflow: {dagrun_timeout: 2h, default_args: {queue: slow}}
steps:
  - id: one
    driver: duckdb.processor
    config: {query: "SELECT 1 AS n"}
    timeout: 10m
    doc: First
    retries: 7
    airflow: {priority_weight: 5, queue: fast}
  - id: two
    driver: duckdb.processor
    needs: [one]
    trigger_rule: all_done
    config: {query: "SELECT 2 AS n"}
"""


def test_what_the_file_says_reaches_airflow(tmp_path: Path) -> None:
    dag: Any = OsirisDag(write_pipeline(tmp_path, OPTIONS), tags=["mine"])
    one, two = dag.get_task("one"), dag.get_task("two")
    assert (one.retries, two.retries, one.retry_delay.total_seconds()) == (7, 2, 300)
    assert (one.execution_timeout.total_seconds(), one.doc_md, one.priority_weight) == (600, "First", 5)
    assert (one.queue, two.queue, one.pool, two.trigger_rule) == ("fast", "slow", "small", "all_done")
    assert two.upstream_task_ids == {"one"}
    assert (dag.description, dag.max_active_runs, dag.catchup, dag.tags) == ("All of it", 3, False, {"mine"})
    assert dag.dagrun_timeout.total_seconds() == 7200
    assert [f"{date:%Y-%m-%d}" for date in (dag.start_date, dag.end_date)] == ["2026-01-01", "2027-01-01"]
    least = dag.params.get_param("least")
    assert (least.value, least.schema["type"], least.description) == (1, "integer", "The least")
    serialized = json.dumps(DagSerialization.to_dict(dag))
    for uri in ("osiris://postgres/reports/by_country", "osiris://mysql/default/orders"):
        assert uri in serialized


def test_arguments_of_a_dag_win_over_what_the_file_says(tmp_path: Path) -> None:
    dag: Any = OsirisDag(write_pipeline(tmp_path, OPTIONS), dag_id="mine", default_args={"queue": "mine"})
    two = dag.get_task("two")
    assert (dag.dag_id, two.queue, two.pool, two.retries) == ("mine", "mine", "small", 2)


def test_params_of_a_dag_leave_those_of_the_file(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, OPTIONS)
    assert OsirisDag(path, params={"env": "prod"}).params.dump() == {"least": 1, "env": "prod"}
    assert OsirisDag(path, params={"least": 5}).params.dump() == {"least": 5}
    assert OsirisDag(path, params=None).params.get_param("least").schema["type"] == "integer"


def test_what_the_file_says_reaches_a_group_of_any_dag(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, OPTIONS)
    with DAG("any", schedule=None, params={"least": 7}):
        given = OsirisTaskGroup(path, "given", tooltip="Mine", default_args={"queue": "mine"})
    with DAG("other", schedule=None):
        plain = OsirisTaskGroup(path)
    assert [(group.group_id, group.tooltip) for group in (given, plain)] == [
        ("given", "Mine"),
        (path.stem, "All of it"),
    ]
    tasks: list[Any] = [group.children[f"{group.group_id}.two"] for group in (given, plain)]
    assert [(task.queue, task.pool, task.retries) for task in tasks] == [("mine", "small", 2), ("slow", "small", 2)]
    # The parameter of the DAG is the one that its users fill in.
    assert [task.params.get("least") for task in tasks] == [7, 1]


def test_the_docs_have_the_yaml_and_the_graph(tmp_path: Path) -> None:
    text = OsirisDag(write_pipeline(tmp_path)).doc_md or ""
    assert ORDERS.strip() in text
    assert "store       postgres.writer  ← by_country" in text


def version_of(path: Path) -> str:
    from airflow.models.serialized_dag import SerializedDagModel

    digest: Any = SerializedDagModel.hash
    return str(digest(DagSerialization.to_dict(OsirisDag(path))))


def test_each_byte_of_yaml_and_sql_makes_a_version_and_parsing_again_makes_none(tmp_path: Path) -> None:
    long = SQL.replace("country", "country " + " " * 5_000, 1)
    first = version_of(write_pipeline(tmp_path, orders_by_country=long))
    assert version_of(write_pipeline(tmp_path, orders_by_country=long)) == first
    assert version_of(write_pipeline(tmp_path, orders_by_country=long + " ")) != first
    assert version_of(write_pipeline(tmp_path, ORDERS + "\n", orders_by_country=long)) != first


@given(alias=st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True), table=st.text(min_size=1, max_size=60))
def test_assets_are_those_that_airflow_would_make_of_their_uris(alias: str, table: str) -> None:
    uri = asset_uri(ConnectionRef("postgres", alias), table)
    ours, plain = table_asset(uri), Asset(uri)
    assert (ours, ours.name, ours.uri, ours.group) == (plain, uri, uri, plain.group)
    assert AssetUniqueKey.from_asset(ours) == AssetUniqueKey.from_asset(plain)
    tasks = []
    for asset in (ours, plain):
        with DAG("one", schedule=[asset]) as dag:
            BaseOperator(task_id="a", outlets=[asset])
        tasks.append(DagSerialization.to_dict(dag))
    assert tasks[0] == tasks[1]


def test_scheduler_and_run_agree_row_for_row(
    folder: Folder, run_dag: RunDag, mysql_database: Address, postgres_database: Address
) -> None:
    eight_steps(folder, mysql_database, postgres_database, 1_000)
    run = run_dag(OsirisDag(folder.pipeline))
    assert run.state == "success"
    as_dag = stored_rows(folder, mysql_database, postgres_database)
    outcomes = Run(load_pipeline(folder.pipeline), RunOptions()).execute().outcomes
    assert stored_rows(folder, mysql_database, postgres_database) == as_dag
    assert {
        name: outcome.rows for name, outcome in outcomes.items() if outcome.step.startswith(("or", "na", "by"))
    } == {name: run.xcom(name)["rows"] for name in ("orders", "named", "by_country")}


def test_params_and_templates_are_filled_in_when_the_task_runs(folder: Folder, run_dag: RunDag) -> None:
    text = """\
    params: {least: {default: 5, type: integer}}
    steps:
      - {id: orders, driver: filesystem.csv_extractor, config: {path: "FOLDER/orders.csv"}}
      - id: dear
        driver: duckdb.processor
        config:
          params: ["${params.least}"]
          query: "SELECT '{{ params.least }}' AS t, * FROM orders WHERE price > ?"
      - {id: store, driver: duckdb.writer, config: {connection: "@duckdb.shop", table: by_country, write_mode: replace}}
    """
    folder.write(text)
    assert run_dag(OsirisDag(folder.pipeline), run_conf={"least": 15}).state == "success"
    assert folder.stored("SELECT t, id FROM by_country ORDER BY id") == [("15", 2), ("15", 3)]


def test_a_run_and_a_dag_have_the_same_names_and_day_wherever_the_time_is_from(folder: Folder, run_dag: RunDag) -> None:
    text = """\
    steps:
      - id: day
        driver: duckdb.processor
        config: {query: "SELECT '{{ ds }} {{ ts }} {{ dag.dag_id }} {{ dag_run.run_after | ds | length }}' AS t"}
      - {id: store, driver: duckdb.writer, config: {connection: "@duckdb.shop", table: by_country, write_mode: replace}}
    """
    folder.write(text)
    at = datetime.fromisoformat("2026-01-02T00:30:00+02:00")
    assert run_dag(OsirisDag(folder.pipeline), logical_date=at).state == "success"
    [[of_airflow]] = folder.stored("SELECT t FROM by_country")
    with Run(load_pipeline(folder.pipeline), RunOptions(at=at, write=False)).execute() as result:
        [of_run] = result["day"]["t"].to_pylist()
    assert (of_airflow, of_run) == ("2026-01-01 2026-01-01T22:30:00+00:00 orders 10",) * 2


def test_a_text_that_ends_with_sql_is_no_file(folder: Folder, run_dag: RunDag) -> None:
    text = """\
    steps:
      - {id: query, driver: duckdb.processor, config: {query: query.sql}}
      - {id: store, driver: filesystem.csv_writer, config: {path: "FOLDER/{{ dag.dag_id }}.sql"}}
    """
    folder.write(text)
    (folder.pipeline.parent / "query.sql").write_text("SELECT 1 AS n -- as in orders.sql")
    assert run_dag(OsirisDag(folder.pipeline)).state == "success"
    assert (folder.path / f"{folder.pipeline.stem}.sql").read_text().splitlines()[1:] == ["1"]


def test_a_task_group_runs_in_any_dag(folder: Folder, run_dag: RunDag) -> None:
    with DAG("around", schedule=None) as dag:
        OsirisTaskGroup(folder.pipeline, "sales")
    assert sorted(dag.task_ids) == ["sales.by_country", "sales.dear", "sales.orders", "sales.store"]
    assert run_dag(dag, logical_date=datetime(2026, 1, 2, tzinfo=timezone.utc)).state == "success"
    assert folder.stored() == [("CZ", 30.0), ("SK", 20.0)]


def test_a_task_group_says_what_airflow_does_not_take_of_it(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, name="orders.v2.yaml")
    with DAG("whole", schedule=None):
        with pytest.raises(PipelineConfigError, match=r"orders\.v2\.yaml:1: Airflow does not take .*'orders\.v2'"):
            OsirisTaskGroup(path)
        assert OsirisTaskGroup(path, group_id="orders").group_id == "orders"


def test_a_task_group_of_a_scheduled_dag_has_a_value_for_each_param(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, "params:\n  p: {type: string}\nsteps:" + ORDERS.partition("steps:")[2])
    wanted = "orders.yaml:2: param p needs a default, or a value in the DAG's params, because the DAG has a schedule"
    with DAG("daily", schedule="@daily"), pytest.raises(PipelineConfigError, match=wanted):
        OsirisTaskGroup(path)
    with DAG("given", schedule="@daily", params={"p": "x"}) as given:
        OsirisTaskGroup(path)
    with DAG("by_hand", schedule=None) as by_hand:
        OsirisTaskGroup(path)
    assert sorted(given.task_ids) == sorted(by_hand.task_ids) == ["orders.by_country", "orders.orders", "orders.store"]


def test_oml_runs_as_a_dag(folder: Folder, run_dag: RunDag) -> None:
    from tests.integration.pipelines.test_run import OML

    folder.write(OML)
    run = run_dag(OsirisDag(folder.pipeline))
    assert run.state == "success"
    assert (folder.path / "dear.csv").read_text().splitlines()[1:] == ['2,"SK",20', '3,"CZ",30'] or run.xcom("store")[
        "rows_written"
    ] == 2


def test_no_secret_is_in_dag_docs_or_rendered_fields(
    folder: Folder, run_dag: RunDag, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    folder.connections(
        {
            "duckdb": {"shop": {"path": str(folder.path / "shop.duckdb")}},
            "postgres": {
                "reports": {"host": "127.0.0.1", "port": 1, "database": "x", "user": "x", "password": "${CANARY}"}
            },
        }
    )
    folder.write(
        """\
        steps:
          - {id: read, driver: postgres.extractor, config: {connection: "@postgres.reports", table: orders}}
          - {id: store, driver: duckdb.writer, config: {connection: "@duckdb.shop", table: t, write_mode: replace}}
        """
    )
    dag = OsirisDag(folder.pipeline)
    run = run_dag(dag)
    assert run.state == "failed"
    shown = "".join(
        [run.serialized, dag.doc_md or "", run.rendered(), json.dumps(list(run.xcoms())), *capfd.readouterr()]
    )
    assert CANARY not in shown


def test_the_escape_hatch_has_only_arguments_that_airflow_knows() -> None:
    import inspect

    from airflow.sdk import BaseOperator
    from osiris_provider.pipelines.model import AirflowDag, AirflowTask

    assert set(AirflowTask.model_fields) <= set(inspect.signature(BaseOperator.__init__).parameters)
    assert set(AirflowDag.model_fields) <= set(inspect.signature(DAG.__init__).parameters)
