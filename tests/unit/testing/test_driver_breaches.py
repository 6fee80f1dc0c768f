"""The contracts of drivers notice what breaks them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.base import BaseDriver, Extractor, Writer
from osiris_provider.drivers.step import RESOLVED, Step, StepConfig
from osiris_provider.errors import ConnectionConfigError, DriverConfigError, OsirisError
from osiris_provider.testing import DriverContract, ExtractorContract, RecordingContext, WriterContract
from osiris_provider.testing.driver import STEP

from tests.unit.testing.breaches import NOTICED, breach, promises_of, put_to

SHOP = {"family": "shopify", "alias": "test", "shop_domain": "x.myshopify.com", "access_token": "s3cret-token"}
ROWS = {"extract": {"data": pa.table({"id": [1, 2, 3], "name": ["a", None, "ž"]})}}
STORED: list[int] = []
log = logging.getLogger(__name__)
Run = Callable[..., dict[str, Any]]


class TableConfig(StepConfig):
    table: str
    input: str | None = None


class Rows(Extractor[TableConfig]):
    name = "fake.extractor"
    family = "shopify"
    config_model = TableConfig

    def extract(self, step: Step[TableConfig]) -> Any:
        return ({"data": [{"row": row, "table": step.config.table}]} for row in range(3))


class Store(Writer[TableConfig]):
    name = "fake.writer"
    family = "shopify"
    config_model = TableConfig

    def write(self, step: Step[TableConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
        del step
        rows = reader.read_all().num_rows
        STORED.append(rows)
        return {"rows_written": rows}


class Extracting(ExtractorContract):
    pass


class Writing(WriterContract):
    def written(self, config: dict[str, Any]) -> int:
        del config
        return sum(STORED)


def sound(driver: BaseDriver[Any], **given: Any) -> dict[str, Any]:
    return BaseDriver.run(driver, **given)


def given_config(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Run:
    """Return a run that takes another config for the one that it is given."""

    def run(self: BaseDriver[Any], *, config: dict[str, Any], **others: Any) -> dict[str, Any]:
        return sound(self, config=change(config), **others)

    return run


def after(change: Callable[..., Any]) -> Run:
    """Return a run that does something more at its end, and returns what comes of it, if anything does."""

    def run(self: BaseDriver[Any], **given: Any) -> dict[str, Any]:
        result = sound(self, **given)
        other: dict[str, Any] = change(result, **given) or result
        return other

    return run


def saying(error: Callable[[OsirisError], OsirisError]) -> Run:
    """Return a run whose errors of configuration are others."""

    def run(self: BaseDriver[Any], **given: Any) -> dict[str, Any]:
        try:
            result = sound(self, **given)
        except (ConnectionConfigError, DriverConfigError) as raised:
            other = error(raised)
        else:
            return result
        raise other

    return run


def nothing(*_: Any, **__: Any) -> dict[str, Any]:
    return {"data": pa.table({"a": [1]}).to_reader()}


def report_again(_: Any, *, step_id: str, ctx: RecordingContext, **__: Any) -> None:
    ctx.log_metric("rows_read", 3, unit="rows", tags={"step": step_id})


def tell(_: Any, *, config: dict[str, Any], ctx: RecordingContext, **__: Any) -> None:
    if RESOLVED in config:
        ctx.log_metric("told", 1, tags={"token": config[RESOLVED]["access_token"]})


def log_it(_: Any, *, config: dict[str, Any], **__: Any) -> None:
    log.debug("%s", config)


def once() -> Run:
    """Return a run that can be done once."""
    runs: list[int] = []

    def run(result: Any, **_: Any) -> Any:
        runs.append(1)
        return {"data": result["data"].schema.empty_table().to_reader()} if len(runs) > 1 else result

    return after(run)


def unnamed(_: OsirisError) -> OsirisError:
    return DriverConfigError("No.")


def known_only(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name in ("table", RESOLVED)}


def with_table(config: dict[str, Any]) -> dict[str, Any]:
    return {"table": "t", **config}


def with_shop(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, RESOLVED: SHOP}


def with_input_named(config: dict[str, Any]) -> dict[str, Any]:
    return {"input": "extract", **config}


def with_input(self: Store, **given: Any) -> dict[str, Any]:
    return Store.run(self, **{**given, "inputs": ROWS})


def storing(kept: Callable[[pa.Table], pa.Table], said: int) -> Run:
    """Return what writes a part of the rows, and says another number."""

    def write(_: Any, __: Any, reader: pa.RecordBatchReader) -> dict[str, Any]:
        STORED.append(kept(reader.read_all()).num_rows)
        return {"rows_written": said}

    return write


def first_batch(_: Any, __: Any, reader: pa.RecordBatchReader) -> dict[str, Any]:
    STORED.append(reader.read_next_batch().num_rows)
    return {"rows_written": STORED[-1]}


def batchwise(_: Any, __: Any, reader: pa.RecordBatchReader) -> dict[str, Any]:
    STORED.extend(batch.num_rows for batch in reader)
    return {"rows_written": sum(STORED)}


def swallowing(_: Any, __: Any, reader: pa.RecordBatchReader) -> dict[str, Any]:
    with suppress(ValueError, OsirisError):
        reader.read_all()
    return {"rows_written": 0}


def refusing(*_: Any) -> dict[str, Any]:
    message = "another problem"
    raise ValueError(message)


def counting_early(_: Any, step: Step[TableConfig], reader: pa.RecordBatchReader) -> dict[str, Any]:
    step.metric("rows_written", 3)
    return {"rows_written": reader.read_all().num_rows}


BOTH: list[tuple[str, type[BaseDriver[Any]]]] = [
    ("test_keeps_the_protocol", breach(Rows, name="")),
    ("test_keeps_the_protocol", breach(Rows, run=None)),
    ("test_unknown_config_field_names_step_and_field", breach(Rows, run=given_config(known_only))),
    ("test_unknown_config_field_names_step_and_field", breach(Rows, run=saying(lambda _: DriverConfigError(STEP)))),
    (
        "test_unknown_config_field_names_step_and_field",
        breach(Rows, run=saying(lambda _: DriverConfigError("never_heard_of"))),
    ),
    ("test_missing_config_is_an_error_that_names_the_step", breach(Rows, run=given_config(with_table))),
    (
        "test_missing_config_is_an_error_that_names_the_step",
        breach(Rows, run=saying(unnamed)),
    ),
    ("test_config_is_left_as_it_is", breach(Rows, run=after(lambda _, config, **__: config.update(table="other")))),
    ("test_reports_its_metric_once", breach(Rows, run=after(report_again))),
    ("test_reports_its_metric_once", breach(Rows, extract=lambda *_: pa.table({"row": pa.array([], pa.int8())}))),
    ("test_reports_its_metric_once", breach(Rows, run=nothing)),
    ("test_conn_006_needs_its_connection", breach(Rows, run=given_config(with_shop))),
    ("test_conn_006_needs_its_connection", breach(Rows, run=saying(lambda _: DriverConfigError(STEP)))),
    ("test_conn_006_refuses_another_family", breach(Rows, run=given_config(with_shop))),
    ("test_conn_006_refuses_another_family", breach(Rows, run=saying(lambda _: DriverConfigError(STEP)))),
    ("test_conn_007_missing_connection_fields_are_named_with_the_step", breach(Rows, run=given_config(with_shop))),
    (
        "test_conn_007_missing_connection_fields_are_named_with_the_step",
        breach(Rows, run=saying(lambda error: ConnectionConfigError(error.message, step=error.step))),
    ),
    (
        "test_conn_007_missing_connection_fields_are_named_with_the_step",
        breach(Rows, run=saying(lambda error: ConnectionConfigError(error.message, field=error.field))),
    ),
    ("test_conn_011_shows_no_secret", breach(Rows, run=after(tell))),
    ("test_conn_011_shows_no_secret", breach(Rows, run=after(log_it))),
    ("test_conn_011_shows_no_secret", breach(Rows, __repr__=lambda _: SHOP["access_token"])),
]
READING: list[tuple[str, type[BaseDriver[Any]]]] = [
    ("test_returns_a_stream", breach(Rows, run=after(lambda result, **_: {"data": result["data"].read_all()}))),
    ("test_returns_a_stream", breach(Rows, run=after(report_again))),
    ("test_returns_a_stream", breach(Rows, extract=lambda *_: pa.table({"row": pa.array([], pa.int8())}))),
    ("test_returns_a_stream", breach(Rows, extract=lambda *_: pa.table({"row": [1]}).select([]))),
    ("test_may_be_left_unread", breach(Rows, run=once())),
]
WRITING: list[tuple[str, type[BaseDriver[Any]]]] = [
    ("test_writes_all_rows", breach(Store, write=storing(lambda rows: rows[:2], 3))),
    ("test_writes_all_rows", breach(Store, write=storing(lambda rows: rows, 2))),
    ("test_takes_a_generator_of_chunks", breach(Store, write=first_batch)),
    ("test_input_that_breaks_off_leaves_nothing", breach(Store, write=batchwise)),
    ("test_input_that_breaks_off_leaves_nothing", breach(Store, write=swallowing)),
    ("test_input_that_breaks_off_leaves_nothing", breach(Store, write=counting_early)),
    ("test_input_that_breaks_off_leaves_nothing", breach(Store, write=refusing)),
    ("test_needs_an_input", breach(Store, run=with_input)),
    ("test_needs_an_input", breach(Store, run=saying(lambda _: DriverConfigError(STEP)))),
    ("test_several_inputs_need_a_choice", breach(Store, run=given_config(with_input_named))),
    ("test_several_inputs_need_a_choice", breach(Store, run=saying(lambda _: DriverConfigError(STEP)))),
]


@pytest.fixture
def given(caplog: pytest.LogCaptureFixture) -> Iterator[dict[str, Any]]:
    """What the fixtures of the contract give to its tests."""
    config = {"table": "t"}
    yield {
        "healthy": SHOP,
        "step_config": config,
        "full_config": {**config, RESOLVED: SHOP},
        "inputs": {},
        "ctx": RecordingContext(),
        "caplog": caplog,
    }
    STORED.clear()


def keeps(name: str, driver: BaseDriver[Any], given: dict[str, Any]) -> None:
    if isinstance(driver, Store):
        put_to(Writing(), name, {**given, "driver": driver, "inputs": ROWS})
    else:
        put_to(Extracting(), name, {**given, "driver": driver})


def test_each_test_of_the_contracts_has_a_driver_that_breaks_it() -> None:
    assert {name for name, _ in BOTH} == promises_of(DriverContract)
    assert {name for name, _ in READING} == promises_of(ExtractorContract)
    assert {name for name, _ in WRITING} == promises_of(WriterContract)


@pytest.mark.parametrize("name", dict(BOTH + READING + WRITING))
def test_what_keeps_the_contract_passes(name: str, given: dict[str, Any]) -> None:
    if name not in promises_of(WriterContract):
        keeps(name, Rows(), given)
    if name not in promises_of(ExtractorContract):
        given["ctx"].metrics.clear()
        keeps(name, Store(), given)


@pytest.mark.parametrize(("name", "driver"), BOTH + READING + WRITING)
def test_a_breach_is_noticed(name: str, driver: type[BaseDriver[Any]], given: dict[str, Any]) -> None:
    with pytest.raises(NOTICED):
        keeps(name, driver(), given)
