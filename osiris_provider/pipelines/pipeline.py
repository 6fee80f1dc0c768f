"""A pipeline that was read and checked, ready to become a DAG or to run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.drivers.base import BaseDriver, Driver, Extractor, Writer
from osiris_provider.drivers.step import REFERENCE
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.pipelines.configs import ReadConfig, check_config, find_driver, read_config
from osiris_provider.pipelines.dialects import Dialect, Draft, StepDraft, input_names, read_draft
from osiris_provider.pipelines.file import Source, read_source
from osiris_provider.pipelines.graph import Edges, Kind, check_data, check_rules, edges_of, sorted_steps
from osiris_provider.pipelines.model import AirflowTask, Options, PipelineModel
from osiris_provider.pipelines.params import Param, read_params
from osiris_provider.pipelines.problems import Location, Problem, TooManyProblemsError, error_of
from osiris_provider.pipelines.settings import MAX_URI, asset_uri, check_fail_fast, check_own_tables, check_settings


@dataclass(frozen=True)
class PipelineStep:
    """A step.

    :param config: with the texts of its ``.sql`` files; templates and parameters are not replaced yet.
    :param inputs: steps by the name that their result has.
    :param after: all steps that have to be done before.
    :param kind: what its driver does with data.
    :param adapted: its driver is none of this package's, and may follow the protocol of upstream Osiris: the dialect
        that says what it is given.
    :param asset: the URI of the table that it writes, if that is known before the run.
    """

    id: str
    line: int
    location: Location
    driver: str
    kind: Kind
    config: dict[str, Any]
    inputs: Mapping[str, str]
    after: tuple[str, ...]
    options: Options
    airflow: AirflowTask | None
    adapted: Dialect | None
    asset: str | None
    sql_files: Mapping[Location, Path]

    @property
    def incremental(self) -> bool:
        """Whether it reads what is new since the run before."""
        return bool(self.config.get("incremental"))


@dataclass(frozen=True)
class Pipeline:
    """A pipeline.

    :param id: the file's name without its suffix; the id of the DAG.
    :param steps: by id, each after those it waits for.
    :param digest: changes with each byte of the YAML and of its ``.sql`` files.
    :param values: what stands in the file.
    """

    id: str
    path: Path
    text: str
    digest: str
    dialect: Dialect
    settings: PipelineModel
    params: dict[str, Param]
    steps: dict[str, PipelineStep]
    source: Source

    def defaults(self) -> dict[str, Any]:
        """Return the values of the parameters that have one."""
        return {name: param.default for name, param in self.params.items() if not param.required}


def load_pipeline(path: str | os.PathLike[str]) -> Pipeline:
    """Read and check a pipeline; nothing is connected to, and no connection is looked up.

    :param path: of the YAML.
    :raises PipelineConfigError: names all that is wrong, each with file and line.
    """
    pipeline, problems = check_pipeline(Path(path))
    if pipeline is None or problems:
        raise error_of(problems)
    return pipeline


def check_pipeline(path: Path) -> tuple[Pipeline | None, list[Problem]]:
    """Read and check a pipeline, and return it with all that is wrong.

    :param path: of the YAML.
    :return: the pipeline, None if it is so wrong that there is none; and the problems. If there are some, the pipeline
        may lack steps, and steps inputs: it is good for looking for further problems only.
    """
    problems: list[Problem] = []
    source: Source | None = None
    pipeline: Pipeline | None = None
    try:
        source = read_source(path)
        draft = read_draft(source)
        pipeline = None if draft is None else _compiled(draft, source)
    except TooManyProblemsError as error:
        problems = list(error.args[0])
    return pipeline, problems or (source.problems.sorted() if source else [])


def _compiled(draft: Draft, source: Source) -> Pipeline | None:
    params = read_params(draft.settings.params, source.problems)
    drivers = {step.id: find_driver(step, draft.driver_key, source) for step in draft.steps}
    kinds: dict[str, Kind] = {step.id: kind_of(drivers[step.id], step) for step in draft.steps}
    edges = edges_of(draft, kinds, source.problems)
    check_data(draft, edges, kinds, source.problems)
    order = sorted_steps(draft, edges, source.problems)
    check_rules(draft, edges, order, source.problems)
    steps: dict[str, PipelineStep] = {}
    for step in draft.steps:
        config = read_config(step, params, source)
        driver = drivers[step.id]
        if driver is not None:
            _check_mode(draft, step, driver, source)
            check_config(driver, step, config, params, source)
            steps[step.id] = _step(draft, step, config, driver, edges[step.id], source)
    check_settings(draft.settings, params, source.problems)
    check_fail_fast(draft, source.problems)
    check_own_tables(draft.settings, {name: step.asset for name, step in steps.items()}, source.problems)
    if not steps:
        return None
    return Pipeline(
        source.path.stem,
        source.path,
        source.text,
        source.digest(),
        draft.dialect,
        draft.settings,
        params,
        # Where steps wait for each other, or are missing, that is among the problems.
        {name: steps[name] for name in dict.fromkeys([*order, *steps]) if name in steps},
        source,
    )


def kind_of(driver: Driver | None, step: StepDraft) -> Kind:
    """Return what a step does with data: its driver knows, or OML's ``mode`` says it."""
    if isinstance(driver, Extractor):
        return "read"
    if isinstance(driver, Writer):
        return "write"
    if isinstance(driver, BaseDriver):
        return "transform"
    return step.mode or "any"


def _check_mode(draft: Draft, step: StepDraft, driver: Driver, source: Source) -> None:
    kind = kind_of(driver, step)
    if draft.dialect == "oml" and step.mode != kind:
        message = f"mode: {step.mode} does not go with component {step.driver}; write mode: {kind}"
        source.problems.add((*step.location, "mode"), message, step.id)


def _step(
    draft: Draft, step: StepDraft, config: ReadConfig, driver: Driver, edges: Edges, source: Source
) -> PipelineStep:
    kind = kind_of(driver, step)
    adapted = None if isinstance(driver, BaseDriver) else draft.dialect
    names = draft.dialect == "oml" and kind == "transform" and not adapted
    return PipelineStep(
        step.id,
        source.problems.line(step.location),
        step.location,
        step.driver,
        kind,
        config.value,
        input_names(edges.inputs) if names else edges.inputs,
        edges.after,
        step.options,
        step.airflow,
        adapted,
        _asset(config) if kind == "write" else None,
        config.files,
    )


def _asset(config: ReadConfig) -> str | None:
    """Return the URI of a table that is known before the run, of the reference as it is written."""
    reference, table = config.value.get(REFERENCE), config.value.get("table")
    opened = {location[0] for location in config.open if location}
    if not isinstance(reference, str) or not isinstance(table, str) or opened & {REFERENCE, "table"}:
        return None
    if "${" in reference or "${" in table:
        return None
    try:
        uri = asset_uri(ConnectionRef.parse(reference), table)
    except ConnectionConfigError:
        return None
    # No server has tables with such names; the writer will say so.
    return uri if len(uri) <= MAX_URI else None
