"""Where output goes: results to stdout, in one piece; words for people to stderr."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any

import click

from osiris_provider.errors import OsirisError, PipelineConfigError
from osiris_provider.messages import printable

UNHEALTHY = 1
MISCONFIGURED = 3
SOFTWARE_ERROR = 70
OUTPUT_LOST = 74
INTERRUPTED = 130
READER_GONE = 141


def write(text: str) -> None:
    """Write a result to stdout.

    :param text: all of it.
    :raises click.exceptions.Exit: with code 141 if the reader (``head``, a pager) has gone, 74 if it cannot be written.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # A host name that the terminal's encoding lacks is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        problem = None
    except OSError as error:
        problem = str(error.strerror)
    else:
        return
    # The interpreter flushes stdout once more when it ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if problem is None:
        raise click.exceptions.Exit(READER_GONE)
    say(f"error: the output cannot be written: {problem}.")
    raise click.exceptions.Exit(OUTPUT_LOST)


def write_json(value: Any) -> None:
    """Write a result to stdout as JSON; all of it is ASCII, whatever the terminal's encoding.

    :param value: to be shown.
    """
    write(json.dumps(value, indent=2))


def say(text: str) -> None:
    """Write a line for people to stderr.

    :param text: the line; control characters are replaced.
    """
    with suppress(OSError):
        click.echo(printable(text), err=True)


class OneCommand:
    """Whether this process was started for one command, and ends with it.

    :cvar is_all: set by the entry point.
    """

    is_all = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage while a large file is read and shown, all of which is in use, nor among it when a process
    ends that was started for that: a quarter of the time went there.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if OneCommand.is_all:
            # In another process what is garbage now would be so for ever.
            gc.freeze()
        if was_on:
            gc.enable()


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turn a mistake in the configuration into a message and exit code 3; of a pipeline, a line for each.

    :param as_json: also write it to stdout, as an object ``error``, and the ``problems`` of a pipeline.
    :raises click.exceptions.Exit: with code 3.
    """
    try:
        yield
    except OsirisError as error:
        problem = error
    else:
        return
    problems = problem.problems if isinstance(problem, PipelineConfigError) else ()
    if as_json:
        where = {name: getattr(problem, name) for name in ("file", "line", "reference", "field")}
        listed = {"problems": problems} if problems else {}
        write_json({"error": {"message": str(problem), **where}, **listed})
    for line in map(_line, problems) if problems else [problem]:
        say(f"error: {line}")
    raise click.exceptions.Exit(MISCONFIGURED)


def _line(problem: Mapping[str, Any]) -> str:
    step = f"{problem['step']}: " if problem["step"] else ""
    return f"{problem['file']}:{problem['line']}: {step}{problem['message']}"
