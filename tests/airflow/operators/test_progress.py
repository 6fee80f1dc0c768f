"""Totals of extractions and loads: the task's log, XCom, and Airflow's metrics."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from airflow.sdk import DAG
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.versions import send_metrics_to

ROWS = 100_000


class Gauges:
    """A metrics system that keeps gauges."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, dict[str, str]]] = []

    def gauge(self, name: str, value: float, *_: Any, tags: dict[str, str] | None = None, **__: Any) -> None:
        """Keep a figure."""
        self.seen.append((name, value, tags or {}))

    def __getattr__(self, kind: str) -> Any:
        return lambda *_, **__: nullcontext(SimpleNamespace(duration=0.0))


def test_totals(
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorder = Gauges()
    send_metrics_to(recorder, monkeypatch)
    connections_file({"duckdb": {"main": {"path": str(tmp_path / "main.duckdb")}}})
    with duckdb.connect(tmp_path / "main.duckdb") as connection:
        connection.execute(f"CREATE TABLE numbers AS SELECT i, i / 7 AS f FROM range({ROWS}) r(i)")
    with DAG("totals", schedule=None) as dag:
        config: dict[str, Any] = {"connection": "@duckdb.main"}
        read = OsirisOperator(task_id="read", driver="duckdb.extractor", config={**config, "table": "numbers"})
        OsirisOperator(
            task_id="write",
            driver="duckdb.writer",
            config={**config, "table": "copies", "create_if_missing": True},
            inputs={"read": read.output},
        )
    run = run_dag(dag)
    assert run.state == "success"
    log = caplog.text
    for task, told, past, noun in (("read", "read", "read", "read"), ("write", "wrote", "written", "write")):
        actual = {metric["name"]: metric for metric in run.xcom(task, "metrics")}
        names = [f"rows_{past}", f"bytes_{past}", f"{noun}_seconds", f"{noun}_rows_per_second"]
        assert list(actual) == names
        assert [actual[name]["unit"] for name in names] == ["rows", "bytes", "s", "rows/s"]
        rows, size, seconds, rate = (actual[name]["value"] for name in names)
        assert (rows, size) == (ROWS, pytest.approx(16 * ROWS, rel=0.03))
        assert rate == pytest.approx(ROWS / seconds, rel=0.2)
        assert re.search(rf"Step {task}: {told} 100,000 rows, 1\.6 MB in \d+\.\d s, [\d,]+ rows/s", log)
        tags = {"dag_id": "totals", "task_id": task, "step": task}
        for name in names:
            assert (f"osiris.{name}", actual[name]["value"], tags) in recorder.seen
