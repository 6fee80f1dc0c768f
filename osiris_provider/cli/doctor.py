"""What ``osiris connections doctor`` does (CONN-020)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import click

from osiris_provider.cli.output import INTERRUPTED, MISCONFIGURED, UNHEALTHY, say, write, write_json
from osiris_provider.connections.file import ConnectionsFile
from osiris_provider.connections.load import FileArgument, load_connections
from osiris_provider.connections.reference import AIRFLOW_ID, ConnectionRef, shown
from osiris_provider.connections.registry import family_names, load_family
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connectors.airflow_form import ANY_TYPE, reference_of_id
from osiris_provider.connectors.check_many import Target, doctor_all
from osiris_provider.connectors.faults import MISCONFIGURED as WRONG
from osiris_provider.connectors.faults import NO_SUCH_CONNECTION
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

MISTAKES = (WRONG, NO_SUCH_CONNECTION)
"""Faults of files, references and variables."""


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    references: tuple[str, ...]
    family: str | None
    alias: str | None
    timeout: float
    workers: int
    warn_days: float
    file: str | None
    as_json: bool
    force: bool = False

    @property
    def single(self) -> bool:
        """Whether one connection was asked for: its verdict is then a JSON object of its own."""
        return len(self.references) == 1 or bool(self.family and self.alias)


def examine(request: Request) -> int:
    """Check what was asked for, show the verdicts and return the exit code.

    :param request: what was asked for.
    :raises click.UsageError: the request makes no sense.
    :raises ConnectionConfigError: the file cannot be used, or has nothing of what was asked for.
    """
    if request.force:
        # Of this process, which ends with the command.
        os.environ["AIRFLOW__OSIRIS__AUTH_COOLDOWN_HOURS"] = "0"
    asked = _asked(request)
    targets: list[Target] = [ref for ref, _ in asked]
    targets = targets or _all_of(load_connections(request.file), request.family)
    if any(ref.family != ANY_TYPE for ref, _ in asked):
        # Without a file there is nothing to ask for; Airflow's own connections need none.
        load_connections(request.file)
    verdicts: list[Verdict] = []
    interrupted = False
    try:
        verdicts = _checked(targets, request, dict(asked), verdicts)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted; what is known so far:" if verdicts else "interrupted")
    _show(verdicts, request)
    if interrupted:
        return INTERRUPTED
    if any(verdict.fault in MISTAKES for verdict in verdicts):
        return MISCONFIGURED
    return UNHEALTHY if any(verdict.unhealthy for verdict in verdicts) else 0


def _asked(request: Request) -> list[tuple[ConnectionRef, str]]:
    """Return what was asked for by name, each as reference and as it was written."""
    if request.references and (request.family or request.alias):
        message = "Give references, or --family and --alias, but not both."
        raise click.UsageError(message)
    if request.alias and not request.family:
        message = "--alias needs --family."
        raise click.UsageError(message)
    try:
        if request.family and request.alias:
            return [(_reference(request.family, request.alias), f"@{request.family}.{request.alias}")]
        return [(_parsed(text), text) for text in request.references]
    except ConnectionConfigError as error:
        problem = str(error)
    raise click.UsageError(problem)


def _reference(family: str, alias: str) -> ConnectionRef:
    if family in family_names() and load_family(family).aliases.fullmatch(alias):
        return ConnectionRef(family, alias)
    return ConnectionRef.parse(f"@{family}.{alias}")


def _parsed(text: str) -> ConnectionRef:
    """Return the reference that a text is, or that stands for it as the id of an Airflow connection."""
    # "mysql.default" is a reference that lacks its @.
    if text.startswith("@") or text.partition(".")[0] in family_names() or not AIRFLOW_ID.fullmatch(text):
        return ConnectionRef.parse(text)
    return reference_of_id(text) or ConnectionRef(ANY_TYPE, text)


def _all_of(known: ConnectionsFile, family: str | None) -> list[Target]:
    """Return all references of the file or a family, also those whose entry is broken."""
    known_refs = {entry.reference: ConnectionRef(entry.family, entry.alias) for entry in known.entries.values()}
    broken = [one.reference for one in known.problems if one.reference and one.reference not in known_refs]
    if family is None:
        return [*known_refs.values(), *dict.fromkeys(broken)]
    matching: list[Target] = [ref for ref in known_refs.values() if ref.family == family]
    matching += dict.fromkeys(reference for reference in broken if reference.startswith(f"@{family}."))
    if not matching:
        message = f"There is no connection of family {shown(family)} in {known.path}."
        raise ConnectionNotFoundError(message, file=str(known.path))
    return matching


def _checked(
    targets: list[Target], request: Request, asked: Mapping[ConnectionRef, str], arrived: list[Verdict]
) -> list[Verdict]:
    """Return the verdicts in the order of the targets; ``arrived`` has them as they came in, should this be stopped."""
    from osiris_provider.cli.progress import progress

    with progress(len(targets)) as advance:

        def take(verdict: Verdict) -> None:
            arrived.append(verdict)
            advance(verdict)

        def resolve(target: str | ConnectionRef, file: FileArgument) -> Mapping[str, Any]:
            try:
                return resolve_connection(target, file)
            except ConnectionNotFoundError:
                connection_id = _id_for_airflow(target, asked)
                if connection_id is None:
                    raise
            # Airflow is imported for no other command; what it logs meanwhile is no part of the result.
            with redirect_stdout(sys.stderr):
                from osiris_provider.hooks.health import known_to_airflow

            return known_to_airflow(connection_id, request.file)

        options: Any = {"max_workers": request.workers, "file": request.file, "on_verdict": take, "resolve": resolve}
        return doctor_all(targets, request.timeout, **options)


def _id_for_airflow(target: str | ConnectionRef, asked: Mapping[ConnectionRef, str]) -> str | None:
    """Return the id of the Airflow connection that was asked for, None if that was one of the file."""
    if not isinstance(target, ConnectionRef) or target not in asked:
        return None
    if not asked[target].startswith("@"):
        return asked[target]
    return target.alias if target.family == ANY_TYPE else None


def _show(verdicts: list[Verdict], request: Request) -> None:
    if request.as_json:
        if not request.single:
            write_json({"connections": [verdict.as_dict() for verdict in verdicts]})
        elif verdicts:
            write_json(verdicts[0].as_dict())
        return
    from osiris_provider.cli.tables import doctor_table, render

    healthy = sum(verdict.ok for verdict in verdicts)
    if verdicts:
        write(render(doctor_table(verdicts, request.warn_days)))
    say(f"{healthy} of {len(verdicts)} healthy" if verdicts else "There is no connection to check.")
