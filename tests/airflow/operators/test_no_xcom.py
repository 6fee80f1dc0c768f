"""``do_xcom_push=False``: nothing goes to XCom, and what can only be found through it is no silent loss."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.airflow_dags import OsirisDag
from osiris_provider.errors import DriverConfigError, PipelineConfigError
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.drivers import Chunks, Echo, LoadId, Numbers, Sum

NO_XCOM: dict[str, Any] = {"do_xcom_push": False, "retries": 2, "retry_delay": timedelta(0)}
HAS_NONE = r"has do_xcom_push=False, so that it leaves no result"


class Figures(Numbers):
    """Returns figures, and logs some."""

    def run(self, **arguments: Any) -> dict[str, Any]:
        super().run(**arguments)
        return {"rows_written": 3}


def test_nothing_of_a_step_goes_to_xcom(run_dag: RunDag) -> None:
    with DAG("no_xcom", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=Figures, config={"count": 3}, **NO_XCOM)
    run = run_dag(dag)
    assert (run.state, list(run.xcoms())) == ("success", [])


@pytest.mark.parametrize("driver", [Numbers, Chunks])
def test_data_that_no_task_could_find_is_an_error(
    run_dag: RunDag, staging_of_its_own: Path, capfd: pytest.CaptureFixture[str], driver: type[Any]
) -> None:
    with DAG("lost_data", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=driver, config={"count": 3}, **NO_XCOM)
    run = run_dag(dag)
    assert (run.state, run.tries["step"], list(run.xcoms())) == ("failed", 1, [])
    assert "Step step: do_xcom_push=False, but the driver returns data" in capfd.readouterr().out
    assert not list(staging_of_its_own.rglob("*.parquet"))


@pytest.mark.parametrize("mapped", [False, True])
def test_an_input_that_leaves_no_result_is_an_error_of_the_dag(mapped: bool) -> None:
    with DAG("no_source", schedule=None):
        source: Any
        if mapped:
            source = OsirisOperator.partial(task_id="numbers", driver=Echo, **NO_XCOM).expand(config=[{}])
        else:
            source = OsirisOperator(task_id="numbers", driver=Echo, config={}, **NO_XCOM)
        with pytest.raises(DriverConfigError, match=f"Step total: its input, task 'numbers', {HAS_NONE}") as raised:
            OsirisOperator(task_id="total", driver=Sum, config={}, inputs={"numbers": source.output})
        assert raised.value.step == "total"
        # Another key of XCom is the business of the task that pushes it.
        OsirisOperator(task_id="other", driver=Sum, config={}, inputs={"numbers": source.output["other"]})


def test_an_input_by_task_id_that_leaves_no_result_is_named(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> None:
    with DAG("no_source_by_id", schedule=None) as dag:
        step = OsirisOperator(task_id="numbers", driver=LoadId, config={}, **NO_XCOM)
        step >> OsirisOperator(task_id="total", driver=Sum, config={}, inputs="numbers")
    assert run_dag(dag).states == {"numbers": "success", "total": "failed"}
    assert "its input, task 'numbers', has do_xcom_push=False" in capfd.readouterr().out


def test_a_pipeline_whose_steps_leave_no_result_is_no_dag(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(
        "steps:\n"
        "- {id: read, driver: filesystem.csv_extractor, config: {path: /tmp/a.csv}}\n"
        "- {id: write, driver: filesystem.csv_writer, config: {path: /tmp/b.csv}, inputs: {rows: read}}\n"
    )
    OsirisDag(path)
    with pytest.raises(PipelineConfigError, match=f"orders.yaml:1: .*Step write: its input, task 'read', {HAS_NONE}"):
        OsirisDag(path, default_args={"do_xcom_push": False})


@pytest.mark.parametrize("path", [":memory:", "/no/such/directory/x.duckdb"], ids=["healthy", "unhealthy"])
@pytest.mark.parametrize("kind", ["doctor", "sensor"])
def test_no_report_goes_to_xcom(run_dag: RunDag, connections_file: ConnectionsFile, kind: str, path: str) -> None:
    connections_file({"duckdb": {"main": {"path": path}}})
    with DAG(f"no_report_{kind}", schedule=None) as dag:
        if kind == "doctor":
            OsirisDoctorOperator(task_id="check", **NO_XCOM)
        else:
            OsirisHealthcheckSensor(task_id="check", connection="@duckdb.main", poke_interval=0.05, **NO_XCOM)
    run = run_dag(dag)
    assert (run.state, list(run.xcoms())) == ("success" if path == ":memory:" else "failed", [])
