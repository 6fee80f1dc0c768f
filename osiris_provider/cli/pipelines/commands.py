"""The commands ``osiris pipelines …``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from osiris_provider.cli import completion
from osiris_provider.cli.groups import Group, file_option, json_option
from osiris_provider.cli.output import MISCONFIGURED, UNHEALTHY, reported, say, write, write_json
from osiris_provider.messages import printable

PICTURES = ("text", "mermaid", "dot")


def _pairs(_context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name:
            message = f"{value!r} is not {parameter.metavar}."
            raise click.BadParameter(message)
        if name in pairs:
            message = f"{name} is given more than once; keep one."
            raise click.BadParameter(message)
        pairs[name] = rest
    return pairs


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    from pydantic import TypeAdapter, ValidationError

    from osiris_provider.pipelines.model import Moment

    if value is None:
        return None
    try:
        return TypeAdapter[datetime](Moment).validate_python(value)
    except ValidationError:
        message = f"{value!r} is not a time such as 2026-01-31 or 2026-01-31T06:00:00Z."
        raise click.BadParameter(message) from None


@click.group(cls=Group)
def pipelines() -> None:
    """Check pipelines, and run them without Airflow."""
    # Drivers of the project's own are found as Python finds modules: from here, but in place of no library.
    if "" not in sys.path:
        sys.path.append("")


@pipelines.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--no-connections", is_flag=True, help="Do not look connections up: Airflow has them, not the file.")
@file_option
@json_option
def validate(paths: tuple[Path, ...], no_connections: bool, file: str | None, as_json: bool) -> int:
    """Find everything that is wrong with pipelines, without connecting to anything.

    PATHS are files, or folders of them; the folder pipelines if there is none. Exit code 3 if there are problems.
    """
    from osiris_provider.pipelines.lint import check_paths

    with reported(as_json):
        paths = paths or (_default_folder(),)
        files, problems = check_paths(paths, file, connections=not no_connections)
    if as_json:
        write_json({"files": [str(path) for path in files], "problems": [problem.as_dict() for problem in problems]})
    else:
        lines = [printable(problem) for problem in problems]
        counts = f"{len(files)} {'pipeline' if len(files) == 1 else 'pipelines'}, "
        counts += f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}"
        write("\n".join([*lines, counts if problems or not files else f"{counts}: ok"]))
    if not files:
        where = ", ".join(map(str, paths))
        say(f"error: there is no pipeline in {where}: no .yaml or .yml file that .airflowignore leaves.")
    return MISCONFIGURED if problems or not files else 0


def _default_folder() -> Path:
    folder = Path("pipelines")
    if not folder.is_dir():
        message = "There is no folder pipelines here; name a file or a folder."
        raise click.UsageError(message)
    return folder


@pipelines.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--param",
    "params",
    multiple=True,
    callback=_pairs,
    metavar="NAME=VALUE",
    shell_complete=completion.params,
    help="A parameter's value.",
)
@click.option(
    "--until",
    metavar="STEP",
    shell_complete=completion.steps,
    help="The last step to run, with those that it needs.",
)
@click.option(
    "--given",
    multiple=True,
    callback=_pairs,
    metavar="STEP=FILE",
    shell_complete=completion.files_of_steps,
    help="A CSV or Parquet file for a step.",
)
@click.option("--at", callback=_moment, metavar="TIME", help="The time for which it runs. Default: now.")
@click.option("--no-write", is_flag=True, help="Leave out the steps that write.")
@click.option("--state", metavar="PATH", help="Where incremental steps keep how far they have read. Default: nowhere.")
@file_option
@json_option
def run(path: Path, file: str | None, as_json: bool, no_write: bool, **options: Any) -> int:
    """Run a pipeline in this process, without Airflow.

    Exit code 1: a step failed; steps that do not depend on it have run.
    """
    from osiris_provider.cli.pipelines.run import run_and_show
    from osiris_provider.pipelines.pipeline import load_pipeline
    from osiris_provider.pipelines.run import Run, RunOptions

    with reported(as_json):
        pipeline = load_pipeline(path)
        known = pipeline.params
        given = options.pop("params")
        params = {name: known[name].parsed(text) if name in known else text for name, text in given.items()}
        chosen = RunOptions(params=params, write=not no_write, connections_file=file, **options)

        def prepared(watch: Callable[..., None]) -> Run:
            return Run(pipeline, chosen, watch)

        succeeded = run_and_show(pipeline, prepared, as_json=as_json)
    return 0 if succeeded else UNHEALTHY


@pipelines.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format", "picture", type=click.Choice(PICTURES), default="text", show_default=True, help="Of what form."
)
def graph(path: Path, picture: str) -> None:
    """Print the graph of a pipeline."""
    from osiris_provider.pipelines import pictures
    from osiris_provider.pipelines.pipeline import load_pipeline

    with reported(as_json=False):
        pipeline = load_pipeline(path)
    write(str(getattr(pictures, f"as_{picture}")(pipeline)))


@pipelines.command()
def schema() -> None:
    """Print a JSON Schema of pipelines, for editors.

    It has the config of all installed drivers.
    """
    from osiris_provider.pipelines.schema import pipeline_schema

    with reported(as_json=False):
        write_json(pipeline_schema())


@pipelines.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
def init(folder: Path) -> None:
    """Write a pipeline that runs, its SQL, the loader for Airflow, and the schema for editors.

    FOLDER is Airflow's DAGs folder, or an empty one; this one if it is not given. No file is overwritten.
    """
    from osiris_provider.pipelines.starter import write_starter

    with reported(as_json=False):
        written, missing = write_starter(folder)
    for path in written:
        say(f"wrote {path}")
    if missing:
        say(missing)
