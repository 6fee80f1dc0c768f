"""A connection of a type that cannot be tested turns nothing red."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider.cli.main import main
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.security.hook_doctor.provider import installed

SECONDS = 20.0


@pytest.fixture(autouse=True)
def _untested(tmp_path: Path, connections_file: ConnectionsFile) -> Iterator[None]:
    connections_file({"airflow": {"odd": {"conn_type": "hostile_untested", "extra": {"pids": str(tmp_path / "pids")}}}})
    with installed(tmp_path / "lib"):
        yield
    assert not (tmp_path / "pids").exists(), "the hook was built"


def dag_of(operator: type[Any], **arguments: Any) -> Any:
    with DAG(f"untested_{operator.__name__}", schedule=None) as dag:
        operator(task_id="check", retries=0, **arguments)
    return dag


def test_the_operator_does_not_fail(run_dag: RunDag) -> None:
    run = run_dag(dag_of(OsirisDoctorOperator, connections=["@airflow.odd"], check_timeout=SECONDS))
    assert run.state == "success"
    (report,) = run.xcom("check")
    assert (report["ok"], report["category"], report["details"]["fault"]) == (False, "unknown", "untestable")


def test_the_sensor_does_not_wait(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> None:
    run = run_dag(dag_of(OsirisHealthcheckSensor, connection="@airflow.odd", check_timeout=SECONDS, timeout=60))
    assert run.state == "success"
    assert run.xcom("check")["details"]["fault"] == "untestable"
    assert "@airflow.odd is taken for healthy: " in "".join(capfd.readouterr())


def test_the_command_line_has_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connections", "doctor", "@airflow.odd", "--timeout", str(SECONDS), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["details"]["fault"] == "untestable"
