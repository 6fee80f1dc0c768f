"""Running a pipeline in this process, through the same staging as in Airflow, but without it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osiris_provider.connections.resolve import FileArgument, resolve_connection
from osiris_provider.connectors.registry import close_all, stop_all
from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.registry import get_driver
from osiris_provider.drivers.step import REFERENCE, RESOLVED
from osiris_provider.errors import DriverConfigError
from osiris_provider.pipelines.params import substitute
from osiris_provider.pipelines.pipeline import Pipeline, PipelineStep, load_pipeline
from osiris_provider.pipelines.run.given import given_data
from osiris_provider.pipelines.run.overlap import Overlap, can_overlap
from osiris_provider.pipelines.run.plan import param_values, planned_steps
from osiris_provider.pipelines.run.result import Outcome, RunResult
from osiris_provider.pipelines.run.scratch import Scratch
from osiris_provider.pipelines.run.state import RunState, StepState
from osiris_provider.pipelines.run.trigger_rules import without_running
from osiris_provider.pipelines.run.upstream import UpstreamDriver
from osiris_provider.pipelines.templates import render, template_context
from osiris_provider.runtime.results import keep_result, naming_damage, without_secrets
from osiris_provider.runtime.staging import StagedData, Staging
from osiris_provider.runtime.state import StateStore
from osiris_provider.storage.files import local_url, path_of

if TYPE_CHECKING:
    import pyarrow as pa

Watch = Callable[[str, "Outcome | None", int], None]
"""Is called for each step: when it begins (None), while it returns rows (None, how many), and when it has ended."""


@dataclass(frozen=True)
class RunOptions:
    """How to run.

    :param given: data that takes the place of steps, by step; tables, frames, or paths of CSV or Parquet files.
    :param until: the last step to run.
    :param params: values of parameters, by name.
    :param at: the moment for which it runs; now if it is not given.
    :param write: False leaves out the steps that write.
    :param state: path or URL where incremental steps keep how far they have read.
    :param connections_file: path of the connections file; None looks in the standard locations.
    """

    given: Mapping[str, Any] = field(default_factory=dict)
    until: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    write: bool = True
    state: str | os.PathLike[str] | None = None
    connections_file: FileArgument = None


def run_pipeline(
    path: str | os.PathLike[str],
    *,
    given: Mapping[str, Any] | None = None,
    until: str | None = None,
    params: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    write: bool = True,
    state: str | os.PathLike[str] | None = None,
    connections_file: FileArgument = None,
) -> RunResult:
    """Run a pipeline in this process and return the results of its steps as Arrow tables, by step.

    :param path: of the YAML.
    :param given: results that take the place of steps, by step: tables or frames, or paths of CSV or Parquet files.
    :param until: the last step; what it does not need is left out.
    :param params: values of the pipeline's parameters.
    :param at: for which moment it runs, for templates and incremental steps; now if it is not given.
    :param write: False leaves out the steps that write.
    :param state: path or URL where incremental steps keep how far they have read.
    :param connections_file: path of the connections file; None looks in the standard locations.
    :return: a mapping; each table is read when it is asked for. Steps that write return none.
    :raises PipelineConfigError: the pipeline, or an argument, is wrong.
    :raises Exception: what the first step that failed has raised, after all other branches have run.
    """
    options = RunOptions(given or {}, until, params or {}, at, write, state, connections_file)
    result = Run(load_pipeline(path), options).execute()
    failed = next((outcome.error for outcome in result.outcomes.values() if outcome.error is not None), None)
    if failed is not None:
        result.close()
        raise failed
    return result


class StepContext:
    """What a driver may ask of a run; see :class:`~osiris_provider.drivers.step.RunContext`."""

    load_id = None

    def __init__(self, state: StepState) -> None:
        self.state = state
        self.metrics: list[dict[str, Any]] = []

    def log_metric(
        self, name: str, value: float, *, unit: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Keep a figure."""
        self.metrics.append({"name": name, "value": value, "unit": unit, "tags": dict(tags or {})})


