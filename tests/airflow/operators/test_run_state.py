"""What a task asks Airflow of the runs before it, and whose state it keeps."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from osiris_provider._airflow.task_context import TaskContext, attempt_id, task_key
from osiris_provider.drivers.incremental.cursor import CursorValue
from osiris_provider.runtime.state import StateStore, TaskKey, state_url

KEY = TaskKey("long", "extract")
DAY, ONE = datetime(2030, 1, 1, tzinfo=timezone.utc), timedelta(days=1)


class Runs:
    """A DAG whose extraction 250 tasks come after, and what Airflow knows of its runs."""

    def __init__(self) -> None:
        with DAG("long", schedule=None) as dag:
            self.task = BaseOperator(task_id="extract")
            self.task >> [BaseOperator(task_id=f"load_{number:03}") for number in range(250)]
        self.later = sorted(set(dag.task_ids) - {"extract"})
        self.states: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.named: list[list[str]] = []

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str] | None = None) -> int:  # noqa: ARG002 - as Airflow has it
        self.asked.update(run_ids)
        return sum(self.states[name] in (states or ["success", "failed"]) for name in run_ids)

    def get_ti_count(self, task_ids: list[str], **_: Any) -> int:
        self.named.append(task_ids)
        return 0

    def do(self, number: int, state: str, *, end: int | None = None, after: int | None = None) -> str | None:
        """Do a run, and return where it began.

        :param end: day on which its data interval ends; the run has none if only ``after`` is given.
        :param after: day on which it was to start.
        """
        if after is None:
            end = after = number
        run = SimpleNamespace(
            run_id=f"run_{number:03}",
            data_interval_end=None if end is None else DAY + end * ONE,
            run_after=DAY + after * ONE,
        )
        known: dict[str, Any] = {"dag_id": "long", "task_id": "extract", "map_index": -1, "run_id": run.run_id}
        tries = {
            "task": self.task,
            "max_tries": 0,
            "get_dr_count": self.get_dr_count,
            "get_ti_count": self.get_ti_count,
        }
        self.asked.clear()
        self.named.clear()
        ctx = TaskContext({"ti": SimpleNamespace(**known, **tries), "dag_run": run})
        begin = ctx.state.begin("@duckdb.shop orders", "id").low
        ctx.state.advance(CursorValue("int64", str(number)))
        ctx.state.keep()
        self.states[run.run_id] = state
        return begin.text if begin else None


@pytest.fixture
def runs(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setenv("AIRFLOW__OSIRIS__STATE_URL", str(tmp_path))
    return Runs()


def test_state_of_the_last_hundred_runs_before_the_one_that_counts_is_kept(runs: Runs) -> None:
    from airflow.sdk import ObjectStoragePath

    assert [runs.do(number, "success") for number in range(105)] == [None, *map(str, range(104))]
    kept = StateStore(state_url(), ObjectStoragePath).names(KEY)
    assert (len(kept), "run_003" in kept[0], "run_104" in kept[-1]) == (102, True, True)


def test_fifty_runs_that_failed_are_asked_for_and_no_more(runs: Runs) -> None:
    runs.do(0, "success")
    assert {runs.do(number, "failed") for number in range(1, 60)} == {"0"}
    assert sorted(runs.asked) == [f"run_{number:03}" for number in range(9, 59)]


def test_a_hundred_tasks_are_named_at_a_time(runs: Runs) -> None:
    runs.do(0, "success")
    runs.do(1, "success")
    assert [len(names) for names in runs.named] == [100, 100, 50] * 2
    assert sorted(chain.from_iterable(runs.named[:3])) == runs.later


def test_a_run_says_what_it_reads_and_how_far_it_got(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    runs.do(41, "success")
    said: list[list[str]] = []
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            runs.do(57, "success")
        said.append(caplog.messages)
    (begins, ends), again = said
    assert [text for text in ("@duckdb.shop orders", "id", "41") if text not in begins] == []
    assert "57" in ends
    # That it is done again is said besides, and that it ends where it did.
    assert len(again) == 3
    assert [text for text in ("@duckdb.shop orders", "id", "41", "57") if text not in again[1]] == []


class Ends(Runs):
    """A DAG with a report behind its load, whatever the load does, and a teardown behind all."""

    def __init__(self, **ended: str) -> None:
        super().__init__()
        self.ended = ended
        with DAG("long", schedule=None):
            self.task = BaseOperator(task_id="extract")
            report = BaseOperator(task_id="report", trigger_rule="all_done")
            self.task >> BaseOperator(task_id="load") >> report >> BaseOperator(task_id="clean").as_teardown()

    def get_ti_count(self, task_ids: list[str], states: list[str] | None = None, **_: Any) -> int:
        return sum(states is None or self.ended.get(name, "success") in states for name in task_ids)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("ended", "begin"),
    [
        ({}, "1"),
        ({"load": "failed"}, None),
        ({"load": "upstream_failed"}, None),
        ({"load": "failed", "clean": "failed"}, None),
        ({"clean": "failed"}, "1"),
        # The run had failed: somebody has marked it.
        ({"load": "failed", "report": "failed"}, "1"),
    ],
)
def test_a_run_that_succeeded_over_a_failed_task_does_not_count(ended: dict[str, str], begin: str | None) -> None:
    runs = Ends(**ended)
    runs.do(1, "success")
    assert runs.do(2, "success") == begin


def test_a_run_begins_where_the_one_whose_interval_is_before_its_own_has_ended(runs: Runs) -> None:
    """A backfill starts later than the runs that its intervals are before; what has no interval goes by its start."""
    runs.do(1, "success")
    runs.do(5, "success")
    assert runs.do(3, "success", end=3, after=9) == "1"
    assert runs.do(4, "success", after=4) == "3"
    assert runs.do(6, "success", end=6, after=2) == "5"


def instance(**known: Any) -> Any:
    """A task instance that no one has cleared yet."""
    given = {"map_index": -1, "max_tries": 0, "task": SimpleNamespace(retries=0), **known}
    return SimpleNamespace(dag_id="dag", run_id="run", task_id="task", **given)


@pytest.mark.parametrize(
    ("max_tries", "retries", "cleared"), [(0, 0, 0), (None, None, 0), (2, 2, 0), (3, 2, 1), (1, None, 1), (1, 2, 0)]
)
def test_tries_are_one_attempt_until_somebody_clears_the_task(
    max_tries: int | None, retries: int | None, cleared: int
) -> None:
    ti = instance(max_tries=max_tries, task=SimpleNamespace(retries=retries))
    assert TaskContext({"ti": ti, "dag_run": None}).cleared_at == cleared
    assert json.loads(attempt_id(ti)) == ["run", cleared]


@pytest.mark.parametrize(("map_index", "known_as"), [(None, -1), (-1, -1), (0, 0), (7, 7)])
def test_each_instance_of_a_mapped_task_has_a_state_and_loads_of_its_own(map_index: int | None, known_as: int) -> None:
    ti = instance(map_index=map_index)
    assert task_key(ti) == TaskKey("dag", "task", known_as)
    assert json.loads(TaskContext({"ti": ti, "dag_run": None}).load_id) == ["dag", "run", "task", known_as]
