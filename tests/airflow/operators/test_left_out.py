"""Rows of an incremental task that no load has got are read again, in whatever way the load would have had them."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, task, task_group
from osiris_provider.operators.osiris import OsirisOperator

from tests.airflow.operators.conftest import EXTRACT, LOAD, WAYS, Fragile, Shop, gate
from tests.airflow.versions import AIRFLOW, AirflowSkipException


@task
def even(number: int) -> None:
    """Have the loads of some branches skipped."""
    if number % 2:
        raise AirflowSkipException


@pytest.mark.parametrize(
    ("gate", "state", "way"), [*(("shut", "skipped", way) for way in WAYS), ("broken", "upstream_failed", "result")]
)
def test_the_cursor_value_of_a_run_without_a_load_does_not_count(shop: Shop, gate: str, state: str, way: str) -> None:
    if (gate, way) == ("shut", "result, mapped by config") and AIRFLOW < (3, 2):
        pytest.skip("before 3.2 Airflow runs a mapped task whatever the gate before it says")
    shop.has_last_task, shop.way = True, way
    shop.add(1)
    shop.run(1)
    shop.add(2)
    shop.gate = gate
    run = shop.run(2)
    assert (run.state, run.states["extract"], run.states["load"]) == ("success", "success", state)
    shop.gate = None
    shop.add(3)
    shop.run(3)
    assert Fragile.seen == [[1], [2, 3]]
    if way == "result":
        shop.run(4)
        assert Fragile.seen == [[1], [2, 3], []]


def test_each_branch_of_a_mapped_group_counts_for_itself(shop: Shop) -> None:
    def run(day: int, *numbers: int) -> list[list[int]]:
        @task_group
        def branch(number: int) -> None:
            read = OsirisOperator(**EXTRACT, config=shop.config())
            load = OsirisOperator(**LOAD, config={}, inputs={"extract": read.output})
            even(number) >> load

        with DAG("incremental", schedule=None) as dag:
            branch.expand(number=numbers)
        Fragile.seen.clear()
        assert shop.run_on(day, dag).state == "success"
        return sorted(Fragile.seen)

    shop.add(1)
    assert run(1, 0, 2) == [[1], [1]]
    shop.add(2)
    assert run(2, 0, 1) == [[2]]
    shop.add(3)
    assert run(3, 0, 2) == [[2, 3], [3]]
    assert run(4, 0, 2) == [[], []]


def test_results_of_mapped_extractions_that_no_load_takes_do_not_count(shop: Shop) -> None:
    def run(day: int, *, is_shut: bool = False) -> None:
        with DAG("incremental", schedule=None) as dag:
            read = OsirisOperator.partial(**EXTRACT).expand(config=[shop.config()])
            load = OsirisOperator.partial(**LOAD, config={}).expand(
                inputs=read.output.map(lambda result: {"extract": result})
            )
            if is_shut:
                gate(breaks=False) >> load
        assert shop.run_on(day, dag).state == "success"

    shop.add(1)
    run(1, is_shut=True)
    run(2)
    run(3)
    assert Fragile.seen == [[1], []]
