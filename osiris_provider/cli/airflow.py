"""The same commands inside Airflow's command line, from 3.2 on: ``airflow osiris connections …``.

Airflow asks for them at each of its starts, so nothing is imported here that it has not imported already.
"""

from __future__ import annotations

from argparse import REMAINDER, Namespace
from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand

OPENING = (["staging"], ["state"], ["connections", "list", "--airflow"], ["connections", "unchecked"])
"""Commands that open files through Airflow, or read its database."""
DESCRIPTION = """Connections in one reviewed file: osiris connections list|doctor|validate|schema|unchecked.
Pipelines of YAML: osiris pipelines validate|run|graph|schema|init.
Results that tasks have left: osiris staging gc. State of incremental tasks: osiris state list|show|reset.
Health of what Airflow checks, from its API server: osiris health.

airflow osiris connections --help tells more; everything after "osiris" is read as the command osiris reads it.
"""


def get_commands() -> list[CLICommand]:
    """Return the command ``osiris``, which takes all further arguments as they are."""
    example = "such as: connections doctor @mysql.default"
    rest = Arg(("arguments",), nargs=REMAINDER, metavar="...", help=example)  # type: ignore[no-untyped-call] # Airflow's
    return [ActionCommand("osiris", "Connections in one reviewed file", run, [rest], DESCRIPTION)]


def run(args: Namespace) -> None:
    """Run a command.

    :param args: what Airflow has parsed; ``arguments`` are those of the command.
    :raises SystemExit: always, with the exit code of the command.
    """
    from airflow.utils.cli import suppress_logs_and_warning

    if any(set(words) <= set(args.arguments) for words in OPENING):
        from osiris_provider.hooks.health import server_side

        # These use Airflow, which logs to stdout; that belongs to the result, as in Airflow's own commands.
        with server_side():
            suppress_logs_and_warning(_run)(Namespace(arguments=args.arguments, verbose=False))
    _run(args)


def _run(args: Namespace) -> None:
    from osiris_provider.cli.main import main

    raise SystemExit(main(args.arguments, prog="airflow osiris", open_store=_open_store))


def _open_store(url: str) -> tuple[Any, str]:
    """Open a staging URL with the Airflow connection that it may name: ``s3://conn_id@bucket/path``."""
    from osiris_provider._airflow.storage import open_path
    from osiris_provider.storage.files import file_system

    path = open_path(url)
    return file_system(path), path.path
