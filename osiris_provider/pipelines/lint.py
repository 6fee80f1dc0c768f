"""What ``validate`` looks at beside the file itself: its connections, and the SQL over results of steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from osiris_provider.connections.find import find_entry
from osiris_provider.connections.load import FileArgument, load_connections
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.drivers.query_check import ChecksQuery, QueryCheck
from osiris_provider.drivers.registry import get_driver
from osiris_provider.drivers.step import REFERENCE
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError, DriverConfigError, OsirisError
from osiris_provider.pipelines.file import MAX_TEMPLATE_CHARS
from osiris_provider.pipelines.folder import find_pipelines
from osiris_provider.pipelines.model import After
from osiris_provider.pipelines.params import substitute
from osiris_provider.pipelines.pipeline import Pipeline, PipelineStep, check_pipeline
from osiris_provider.pipelines.problems import Location, Problem, Problems, TooManyProblemsError
from osiris_provider.pipelines.templates import (
    date_problem,
    has_template,
    render,
    renders_soon,
    template_context,
    template_problem,
)

MAX_QUERY = 64 * 1024
"""Characters of a query that is checked; DuckDB needs seconds for longer ones."""
MAX_SECONDS = 4
"""Of computing, for the queries of a pipeline."""


def check_paths(
    paths: Sequence[Path], connections_file: FileArgument = None, *, connections: bool = True
) -> tuple[list[Path], list[Problem]]:
    """Check pipelines, and return their files and all that is wrong.

    :param paths: files, or folders of them.
    :param connections_file: path of the connections file; None looks in the standard locations.
    :param connections: whether the connections are looked up in it. If there is no file they are not.
    """
    files = [file for path in paths for file in (find_pipelines(path, top=Path()) if path.is_dir() else [path])]
    problems: list[Problem] = []
    first: dict[str, Path] = {}
    for file in dict.fromkeys(files):
        other = first.setdefault(file.stem, file)
        if other is not file:
            message = f"the DAG id '{file.stem}' is taken by {other} already; rename one of the two files"
            problems.append(Problem(file, 1, message))
        problems += _check(file, connections_file, connections=connections)
    return list(dict.fromkeys(files)), problems


def _check(path: Path, connections_file: FileArgument, *, connections: bool) -> list[Problem]:
    pipeline, problems = check_pipeline(path)
    if pipeline is None:
        return problems
    more = Problems(path, pipeline.source.problems.lines)
    try:
        if connections:
            _check_connections(pipeline, connections_file, more)
        _check_dates(pipeline, more)
        _check_queries(pipeline, more, problems)
    except TooManyProblemsError:
        pass
    return sorted([*problems, *more.items], key=lambda problem: (problem.file != path, problem.line))


def _check_connections(pipeline: Pipeline, file: FileArgument, problems: Problems) -> None:
    try:
        known = load_connections(file)
    except ConnectionNotFoundError:
        return
    except ConnectionConfigError as error:
        problems.add((), f"the connections cannot be looked up: {error.message}")
        return
    for step in pipeline.steps.values():
        reference = step.config.get(REFERENCE)
        if not isinstance(reference, str):
            continue
        try:
            find_entry(known, ConnectionRef.parse(reference))
        except ConnectionNotFoundError as error:
            where = (*step.location, "config", REFERENCE)
            problems.add(where, f"config field connection: {error.message}", step.id)
        except ConnectionConfigError:
            # It is no reference before it is rendered; or what is wrong with it has been found already.
            continue


def _check_dates(pipeline: Pipeline, problems: Problems) -> None:
    """Find templates with a date that Airflow does not have; runs that wait for tables have no logical date."""
    dated = not isinstance(pipeline.settings.schedule, After)
    if pipeline.source.template_chars > MAX_TEMPLATE_CHARS:
        return
    for step in pipeline.steps.values():
        for location, text in _texts(step.config, ()):
            is_readable = has_template(text) and template_problem(text) is None
            wrong = date_problem(text, dated=dated) if is_readable else None
            if wrong is not None:
                file, line = _location(pipeline, step, location, wrong[0])
                dotted = ".".join(map(str, location))
                problems.add_at(file, line, f"config field {dotted}: {wrong[1]}", step.id, dotted)


def _texts(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*location, key))


def _check_queries(pipeline: Pipeline, problems: Problems, known: Sequence[Problem]) -> None:
    """Check the queries; of steps with which something else is wrong, only whether they can be parsed."""
    wrong = {problem.step for problem in known}
    texts = {problem.step for problem in known if problem.file != pipeline.path or _is_query(problem.field or "")}
    columns: dict[str, Sequence[str] | None] = {}
    seconds = 0.0
    for step in pipeline.steps.values():
        if step.id in texts:
            continue
        if seconds >= MAX_SECONDS:
            message = f"queries from here on were not checked: those before took {seconds:.0f} s; split the pipeline"
            problems.add(step.location, message, step.id)
            return
        check = _checked_query(pipeline, step, columns, parse_only=step.id in wrong)
        columns[step.id] = check.columns
        seconds += check.seconds
        if check.problem is not None:
            file, line = _location(pipeline, step, ("query",), check.line)
            problems.add_at(file, line, f"config field query: {check.problem}", step.id, "query")


def _is_query(field: str) -> bool:
    return ".config.query" in field or ".config.params" in field


def _checked_query(
    pipeline: Pipeline, step: PipelineStep, columns: Mapping[str, Sequence[str] | None], *, parse_only: bool
) -> QueryCheck:
    chosen = step.config.get("columns")
    if step.kind == "read":
        known = isinstance(chosen, list) and all(isinstance(name, str) and "{" not in name for name in chosen)
        return QueryCheck(columns=chosen if known else None)
    driver = get_driver(step.driver)
    query = step.config.get("query")
    if not isinstance(driver, ChecksQuery) or not isinstance(query, str):
        return QueryCheck()
    params = step.config.get("params")
    texts = [query, *(params if isinstance(params, list) else [params])]
    # Nothing is rendered or parsed that could take long.
    if len(query) > MAX_QUERY or not all(renders_soon(text) for text in texts if isinstance(text, str)):
        return QueryCheck()
    defaults = pipeline.defaults()
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    try:
        context = template_context(pipeline.id, moment, defaults, "validate")
        text, values = (substitute(render(value, context, step.id), defaults) for value in (query, params))
        tables = {name: columns.get(of) for name, of in step.inputs.items()}
        return driver.check_query(str(text), tables, values, alone=not parse_only and REFERENCE not in step.config)
    except DriverConfigError:
        # Its templates need more than is known here.
        return QueryCheck()
    except OsirisError as error:
        return QueryCheck(error.message)


def _location(pipeline: Pipeline, step: PipelineStep, field: Location, line: int) -> tuple[Path, int]:
    if field in step.sql_files:
        return step.sql_files[field], line
    return pipeline.path, pipeline.source.line_of((*step.location, "config", *field), line)
