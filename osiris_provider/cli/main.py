"""The entry point of the command line, and what becomes of errors there."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from osiris_provider.cli.commands import osiris
from osiris_provider.cli.output import INTERRUPTED, MISCONFIGURED, SOFTWARE_ERROR, OneCommand, say
from osiris_provider.cli.staging import OpenStore

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals of service managers, of ``timeout`` and of terminals that are closed."""


def main(argv: Sequence[str] | None = None, *, prog: str = "osiris", open_store: OpenStore | None = None) -> int:
    """Run a command and return its exit code.

    0 all is healthy, 1 a connection is unhealthy, 2 wrong usage, 3 a mistake in the configuration, 70 a bug of this
    package, 74 the output cannot be written, 130 interrupted, 141 the reader of the output has gone, 129 or 143 ended
    by SIGHUP or SIGTERM.

    :param argv: the arguments; None takes those of the process.
    :param prog: the name to show in help texts.
    :param open_store: opens a staging URL; None does without Airflow.
    """
    OneCommand.is_all = argv is None
    _open_what_is_closed()
    with _ending_in_order() as taken:
        code = _run(None if argv is None else list(argv), prog, open_store)
    if not taken:
        return code
    say(f"ended by {taken[0].name}")
    return 128 + taken[0]


def _run(args: list[str] | None, prog: str, open_store: OpenStore | None) -> int:
    try:
        with _logs_on_stderr():
            code = osiris.main(args=args, prog_name=prog, standalone_mode=False, obj=open_store)
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - people get no traceback, which may hold a password
        if _is_nowhere():
            say("error: The working directory has been removed. Change to another.")
            return MISCONFIGURED
        say(f"error: unexpected {_where(error)}. This is a bug: please report it with this line.")
        return SOFTWARE_ERROR
    return code if isinstance(code, int) else 0


def _is_nowhere() -> bool:
    """Return whether the working directory has been removed, so that no relative path leads anywhere."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _open_what_is_closed() -> None:
    """Let stdout and stderr go nowhere where the shell has closed them (``>&-``); Python has None in their place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _show(error: click.ClickException) -> None:
    """Say what is wrong with the command line, in the words of all other errors: click begins with ``Error``."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        click.echo(f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n", err=True)
    say(f"error: {error.format_message()}")


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "osiris_provider" in frame.filename] or frames
    last = ours[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}, in {last.name}"


@contextmanager
def _logs_on_stderr() -> Iterator[None]:
    """Keep log lines off stdout, which belongs to the result; Airflow's logging would put them there."""
    logger = logging.getLogger("osiris_provider")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


@contextmanager
def _ending_in_order() -> Iterator[list[signal.Signals]]:
    """Have a command end at SIGTERM and SIGHUP as at Ctrl-C: servers stop working for it, and its files are removed.

    Yields the first of these signals, once it has come. One that is ignored (``nohup``) stays so.
    """
    taken: list[signal.Signals] = []

    def take(number: int, _frame: object) -> None:
        if not taken:
            taken.append(signal.Signals(number))
            raise KeyboardInterrupt

    main_thread = threading.current_thread() is threading.main_thread()
    mine = [number for number in ENDING if main_thread and signal.getsignal(number) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, take)
    try:
        yield taken
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
