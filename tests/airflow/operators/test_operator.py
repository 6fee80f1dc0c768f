"""OsirisOperator: drivers by name, path and class; inputs; staging; which errors burn retries."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, task_group
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED
from osiris_provider.errors import (
    AuthError,
    ConnectTimeoutError,
    DataError,
    DriverConfigError,
    NetworkError,
    UnknownConnectorError,
)
from osiris_provider.operators.osiris import OsirisOperator, default_staging
from osiris_provider.runtime.results import MAX_RESULT

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.drivers import Chunks, Echo, LoadId, Numbers, Raises, Sum

RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(0)}


def test_data_goes_through_staging_and_a_small_reference_through_xcom(
    run_dag: RunDag, staging_of_its_own: Path
) -> None:
    with DAG("staged", schedule=None) as dag:
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 100_000})
        OsirisOperator(task_id="total", driver=Sum, config={}, inputs={"numbers": numbers.output})
    run = run_dag(dag)
    assert run.state == "success"
    reference = run.xcom("numbers")
    assert reference["rows"] == 100_000
    assert reference["columns"] == ["n"]
    assert set(reference) == {"uri", "rows", "bytes", "columns"}
    [file] = staging_of_its_own.rglob("*.parquet")
    assert reference["uri"] == file.as_uri()
    assert reference["bytes"] == file.stat().st_size
    assert pq.read_metadata(file).num_rows == 100_000
    assert run.xcom("total") == {"numbers": 4_999_950_000}


def test_metrics_go_to_xcom(run_dag: RunDag) -> None:
    with DAG("metrics", schedule=None) as dag:
        OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
    metrics = run_dag(dag).xcom("numbers", "metrics")
    assert metrics == [{"name": "rows_read", "value": 3, "unit": "rows", "tags": {"step": "numbers"}}]


def test_load_id_tells_tasks_and_runs_apart_but_not_tries(run_dag: RunDag) -> None:
    with DAG("loads", schedule=None) as dag:
        for name in ("first", "second"):
            OsirisOperator(task_id=name, driver=LoadId, config={})
    runs = [run_dag(dag), run_dag(dag)]
    actual = [json.loads(run.xcom(name)["load_id"]) for run in runs for name in ("first", "second")]
    assert [(load[0], load[2], load[3]) for load in actual] == [("loads", "first", -1), ("loads", "second", -1)] * 2
    assert len({json.dumps(load) for load in actual}) == 4


def test_an_xcom_arg_makes_an_edge() -> None:
    with DAG("edges", schedule=None):
        first = OsirisOperator(task_id="first", driver=Numbers, config={"count": 3})
        second = OsirisOperator(task_id="second", driver=Sum, config={}, inputs={"first": first.output})
    assert second.upstream_task_ids == {"first"}


@pytest.mark.parametrize(
    "driver",
    [Numbers, "tests.airflow.drivers.Numbers", "tests.airflow.drivers:Numbers"],
    ids=["class", "dotted", "colon"],
)
def test_a_driver_is_a_class_or_a_path(run_dag: RunDag, driver: str | type[Any]) -> None:
    with DAG("kinds", schedule=None) as dag:
        OsirisOperator(task_id="numbers", driver=driver, config={"count": 3})
    assert run_dag(dag).xcom("numbers")["rows"] == 3


def test_an_unknown_driver_fails_at_once_and_names_the_nearest(
    run_dag: RunDag, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("unknown_driver", schedule=None) as dag:
        OsirisOperator(task_id="step", driver="mysql.extractr", config={}, **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["step"]) == ("failed", 1)
    assert "Did you mean 'mysql.extractor'?" in capfd.readouterr().out


def test_a_generator_is_a_driver(run_dag: RunDag) -> None:
    with DAG("generator", schedule=None) as dag:
        chunks = OsirisOperator(task_id="chunks", driver=Chunks, config={"count": 4})
        OsirisOperator(task_id="total", driver=Sum, config={}, inputs="chunks") << chunks
    run = run_dag(dag)
    assert run.xcom("chunks")["rows"] == 4
    assert run.xcom("total") == {"chunks": 6}


def test_inputs_by_task_id_and_by_template(run_dag: RunDag) -> None:
    with DAG("by_id", schedule=None) as dag:
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
        by_id = OsirisOperator(task_id="by_id", driver=Sum, config={}, inputs=["numbers"])
        template = "{{ ti.xcom_pull('numbers') }}"
        by_template = OsirisOperator(task_id="by_template", driver=Sum, config={}, inputs={"x": template})
        numbers >> [by_id, by_template]
    run = run_dag(dag)
    assert run.xcom("by_id") == {"numbers": 3}
    assert run.xcom("by_template") == {"x": 3}


def test_mapped_tasks_are_one_input(run_dag: RunDag) -> None:
    with DAG("mapped", schedule=None) as dag:
        configs = [{"count": 2}, {"count": 3}]
        numbers = OsirisOperator.partial(task_id="numbers", driver=Numbers).expand(config=configs)
        OsirisOperator(task_id="total", driver=Sum, config={}, inputs={"numbers": numbers.output})
    assert run_dag(dag).xcom("total") == {"numbers": 1 + 3}


@pytest.mark.parametrize("by_id", [False, True])
def test_in_a_mapped_group_the_input_is_that_of_the_same_instance(run_dag: RunDag, by_id: bool) -> None:
    @task_group
    def group(count: Any) -> None:
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": count})
        inputs: Any = "group.numbers" if by_id else {"group.numbers": numbers.output}
        total = OsirisOperator(task_id="total", driver=Sum, config={}, inputs=inputs)
        numbers >> EmptyOperator(task_id="between") >> total

    with DAG(f"mapped_group_{by_id}", schedule=None) as dag:
        groups = group.expand(count=[2, 3, 4])
        groups >> OsirisOperator(task_id="all", driver=Sum, config={}, inputs=["group.numbers"])
    run = run_dag(dag)
    totals = [value for task, key, value in run.xcoms() if (task, key) == ("group.total", "return_value")]
    assert sorted(total["group.numbers"] for total in totals) == [1, 3, 6]
    assert run.xcom("all") == {"group.numbers": 1 + 3 + 6}


def test_an_input_that_never_came_is_named(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> None:
    with DAG("no_input", schedule=None) as dag:
        nothing = EmptyOperator(task_id="nothing")
        nothing >> OsirisOperator(task_id="total", driver=Sum, config={}, inputs=["nothing"], **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["total"]) == ("failed", 1)
    assert "Step total: input 'nothing' is not the result of a step" in capfd.readouterr().out


def test_an_input_of_a_task_that_the_dag_has_not_is_named(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> None:
    with DAG("no_task", schedule=None) as dag, TaskGroup("load"):
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
        numbers >> OsirisOperator(task_id="total", driver=Sum, config={}, inputs="numbers", **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["load.total"]) == ("failed", 1)
    said = "Step load.total: inputs names task 'numbers', which this DAG has not. Did you mean 'load.numbers'?"
    assert said in capfd.readouterr().out


@pytest.mark.parametrize("form", [dict, list, tuple, None])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_task_in_place_of_its_result_is_an_error_of_the_dag(form: type[Any] | None, mapped: bool) -> None:
    with DAG("task_as_input", schedule=None), TaskGroup("load"):
        numbers: Any
        if mapped:
            numbers = OsirisOperator.partial(task_id="numbers", driver=Numbers).expand(config=[{"count": 3}])
        else:
            numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
        inputs = numbers if form is None else {"rows": numbers} if form is dict else form([numbers])
        said = r"inputs has the task 'load.numbers' itself. .* as in inputs=\{'rows': numbers.output\}."
        with pytest.raises(DriverConfigError, match=f"Step load.total: {said}") as raised:
            OsirisOperator(task_id="total", driver=Sum, config={}, inputs=inputs)
    assert raised.value.step == "load.total"


@pytest.mark.parametrize(
    ("rendered", "said"),
    [
        ({"config": "text"}, "Step step: config is a mapping, not str"),
        ({"config": {"connection": 5}}, "Step step: config connection is a text such as @mysql.default"),
        ({"inputs": "[1]"}, "Step step: inputs as a list holds task ids; give a dict"),
        ({"inputs": 7}, "Step step: inputs is a dict from step id to result"),
    ],
)
def test_what_templates_have_rendered_to_is_checked_again(rendered: dict[str, Any], said: str) -> None:
    with DAG("rendered", schedule=None):
        step = OsirisOperator(task_id="step", driver=Sum, config={})
    vars(step).update(rendered)
    with pytest.raises((DriverConfigError, ValueError), match=said):
        _ = step._resolved("step"), list(step._inputs("step", {}))  # noqa: SLF001 - of no task that runs


def test_a_name_of_a_task_is_not_its_result(run_dag: RunDag, capfd: pytest.CaptureFixture[str]) -> None:
    with DAG("no_result", schedule=None) as dag:
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
        numbers >> OsirisOperator(task_id="total", driver=Sum, config={}, inputs={"rows": "numbers"}, **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["total"]) == ("failed", 1)
    assert "input 'rows' is a text, not a result; write inputs={'rows': extract.output}" in capfd.readouterr().out


@pytest.mark.parametrize("form", ["output", "template"])
def test_a_result_without_a_name_is_no_input(run_dag: RunDag, capfd: pytest.CaptureFixture[str], form: str) -> None:
    with DAG(f"no_name_{form}", schedule=None) as dag:
        numbers = OsirisOperator(task_id="numbers", driver=Numbers, config={"count": 3})
        result: Any = numbers.output if form == "output" else "{{ ti.xcom_pull('numbers') }}"
        numbers >> OsirisOperator(task_id="total", driver=Sum, config={}, inputs=result, **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["total"]) == ("failed", 1)
    assert "give it a name, as in inputs={'rows': extract.output}" in capfd.readouterr().out


@pytest.mark.parametrize("key", ["data", "df"])
def test_xcom_may_bring_data_and_no_path_of_a_file_that_holds_some(key: str) -> None:
    step = OsirisOperator(task_id="step", driver=Sum, config={})
    for value, taken in (({key: [1], "path": "/etc/passwd"}, {key: [1]}), ({"rows": 3}, {"rows": 3})):
        assert step._input("step", "rows", value, default_staging()) == taken  # noqa: SLF001 - of no task that runs


def test_each_result_of_mapped_tasks_is_an_input_as_the_error_says(run_dag: RunDag) -> None:
    with DAG("mapped_both", schedule=None) as dag:
        configs = [{"count": 2}, {"count": 3}]
        numbers = OsirisOperator.partial(task_id="numbers", driver=Numbers).expand(config=configs)
        named = numbers.output.map(lambda result: {"rows": result})
        OsirisOperator.partial(task_id="total", driver=Sum, config={}).expand(inputs=named)
    run = run_dag(dag)
    assert sorted(value["rows"] for task, key, value in run.xcoms() if (task, key) == ("total", "return_value")) == [
        1,
        3,
    ]


def test_config_is_templated_down_to_sql_files(run_dag: RunDag, tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("SELECT '{{ ds_nodash }}'")
    with DAG("templated", schedule=None, template_searchpath=str(tmp_path)) as dag:
        OsirisOperator(task_id="step", driver=Echo, config={"query": "query.sql"})
    assert "SELECT '20" in run_dag(dag).xcom("step")["query"]


def test_rendered_sql_is_shown_with_its_lines(run_dag: RunDag) -> None:
    query = "SELECT\n    {{ 40 + 2 }} AS answer"
    with DAG("rendered_sql", schedule=None) as dag:
        OsirisOperator(task_id="query", driver="duckdb.processor", config={"query": query})
    rendered = json.loads(run_dag(dag).rendered())[0]
    assert rendered["config.query"] == "SELECT\n    42 AS answer"
    assert rendered["config"]["query"] == rendered["config.query"]
    assert OsirisOperator.template_fields_renderers["config.query"] == "sql"


def test_conn_005_the_connection_is_resolved_on_a_copy(run_dag: RunDag, connections_file: ConnectionsFile) -> None:
    connections_file({"duckdb": {"default": {"path": ":memory:"}}})
    config = {"connection": "@duckdb"}
    with DAG("resolved", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=Echo, config=config)
    run = run_dag(dag)
    assert run.xcom("step")["config"] == ["connection", "resolved_connection"]
    assert config == {"connection": "@duckdb"}
    assert "resolved_connection" not in run.rendered()
    assert ":memory:" not in run.rendered() + run.serialized


def test_conn_005_a_resolved_connection_in_config_is_refused(
    run_dag: RunDag, capfd: pytest.CaptureFixture[str]
) -> None:
    with DAG("smuggled", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=Echo, config={"resolved_connection": {"host": "x"}}, **RETRIES)
    run = run_dag(dag)
    assert (run.state, run.tries["step"]) == ("failed", 1)
    assert "resolved_connection may not stand in config" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ({"figure": "x" * MAX_RESULT}, "bytes of figures"),
        ({"moment": timedelta(1)}, "not JSON under moment"),
    ],
)
def test_a_result_that_is_no_figure_is_refused(
    run_dag: RunDag,
    capfd: pytest.CaptureFixture[str],
    result: dict[str, Any],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Echo, "run", lambda _self, **_kwargs: result)
    with DAG("too_much", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=Echo, config={})
    assert run_dag(dag).state == "failed"
    assert complaint in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (AuthError("wrong password"), 1),
        (DataError("does not fit"), 1),
        (NetworkError("line broke"), 3),
        (NetworkError("expired", fault=CERTIFICATE_EXPIRED), 1),
        (ConnectTimeoutError("silent"), 3),
        (UnknownConnectorError("odd"), 3),
        (ZeroDivisionError("a driver's own mistake"), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_conn_019_only_what_may_pass_uses_retries(
    run_dag: RunDag, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    monkeypatch.setattr(Raises, "error", error)
    monkeypatch.setattr(Raises, "calls", 0)
    with DAG("retries", schedule=None) as dag:
        OsirisOperator(task_id="step", driver=Raises, config={}, **RETRIES)
    assert run_dag(dag).state == "failed"
    assert Raises.calls == tries
