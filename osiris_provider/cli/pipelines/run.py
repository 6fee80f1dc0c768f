"""What ``osiris pipelines run`` shows: each step while it runs, and all of them at the end."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from osiris_provider.cli.output import say, write, write_json
from osiris_provider.messages import printable

if TYPE_CHECKING:
    from osiris_provider.pipelines.pipeline import Pipeline
    from osiris_provider.pipelines.run import Run
    from osiris_provider.pipelines.run.result import Outcome


def run_and_show(pipeline: Pipeline, prepare: Callable[[Callable[..., None]], Run], *, as_json: bool) -> bool:
    """Run a pipeline, show how far it is, and return whether all steps have succeeded.

    :param pipeline: that runs.
    :param prepare: makes the run; it is given what to call about its steps.
    :param as_json: write the outcomes as JSON.
    """
    with _progress(pipeline) as watch, prepare(watch).execute() as result:
        outcomes = list(result.outcomes.values())
        succeeded = result.succeeded
    for error in (outcome.error for outcome in outcomes if outcome.error):
        # Arrow keeps what these hold, which no garbage collector sees: DuckDB would complain when the process ends.
        traceback.clear_frames(error.__traceback__)
    if as_json:
        steps = [outcome.as_dict() for outcome in outcomes]
        write_json({"pipeline": pipeline.id, "succeeded": succeeded, "steps": steps})
    else:
        write("\n".join(_summary(outcomes)))
    return succeeded


def _summary(outcomes: list[Outcome]) -> Iterator[str]:
    width = max(len(outcome.step) for outcome in outcomes)
    states = max(len(outcome.status) for outcome in outcomes)
    for outcome in outcomes:
        rows = "" if outcome.rows is None else f"{outcome.rows:,} rows"
        took = f"{outcome.seconds:.1f} s" if outcome.seconds else ""
        message = printable(outcome.message)
        yield f"{outcome.step:<{width}}  {outcome.status:<{states}}  {rows:>16}  {took:>8}  {message}".rstrip()


@contextmanager
def _progress(pipeline: Pipeline) -> Iterator[Callable[..., None]]:
    """Show on stderr which step runs and how many rows it has; on a terminal as a line that changes."""
    if not sys.stderr.isatty():
        yield _say_each_once()
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed} of {task.total} steps, {task.fields[now]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(pipeline.steps), now="")

        def watch(step: str, outcome: Outcome | None, rows: int) -> None:
            said: dict[str, Any] = {"now": f"{step}: {rows:,} rows" if rows else step}
            bar.update(task, advance=0 if outcome is None else 1, **said)

        yield watch


def _say_each_once() -> Callable[..., None]:
    begun: set[str] = set()

    def watch(step: str, outcome: Outcome | None, _rows: int) -> None:
        if outcome is None and step not in begun:
            begun.add(step)
            say(f"{step} …")

    return watch
