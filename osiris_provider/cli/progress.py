"""The live line that ``doctor`` shows on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from osiris_provider.connectors.verdict import Verdict


@contextmanager
def progress(total: int) -> Iterator[Callable[[Verdict], None]]:
    """Show on stderr how many checks have ended, if stderr is a terminal; nothing is left of it afterwards.

    :param total: how many there are.
    :return: to be called with each verdict.
    """
    if not sys.stderr.isatty():
        yield lambda _verdict: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.completed} of {task.total} checked {task.fields[last]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, last="")
        yield lambda verdict: bar.update(task, advance=1, last=verdict.reference)