class Run:
    """One run of a pipeline.

    :param pipeline: that was checked.
    :param options: how to run it.
    :param watch: is called with how far it is.
    :raises PipelineConfigError: an option names a step or parameter that is not there, or a value is missing.
    """

    def __init__(self, pipeline: Pipeline, options: RunOptions, watch: Watch = lambda *_: None) -> None:
        self._pipeline = pipeline
        self._options = options
        self._watch = watch
        self._planned = planned_steps(pipeline, options.given, options.until)
        self._params = param_values(pipeline, options.params)
        at = options.at or datetime.now(timezone.utc)
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        self._run_id = f"run__{datetime.now(timezone.utc).isoformat()}"
        self._templates = template_context(pipeline.id, at, self._params, self._run_id)
        store = StateStore(_url(options.state), open_path) if options.state else None
        self._state = RunState(store, pipeline.id, self._run_id, at)
        self._outcomes: dict[str, Outcome] = {}
        self._staged: dict[str, StagedData] = {}
        self._begun: dict[str, tuple[Overlap, StepContext]] = {}

    def execute(self) -> RunResult:
        """Run all steps; branches go on after a failure.

        :raises KeyboardInterrupt: all servers were asked to stop.
        """
        folder = Scratch()
        self._staging = Staging(local_url(folder.path), open_path)
        try:
            for step in self._pipeline.steps.values():
                self._outcomes[step.id] = outcome = self._outcome(step)
                self._watch(step.id, outcome, outcome.rows or 0)
            if not any(outcome.status == "failed" for outcome in self._outcomes.values()):
                self._state.keep(self._unreached)
        except BaseException:
            stop_all()
            folder.close()
            raise
        finally:
            close_all()
        return RunResult(self._outcomes, self._staged, self._staging, folder)

    def _unreached(self, step_id: str) -> str | None:
        """Return the first step that should have got rows of a step, by way of others too, and has not worked."""
        with_rows = {step_id}
        for step in self._pipeline.steps.values():
            if with_rows.intersection(step.inputs.values()):
                if self._outcomes[step.id].status != "done":
                    return step.id
                with_rows.add(step.id)
        return None

    def _outcome(self, step: PipelineStep) -> Outcome:
        if step.id not in self._planned:
            return Outcome(step.id, "left out")
        if step.id not in self._options.given:
            before = [self._outcomes[name] for name in step.after]
            left = without_running(self._rule(step), before)
            if left is not None:
                return Outcome(step.id, left[0], message=left[1])
            if step.kind == "write" and not self._options.write:
                return Outcome(step.id, "not written")
        return self._timed(step)

    def _rule(self, step: PipelineStep) -> str:
        return step.options.trigger_rule or self._pipeline.settings.trigger_rule or "all_success"

    def _timed(self, step: PipelineStep) -> Outcome:
        self._watch(step.id, None, 0)
        began = time.monotonic()
        overlap, context = self._begun.pop(step.id, None) or (None, StepContext(self._state.of_step(step.id)))
        is_given = step.id in self._options.given
        outcome = Outcome(step.id, "given" if is_given else "done", metrics=context.metrics)
        try:
            already = overlap.result() if overlap else None
            returned = already or (self._given(step) if is_given else self._work(step, context))
            rows = returned.get("rows", returned.get("rows_written"))
            outcome.rows = rows if isinstance(rows, int) else None
        except Exception as error:  # noqa: BLE001 - whatever fails, the other branches go on
            outcome.status, outcome.error = "failed", error
            outcome.message = str(error) or type(error).__name__
        outcome.seconds = time.monotonic() - began + (overlap.seconds if overlap else 0.0)
        return outcome

    def _given(self, step: PipelineStep) -> dict[str, Any]:
        data = given_data(step.id, self._options.given[step.id])
        return self._kept(step, {"data": data})

    def _work(
        self, step: PipelineStep, context: StepContext, reader: pa.RecordBatchReader | None = None
    ) -> dict[str, Any]:
        """Do the work of a step.

        :param reader: its input, which still flows; None takes those that are staged.
        """
        config = self._config(step)
        inputs = {
            name: self._input(step, name, of) if reader is None else {"data": reader}
            for name, of in step.inputs.items()
        }
        driver: Driver = get_driver(step.driver)
        if step.adapted:
            driver = UpstreamDriver(driver, step.adapted)

        def work() -> dict[str, Any]:
            result = driver.run(step_id=step.id, config=config, inputs=inputs, ctx=context)
            return self._kept(step, result, self._beside(step, driver))

        return without_secrets(config.get(RESOLVED), lambda: naming_damage(inputs.values(), work))

    def _beside(self, step: PipelineStep, driver: Driver) -> Overlap | None:
        """Return a writer that takes the rows of a step while they come; None if all have to wait for its end."""
        for writer in self._pipeline.steps.values():
            waits_for = {*writer.inputs.values(), *writer.after}
            chosen = writer.id in self._planned and writer.id not in self._options.given and self._options.write
            if waits_for != {step.id} or not chosen or writer.adapted or self._rule(writer) != "all_success":
                continue
            if can_overlap(driver, get_driver(writer.driver)):
                context = StepContext(self._state.of_step(writer.id))
                overlap = Overlap(partial(self._work, writer, context))
                self._begun[writer.id] = overlap, context
                return overlap
        return None

    def _config(self, step: PipelineStep) -> dict[str, Any]:
        config: dict[str, Any] = substitute(render(step.config, self._templates, step.id), self._params)
        reference = config.get(REFERENCE)
        if reference is None:
            return config
        return {**config, RESOLVED: resolve_connection(reference, self._options.connections_file)}

    def _input(self, step: PipelineStep, name: str, of: str) -> Mapping[str, Any]:
        if of in self._staged:
            return self._staging.read(self._staged[of])
        status = self._outcomes[of].status
        message = f"input '{name}' is not there: step {of} is {status}, or returned no data."
        raise DriverConfigError.in_step(step.id, message)

    def _kept(self, step: PipelineStep, result: Any, overlap: Overlap | None = None) -> dict[str, Any]:
        path_parts = [self._pipeline.id, self._run_id, step.id, "0", "1"]

        def watched(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
            counted = self._counted(step, reader)
            return overlap.tee(counted) if overlap else counted

        with overlap or nullcontext():
            returned = keep_result(step.id, result, self._staging, path_parts, watched)
        staged = StagedData.parse(returned)
        if staged is not None:
            self._staged[step.id] = staged
        return returned

    def _counted(self, step: PipelineStep, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        import pyarrow as pa

        def batches() -> Any:
            rows = 0
            for batch in reader:
                rows += batch.num_rows
                self._watch(step.id, None, rows)
                yield batch

        return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _url(state: str | os.PathLike[str]) -> str:
    state = os.fspath(state)
    return state if "://" in state else local_url(Path(state).expanduser().absolute())


def open_path(url: str) -> Any:
    """Return a URL as a path object, for staging and state."""
    from upath import UPath

    return path_of(url, UPath)
