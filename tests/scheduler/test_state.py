"""High-water marks under a real scheduler and the real Execution API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until


class Pipeline:
    """The DAG, as people handle it.

    :param rest: of Airflow.
    :param home: where the table is.
    """

    def __init__(self, rest: Rest, home: Path) -> None:
        self._rest = rest
        self._home = home
        # The Airflow with the other metadata has had its rows in it.
        with duckdb.connect(home / "shop.duckdb") as connection:
            connection.execute("DELETE FROM orders")

    def add(self, number: int) -> None:
        """Add a row to the table."""
        with duckdb.connect(self._home / "shop.duckdb") as connection:
            connection.execute("INSERT INTO orders VALUES (?)", [number])

    def run(self, *, fails: bool = False) -> tuple[str, int]:
        """Do a run; return its id, and how many rows it read."""
        flag = self._home / "fail"
        if fails:
            flag.touch()
        run_id = self._rest.trigger("marks", 240)
        state = self._rest.finished("marks", run_id, 240)
        flag.unlink(missing_ok=True)
        assert state == ("failed" if fails else "success")
        return run_id, self.rows(run_id)

    def rows(self, run_id: str) -> int:
        """Return how many rows a run has read."""
        return int(self._rest.xcom("marks", run_id, "read")["rows"])

    def clear(self, run_id: str) -> int:
        """Have a run done again; return how many rows it read."""
        before = self._rest.task("marks", run_id, "gate")["try_number"]
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        self._rest.post("/dags/marks/clearTaskInstances", body)
        until(lambda: self._rest.task("marks", run_id, "gate")["try_number"] > before, "next try", 240)
        assert self._rest.finished("marks", run_id, 240) == "success"
        return self.rows(run_id)

    def delete(self, run_id: str) -> None:
        """Have Airflow forget a run."""
        self._rest.delete(f"/dags/marks/dagRuns/{quote(run_id, safe='')}")


def test_runs_that_fail_are_cleared_and_are_deleted(airflow: AirflowServer, home: Path) -> None:
    pipeline = Pipeline(Rest(airflow.origin, "admin"), home)
    pipeline.add(1)
    assert pipeline.run()[1] == 1
    pipeline.add(2)
    failed, rows = pipeline.run(fails=True)
    assert rows == 1
    pipeline.add(3)
    # What the failed run has read is read again.
    assert pipeline.run()[1] == 2
    # The same span as before, whatever has come since.
    assert pipeline.clear(failed) == 1
    pipeline.add(4)
    last, rows = pipeline.run()
    # The mark was not moved back.
    assert rows == 1
    pipeline.delete(last)
    # No one knows any more whether that run has succeeded.
    assert pipeline.run()[1] == 1
    shown = airflow.run("osiris", "state", "show", "marks", "read", "--json")
    entries: list[dict[str, Any]] = json.loads(shown.stdout)["state"]
    reached = [(entry["began_at"] or {}).get("value", "") + "-" + entry["reached"]["value"] for entry in entries]
    assert reached == ["-1", "1-2", "1-3", "3-4", "3-4"]
    assert airflow.run("osiris", "state", "reset", "marks", "read").returncode == 0
    assert pipeline.run()[1] == 4
