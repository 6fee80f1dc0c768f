"""Airflow as it is right after its installation: example DAGs are loaded, the metadata is in a SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.airflow.rest import Rest, until

EXAMPLES = ("example_osiris_health", "osiris_flights", "example_osiris_mysql_to_postgres")


def test_the_examples_show_up_and_nothing_complains(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "from datetime import datetime\n"
        "from airflow.sdk import DAG, task\n"
        "with DAG('one', schedule='@once', start_date=datetime(2024, 1, 1), is_paused_upon_creation=False):\n"
        "    task(task_id='work')(lambda: 1)()\n"
    )
    with start("sqlite", tmp_path, AIRFLOW__CORE__LOAD_EXAMPLES="True") as airflow:
        rest = Rest(airflow.origin, "admin")
        for name in EXAMPLES:
            rest.wait_for_dag(name, 300)
        assert rest.get("/importErrors")["import_errors"] == []
        # The scheduler starts the run: while all examples are parsed, SQLite refuses the API what it would write.
        assert until(lambda: _end_of_the_run(rest), "end of DAG one", 300) == "success"
        told = airflow.run("dags", "list")
        assert "Could not load provider module" not in told.stdout + told.stderr
        texts = {path: path.read_text(errors="replace") for path in airflow.logs.rglob("*.log")}
        assert any("task_id=work" in str(path) for path in texts)
        assert [path for path, text in texts.items() if "Could not load provider module" in text] == []


def _end_of_the_run(rest: Rest) -> str | None:
    answer = rest.ask("GET", "/dags/one/dagRuns")
    states = [run["state"] for run in answer.json()["dag_runs"]] if answer.ok else []
    return next((state for state in states if state in ("success", "failed")), None)
