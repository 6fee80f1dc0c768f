"""What every driver promises."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.model import META_KEYS
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.base import BaseDriver, Driver
from osiris_provider.drivers.step import RESOLVED
from osiris_provider.errors import ConnectionConfigError, DriverConfigError, OsirisError
from osiris_provider.testing.connector import given
from osiris_provider.testing.context import Metric, RecordingContext
from osiris_provider.testing.secrecy import assert_silent

STEP = "the_step"


class DriverContract:
    """The contract of a driver.

    :cvar driver_name: as its entry point calls it.
    :cvar connection: the fields of a connection that it works with; None for a driver that needs none. Override
        fixture ``healthy`` if a test has to prepare it.
    :cvar config: a config that works, without the connection; override fixture ``step_config`` alike.
    :cvar metric: the figure that it reports.
    """

    driver_name: ClassVar[str]
    connection: ClassVar[Mapping[str, Any] | None] = None
    config: ClassVar[Mapping[str, Any]]
    metric: ClassVar[str]

    @pytest.fixture
    def driver(self) -> Any:
        """A new driver."""
        return get_driver(given(self, "driver_name", "driver"))

    @pytest.fixture
    def healthy(self, driver: BaseDriver[Any]) -> Any:
        """The resolved connection that it works with; None for a driver that needs none."""
        if self.connection is None:
            return None
        return {"family": driver.family, "alias": "test", **self.connection}

    @pytest.fixture
    def step_config(self) -> Any:
        """A config that works, without the connection."""
        return dict(given(self, "config", "step_config"))

    @pytest.fixture(autouse=True)
    def _closed(self) -> Iterator[None]:
        yield
        close_all()

    @pytest.fixture
    def inputs(self) -> dict[str, dict[str, Any]]:
        """The inputs that it needs; none for an extractor."""
        return {}

    @pytest.fixture
    def ctx(self) -> RecordingContext:
        return RecordingContext()

    @pytest.fixture
    def full_config(self, step_config: dict[str, Any], healthy: dict[str, Any] | None) -> dict[str, Any]:
        """The config as a runner passes it."""
        return step_config if healthy is None else {**step_config, RESOLVED: healthy}

    def test_keeps_the_protocol(self, driver: BaseDriver[Any]) -> None:
        assert isinstance(driver, Driver)
        assert driver.name

    def test_unknown_config_field_names_step_and_field(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        with pytest.raises(DriverConfigError) as raised:
            driver.run(step_id=STEP, config={**full_config, "never_heard_of": 1}, inputs=inputs, ctx=ctx)
        assert STEP in str(raised.value)
        assert "never_heard_of" in str(raised.value)

    def test_missing_config_is_an_error_that_names_the_step(
        self, driver: BaseDriver[Any], healthy: dict[str, Any] | None, inputs: Any, ctx: RecordingContext
    ) -> None:
        config = {} if healthy is None else {RESOLVED: healthy}
        with pytest.raises(DriverConfigError, match=STEP):
            driver.run(step_id=STEP, config=config, inputs=inputs, ctx=ctx)

    def test_config_is_left_as_it_is(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        before = dict(full_config)
        finish(driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx))
        assert full_config == before

    def test_reports_its_metric_once(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        rows = finish(driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx))
        assert rows > 0, "config reads or writes no rows"
        assert [one for one in ctx.metrics if one.name == self.metric] == [
            Metric(self.metric, rows, "rows", {"step": STEP})
        ]

    def test_conn_006_needs_its_connection(
        self, driver: BaseDriver[Any], step_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        if driver.family is None:
            finish(driver.run(step_id=STEP, config=step_config, inputs=inputs, ctx=ctx))
            return
        with pytest.raises(DriverConfigError, match=rf"{STEP}.*resolved_connection"):
            driver.run(step_id=STEP, config=step_config, inputs=inputs, ctx=ctx)

    def test_conn_006_refuses_another_family(
        self, driver: BaseDriver[Any], step_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        if driver.family is None:
            return
        with pytest.raises(DriverConfigError, match=rf"{STEP}.*no_such_family"):
            driver.run(
                step_id=STEP, config={**step_config, RESOLVED: {"family": "no_such_family"}}, inputs=inputs, ctx=ctx
            )

    def test_conn_007_missing_connection_fields_are_named_with_the_step(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        connection = full_config.get(RESOLVED, {})
        for missing in connection:
            fields = {name: value for name, value in connection.items() if name != missing}
            if missing in META_KEYS or not get_connector(str(driver.family)).model.coerce(fields)[1]:
                continue
            with pytest.raises(ConnectionConfigError, match=rf"(?s)^Step {STEP}: .*\b{missing}\b") as raised:
                driver.run(step_id=STEP, config={**full_config, RESOLVED: fields}, inputs=inputs, ctx=ctx)
            assert (raised.value.step, raised.value.field) == (STEP, missing)

    def test_conn_011_shows_no_secret(
        self,
        driver: BaseDriver[Any],
        full_config: dict[str, Any],
        inputs: Any,
        ctx: RecordingContext,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        shown = [driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx)]
        finish(shown[0])
        connection = full_config.get(RESOLVED, {})
        declared = get_connector(driver.family).model.declared() if driver.family else {}
        for name in [name for name, spec in declared.items() if spec.secret and connection.get(name)]:
            assert_silent(str(connection[name]), driver, shown, ctx.metrics, caplog.text)


class ExtractorContract(DriverContract):
    """The contract of a driver that reads."""

    metric = "rows_read"

    def test_returns_a_stream(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        import pyarrow as pa

        result = driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx)
        assert isinstance(result["data"], pa.RecordBatchReader)
        assert not ctx.metrics, "counted before it was read"
        table = result["data"].read_all()
        assert table.num_rows > 0
        assert table.num_columns > 0

    def test_may_be_left_unread(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx)
        rows = finish(driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx))
        assert rows > 0


class WriterContract(DriverContract):
    """The contract of a driver that writes its one input."""

    metric = "rows_written"

    @pytest.fixture
    def inputs(self) -> dict[str, dict[str, Any]]:
        """One input that fits the config."""
        import pyarrow as pa

        return {"extract": {"data": pa.table({"id": [1, 2, 3], "name": ["a", None, "ž"]})}}

    def written(self, config: dict[str, Any]) -> int:
        """Return how many rows are there now, read by other means than the driver."""
        raise NotImplementedError

    def test_writes_all_rows(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        result = driver.run(step_id=STEP, config=full_config, inputs=inputs, ctx=ctx)
        assert result["rows_written"] == 3
        assert self.written(full_config) == 3

    def test_takes_a_generator_of_chunks(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        table = inputs["extract"]["data"]
        chunks = ({"data": table.slice(start, 1)} for start in range(table.num_rows))
        driver.run(step_id=STEP, config=full_config, inputs={"extract": {"data": chunks}}, ctx=ctx)
        assert self.written(full_config) == 3

    def test_input_that_breaks_off_leaves_nothing(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        def breaking() -> Any:
            yield inputs["extract"]["data"]
            message = "the extractor broke off"
            raise ValueError(message)

        with pytest.raises((ValueError, OsirisError), match="the extractor broke off"):
            driver.run(step_id=STEP, config=full_config, inputs={"extract": {"data": breaking()}}, ctx=ctx)
        assert self.written(full_config) == 0
        assert not ctx.metrics

    def test_needs_an_input(self, driver: BaseDriver[Any], full_config: dict[str, Any], ctx: RecordingContext) -> None:
        with pytest.raises(DriverConfigError, match=rf"{STEP}.*input"):
            driver.run(step_id=STEP, config=full_config, inputs={}, ctx=ctx)

    def test_several_inputs_need_a_choice(
        self, driver: BaseDriver[Any], full_config: dict[str, Any], inputs: Any, ctx: RecordingContext
    ) -> None:
        import pyarrow as pa

        both = {**inputs, "other": {"data": pa.table({"zz": [1]})}}
        with pytest.raises(DriverConfigError, match=rf"{STEP}.*extract, other"):
            driver.run(step_id=STEP, config=full_config, inputs=both, ctx=ctx)
        driver.run(step_id=STEP, config={**full_config, "input": "extract"}, inputs=both, ctx=ctx)
        assert self.written(full_config) == 3


def finish(result: dict[str, Any]) -> int:
    """Read a result to its end and return the number of its rows."""
    if "data" in result:
        return sum(batch.num_rows for batch in result["data"])
    return int(next(value for name, value in result.items() if name.startswith("rows_")))
