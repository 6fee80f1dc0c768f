"""The commands and their options. What they need is imported when they run, so that ``--help`` is quick."""

from __future__ import annotations

from typing import Any

import click

from osiris_provider import __version__
from osiris_provider.cli import completion
from osiris_provider.cli.groups import Group, file_option, json_option
from osiris_provider.cli.health import health
from osiris_provider.cli.output import MISCONFIGURED, reported, say, uncollected, write, write_json
from osiris_provider.cli.pipelines.commands import pipelines
from osiris_provider.cli.staging import staging
from osiris_provider.cli.state import state
from osiris_provider.messages import printable

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        write(f"{ctx.command_path}, version {__version__}")
        ctx.exit()


@click.group(cls=Group, context_settings=SETTINGS)
@click.option(
    *("--version", "show_version"),
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def osiris() -> None:
    """Connections of Apache Airflow in one reviewed file, and pipelines that use them."""


osiris.add_command(health)
osiris.add_command(pipelines)
osiris.add_command(staging)
osiris.add_command(state)


@osiris.group(cls=Group)
def connections() -> None:
    """List, check and validate the connections of osiris_connections.yaml."""


@connections.command("list")
@click.option("--airflow", is_flag=True, help="Also those of Airflow's database and of the environment; on the server.")
@file_option
@json_option
def list_command(file: str | None, as_json: bool, airflow: bool) -> None:
    """List all connections with what is public of them.

    Secrets are never shown. With --airflow the list has ids, types and who checks them; what only a secrets backend
    such as Vault knows cannot be listed.
    """
    if airflow:
        from osiris_provider.cli.server.connections import list_airflow

        with reported(as_json):
            list_airflow(file, as_json)
        return
    with uncollected():
        _list(file, as_json=as_json)


def _list(file: str | None, *, as_json: bool) -> None:
    from osiris_provider.connections.listing import list_connections
    from osiris_provider.connections.load import load_connections

    with reported(as_json):
        known = load_connections(file)
        listed = list_connections(known.path)
    for problem in known.problems:
        say(f"warning: {known.path}:{problem.line}: {problem.reference}: {problem.message}")
    if as_json:
        write_json(listed)
        return
    from osiris_provider.cli.listing import list_text, near

    shown = near(known.path)
    sources = [f"{shown}:{entry.line}" for entry in known.entries.values()]
    text = list_text(listed, sources)
    if text is None:
        from osiris_provider.cli.tables import list_table, render

        text = render(list_table(listed, sources))
    write(text)


def _seconds(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    from osiris_provider.net.deadline import checked_timeout

    try:
        return checked_timeout(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@connections.command()
@click.argument("references", nargs=-1, metavar="[@FAMILY.ALIAS|ID]...", shell_complete=completion.references)
@click.option(
    "--family", metavar="FAMILY", shell_complete=completion.families, help="Check the connections of this family only."
)
@click.option(
    "--alias", metavar="ALIAS", shell_complete=completion.aliases, help="Check this connection of the family only."
)
@click.option(
    "--timeout",
    type=float,
    metavar="SECONDS",
    default=2.0,
    show_default=True,
    callback=_seconds,
    help="Seconds for each.",
)
@click.option("--workers", type=click.IntRange(1, 1024), default=64, show_default=True, help="Checks at a time.")
@click.option(
    "--warn-days",
    type=click.IntRange(0),
    default=14,
    show_default=True,
    help="Name certificates, passwords and tokens that expire within so many days.",
)
@click.option("--force", is_flag=True, help="Try credentials that a server has just refused, which may lock accounts.")
@file_option
@json_option
def doctor(as_json: bool, **options: Any) -> int:
    """Check connections: log in and prove that the credentials are accepted.

    Without references or options all connections of the file are checked. An id is that of any Airflow connection, in
    the file or of Airflow's database, environment or secrets backend. With --json, one connection asked for is one
    object; else there is an object "connections" with a list. Exit code 0: all are healthy, 1: some are not. What
    expires soon changes no exit code.
    """
    from osiris_provider.cli.doctor import Request, examine

    with reported(as_json):
        return examine(Request(as_json=as_json, **options))


@connections.command()
@json_option
def unchecked(as_json: bool) -> int:
    """List the connections that DAGs use and that were never checked; on Airflow's server.

    What DAGs use is known from their fields conn_id and ..._conn_id, as far as Airflow serializes them, and from
    references such as @mysql.default. Checked are those of whose checks Airflow's database has an event. Exit code 1 if
    there are some that were not.
    """
    from osiris_provider.cli.server.unchecked import list_unchecked

    with reported(as_json):
        return list_unchecked(as_json)


@connections.command()
@click.option("--no-variables", is_flag=True, help="Do not ask for variables that are not set on this machine.")
@file_option
@json_option
def validate(file: str | None, as_json: bool, no_variables: bool) -> int:
    """Find everything that is wrong with the file, without connecting to anything.

    Unknown fields are warnings. Exit code 3 if there are problems.
    """
    from osiris_provider.cli.validate import as_lines, as_object
    from osiris_provider.connections.validate import validate_file

    with reported(as_json), uncollected():
        path, problems, warnings = validate_file(file, variables=not no_variables)
    if as_json:
        write_json(as_object(path, problems, warnings))
    else:
        write("\n".join(printable(line) for line in as_lines(path, problems, warnings)))
    return MISCONFIGURED if problems else 0


@connections.command()
def schema() -> None:
    """Print a JSON Schema of the connections file, for editors.

    It has all installed families.
    """
    from osiris_provider.connectors.schema import file_schema

    with reported(as_json=False):
        write_json(file_schema())
