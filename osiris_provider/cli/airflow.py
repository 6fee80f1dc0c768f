"""The same commands inside Airflow's command line, from 3.2 on: ``airflow osiris connections …``.

Airflow asks for them at each of its starts, so nothing is imported here that it has not imported already.
"""

from __future__ import annotations

from argparse import REMAINDER, Namespace

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand

DESCRIPTION = """Connections in one reviewed file: osiris connections list|doctor|validate|schema.

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
    from osiris_provider.cli.main import main

    raise SystemExit(main(args.arguments, prog="airflow osiris"))
