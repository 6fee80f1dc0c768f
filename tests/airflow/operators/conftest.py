"""A shop whose orders are read as they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from airflow.sdk import DAG, chain, task
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import ConnectionsFile, Run, RunDag
from tests.airflow.drivers import Inputs

CANARY = "c4n4ry-s3cret"
RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(0)}


class Fragile:
    """Reads its input, and fails as long as it is told to; ``seen`` has what reached it, run by run."""

    failing = False
    failures = 0
    seen: list[list[int]] = []  # noqa: RUF012 - shared with the test on purpose

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Inputs, ctx: Any) -> dict[str, Any]:  # noqa: ARG002 - the driver contract's signature
        [name] = inputs
        ids = sorted(inputs[name]["table"].column("id").to_pylist())
        if type(self).failing or type(self).failures > 0:
            type(self).failures -= 1
            message = "downstream fails"
            raise RuntimeError(message)
        type(self).seen.append(ids)
        return {"rows_written": len(ids)}


@task.short_circuit
def gate(*, breaks: bool) -> bool:
    """Have the load skipped, or not done."""
    if breaks:
        message = "the gate is broken"
        raise RuntimeError(message)
    return False


@task
def last() -> None:
    """End a DAG."""


class Shop:
    """A DuckDB file with orders, and a DAG that reads what is new of them.

    :param folder: for the file.
    :param run_dag: runs the DAG.
    """

    has_last_task = False
    """Whether a task that runs in any case ends the DAG, which then succeeds whatever has failed."""

    gate: str | None = None
    """What the gate before the load is: shut or broken."""

    way = "result"
    """How the load has the rows as its input; see :data:`WAYS`."""

    def __init__(self, folder: Path, run_dag: RunDag) -> None:
        self.path = folder / "shop.duckdb"
        self._run_dag = run_dag
        self.execute("CREATE TABLE orders (id INTEGER, updated_at TIMESTAMP)")

    def execute(self, statement: str) -> None:
        with duckdb.connect(self.path) as connection:
            connection.execute(statement)

    def add(self, *ids: int, at: str | None = None) -> None:
        """Add orders, each a minute after the one before it, or all at the same time."""
        for number in ids:
            moment = at or str(
                datetime(2024, 1, 1, tzinfo=timezone.utc).replace(tzinfo=None) + timedelta(minutes=number)
            )
            self.execute(f"INSERT INTO orders VALUES ({number}, '{moment}')")

    def run(self, day: int, **incremental: Any) -> Run:
        """Do the run of a day, again if it has been done."""
        with DAG("incremental", schedule=None) as dag:
            read = OsirisOperator(**EXTRACT, config=self.config(**incremental))
            load = WAYS[self.way](read)
            between = [gate(breaks=self.gate == "broken")] if self.gate else []
            chain(read, *between, load)
            if self.has_last_task:
                load >> last.override(trigger_rule="all_done")()
        return self.run_on(day, dag)

    def config(self, **incremental: Any) -> dict[str, Any]:
        """Return that of the extraction."""
        return {
            "connection": "@duckdb.shop",
            "table": "orders",
            "incremental": {"column": "updated_at", **incremental},
        }

    def run_on(self, day: int, dag: DAG) -> Run:
        """Do the run of a day of any DAG."""
        moment = datetime(2030, 1, day, tzinfo=timezone.utc)
        return self._run_dag(dag, logical_date=moment, run_after=moment)


EXTRACT: dict[str, Any] = {"task_id": "extract", "driver": "duckdb.extractor", **RETRIES}
LOAD: dict[str, Any] = {"task_id": "load", "driver": Fragile, **RETRIES}
BY_TEMPLATE = "{{ ti.xcom_pull('extract') }}"
WAYS: dict[str, Callable[[Any], Any]] = {
    "result": lambda read: OsirisOperator(**LOAD, config={}, inputs={"extract": read.output}),
    "id": lambda _: OsirisOperator(**LOAD, config={}, inputs="extract"),
    "one of several ids": lambda _: OsirisOperator(**LOAD, config={}, inputs={"extract"}),
    "template": lambda _: OsirisOperator(**LOAD, config={}, inputs={"extract": BY_TEMPLATE}),
    "result, mapped by config": lambda read: OsirisOperator.partial(**LOAD, inputs={"extract": read.output}).expand(
        config=[{}]
    ),
}


@pytest.fixture
def shop(tmp_path: Path, run_dag: RunDag, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch) -> Shop:
    connections_file({"duckdb": {"shop": {"path": str(tmp_path / "shop.duckdb"), "note": CANARY}}})
    monkeypatch.setattr(Fragile, "seen", [])
    monkeypatch.setattr(Fragile, "failing", False)
    monkeypatch.setattr(Fragile, "failures", 0)
    forget_runs()
    return Shop(tmp_path, run_dag)


def forget_runs(day: int | None = None) -> None:
    """Delete runs from Airflow, as people and ``airflow db clean`` do."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        query = session.query(DagRun).filter_by(dag_id="incremental")
        if day is not None:
            query = query.filter_by(logical_date=datetime(2030, 1, day, tzinfo=timezone.utc))
        query.delete()
