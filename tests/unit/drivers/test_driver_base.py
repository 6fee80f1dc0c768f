"""What the base of drivers checks before a driver does its work."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.drivers.base import BaseDriver, Extractor, Writer
from osiris_provider.drivers.incremental.cursor import Incremental
from osiris_provider.drivers.step import RESOLVED, Step, StepConfig
from osiris_provider.errors import ConnectionConfigError, DataError, DriverConfigError
from osiris_provider.testing.context import Metric, RecordingContext

DUCKDB = {"family": "duckdb", "alias": "x", "path": ":memory:", "never_heard_of": "s3cret"}


class TableConfig(StepConfig):
    table: str
    limit: int = 3
    input: str | None = None


class NewConfig(StepConfig):
    incremental: Incremental | None = None


class TableExtractor(Extractor[TableConfig]):
    name = "fake.extractor"
    family = "duckdb"
    config_model = TableConfig

    def extract(self, step: Step[TableConfig]) -> Any:
        return ({"data": [{"row": row}]} for row in range(step.config.limit))


class TableWriter(Writer[TableConfig]):
    name = "fake.writer"
    config_model = TableConfig

    def write(self, step: Step[TableConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        return {"rows_written": reader.read_all().num_rows, "table": step.config.table}


def run(driver: BaseDriver[Any], config: dict[str, Any], **inputs: Any) -> tuple[dict[str, Any], list[Metric]]:
    ctx = RecordingContext()
    result = driver.run(step_id="s1", config=config, inputs=inputs, ctx=ctx)
    return result, ctx.metrics


def test_extractor_streams_and_counts() -> None:
    result, metrics = run(TableExtractor(), {"table": "t", RESOLVED: DUCKDB})
    assert not metrics
    assert result["data"].read_all().num_rows == 3
    assert metrics[0] == Metric("rows_read", 3, "rows", {"step": "s1"})


def test_writer_counts() -> None:
    result, metrics = run(TableWriter(), {"table": "t"}, e={"data": pa.table({"a": [1, 2]})})
    assert result == {"rows_written": 2, "table": "t"}
    assert metrics[0] == Metric("rows_written", 2, "rows", {"step": "s1"})


def test_an_input_without_columns_is_nothing_to_write_if_it_has_no_rows(caplog: pytest.LogCaptureFixture) -> None:
    config = {"table": "t", RESOLVED: DUCKDB}
    result, metrics = run(TableWriter(), config, e={"data": pa.table({})})
    assert result == {"rows_written": 0}
    assert metrics[0] == Metric("rows_written", 0, "rows", {"step": "s1"})
    assert "Step s1: the input has no rows and no columns: nothing is written." in caplog.text
    rows = pa.table({"a": [1, 2, 3]}).select([])
    with pytest.raises(DataError, match=r"^Step s1: the input has 3 rows, but no columns") as raised:
        run(TableWriter(), config, e={"data": rows.to_batches()[0]})
    assert raised.value.step == "s1"


class NewRows(Extractor[NewConfig]):
    name = "new.extractor"
    config_model = NewConfig

    def extract(self, step: Step[NewConfig]) -> Any:
        assert step.cursor_range is None or step.cursor_range.column == "n"
        return pa.table({"n": [1, 2]})


def test_incremental_reading_needs_a_runner_that_stores_state() -> None:
    assert run(NewRows(), {})[0]["data"].read_all().num_rows == 2
    with pytest.raises(DriverConfigError, match=r"Step s1: config field incremental needs a runner that stores state"):
        run(NewRows(), {"incremental": {"column": "n"}})
    with pytest.raises(DriverConfigError, match=r"incremental\.colum"):
        run(NewRows(), {"incremental": {"colum": "n"}})


def test_contexts_of_others_know_neither_state_nor_load_ids() -> None:
    class Bare:
        def log_metric(self, name: str, value: float, **_: Any) -> None:
            del name, value

    ctx: Any = Bare()
    assert NewRows().run(step_id="s", config={}, inputs={}, ctx=ctx)["data"].read_all().num_rows == 2
    with pytest.raises(DriverConfigError, match="needs a runner that stores state"):
        NewRows().run(step_id="s", config={"incremental": {"column": "n"}}, inputs={}, ctx=ctx)

    step = Step("s", NewConfig(), ResolvedConnection({}), {}, ctx)
    assert (step.load_id, step.cleared_at) == (None, 0)


class Connected(BaseDriver[NewConfig]):
    """Gives away the connection of its step."""

    name = "fake.connected"
    config_model = NewConfig

    def execute(self, step: Step[NewConfig]) -> dict[str, Any]:
        return {"connection": step.connection}


class ConnectedToDuckDB(Connected):
    family = "duckdb"


@pytest.mark.parametrize("driver", [Connected(), ConnectedToDuckDB()])
def test_a_connection_is_a_resolved_one_however_it_comes(driver: Connected) -> None:
    resolved = ResolvedConnection(DUCKDB)
    assert run(driver, {RESOLVED: resolved})[0]["connection"] is resolved
    actual = run(driver, {RESOLVED: DUCKDB})[0]["connection"]
    assert isinstance(actual, ResolvedConnection)
    assert actual == DUCKDB


def test_reference_beside_the_connection_is_no_config() -> None:
    run(TableWriter(), {"table": "t", "connection": "@duckdb.x", RESOLVED: DUCKDB}, e={"data": [{"a": 1}]})


def test_all_config_problems_at_once() -> None:
    with pytest.raises(DriverConfigError) as raised:
        run(TableWriter(), {"limit": "many", "tabel": "t"})
    said = str(raised.value)
    assert said.startswith("Step s1 (fake.writer): ")
    assert "config field table is required" in said
    assert "config field limit: " in said
    assert "config field tabel is unknown. Did you mean 'table'?" in said
    assert raised.value.step == "s1"


def test_config_errors_show_no_value() -> None:
    with pytest.raises(DriverConfigError) as raised:
        run(TableWriter(), {"table": ["s3cret"], "limit": "s3cret"})
    assert "s3cret" not in repr(raised.value)


def test_conn_006_connection_is_required() -> None:
    none: list[Any] = [{}, None]
    for connection in none:
        with pytest.raises(
            DriverConfigError,
            match=r"Step s1 .*connection: '@duckdb\.alias' in its config.*'resolved_connection' is required",
        ):
            run(TableExtractor(), {"table": "t", RESOLVED: connection})


def test_conn_007_connection_fields_are_checked() -> None:
    with pytest.raises(ConnectionConfigError, match="field path: is required"):
        run(TableExtractor(), {"table": "t", RESOLVED: {"family": "duckdb", "alias": "x"}})


def test_connection_of_another_family() -> None:
    with pytest.raises(DriverConfigError, match="needs a duckdb connection, not mysql"):
        run(TableExtractor(), {"table": "t", RESOLVED: {"family": "mysql"}})


def test_family_of_a_bare_connection_is_the_drivers() -> None:
    result, _ = run(TableExtractor(), {"table": "t", RESOLVED: {"path": ":memory:"}})
    assert result["data"].read_all().num_rows == 3


@pytest.mark.parametrize(
    ("config", "inputs", "said"),
    [
        ({}, {}, "an input is required"),
        ({}, {"a": {"data": []}, "b": {"data": []}}, r"several inputs \(a, b\)"),
        ({"input": "extrac"}, {"extract": {"data": []}}, "'extrac' is not there. Did you mean 'extract'"),
        ({"input": "x"}, {}, "Inputs are: none"),
        ({}, {"a": {"rows_written": 3}}, "'a' holds no data"),
    ],
)
def test_inputs(config: dict[str, Any], inputs: dict[str, Any], said: str) -> None:
    with pytest.raises(DriverConfigError, match=f"Step s1: .*{said}"):
        run(TableWriter(), {"table": "t", **config}, **inputs)


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("config", None, "config has to be a mapping of fields to values, not NoneType"),
        ("config", [{"table": "t"}], "config has to be a mapping of fields to values, not list"),
        ("config", {"table": "t", RESOLVED: "@duckdb.x"}, "resolved_connection has to be a mapping, .*, not str"),
        ("config", {"table": "t", RESOLVED: 0}, "resolved_connection has to be a mapping, .*, not int"),
        ("inputs", None, "inputs has to be a mapping of names to results, not NoneType"),
        ("inputs", [{"data": []}], "inputs has to be a mapping of names to results, not list"),
        ("inputs", {"a": {"data": []}, "b": None}, "each of the inputs has to be a mapping .*, not NoneType"),
        ("inputs", {"a": pa.table({"data": [1]})}, "each of the inputs has to be a mapping .*, not Table"),
        ("ctx", None, "ctx has to have a method log_metric, not NoneType"),
        ("ctx", Metric("log_metric", 1, "rows", {}), "ctx has to have a method log_metric, not Metric"),
    ],
)
def test_what_a_driver_is_given_has_to_be_of_the_right_kind(argument: str, value: Any, said: str) -> None:
    given: dict[str, Any] = {"config": {"table": "t"}, "inputs": {"a": {"data": []}}, "ctx": RecordingContext()}
    drivers: list[BaseDriver[Any]] = [TableExtractor(), TableWriter()]
    for driver in drivers:
        with pytest.raises(DriverConfigError, match=rf"^Step s1 \({driver.name}\): {said}\.$") as raised:
            driver.run(step_id="s1", **{**given, argument: value})
        assert raised.value.step == "s1"


def test_input_that_is_no_data() -> None:
    with pytest.raises(DataError, match="int"):
        run(TableWriter(), {"table": "t"}, e={"data": 7})


def test_conn_011_step_shows_no_secret() -> None:
    step = Step("s1", TableConfig(table="t"), ResolvedConnection(DUCKDB), {}, RecordingContext())
    assert "s3cret" not in f"{step!r} {step}"
