"""What ``osiris connections doctor`` does (CONN-020)."""

from __future__ import annotations

from dataclasses import dataclass

import click

from osiris_provider.cli.output import INTERRUPTED, MISCONFIGURED, UNHEALTHY, say, write, write_json
from osiris_provider.connections.file import ConnectionsFile
from osiris_provider.connections.load import load_connections
from osiris_provider.connections.reference import ConnectionRef, shown
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
    file: str | None
    as_json: bool

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
    asked = _asked(request)
    known = load_connections(request.file)
    targets = asked or _all_of(known, request.family)
    verdicts: list[Verdict] = []
    interrupted = False
    try:
        verdicts = _checked(targets, request, known, verdicts)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted; what is known so far:" if verdicts else "interrupted")
    _show(verdicts, request)
    if interrupted:
        return INTERRUPTED
    if any(verdict.fault in MISTAKES for verdict in verdicts):
        return MISCONFIGURED
    return 0 if all(verdict.ok for verdict in verdicts) else UNHEALTHY


def _asked(request: Request) -> list[Target]:
    if request.references and (request.family or request.alias):
        message = "Give references, or --family and --alias, but not both."
        raise click.UsageError(message)
    if request.alias and not request.family:
        message = "--alias needs --family."
        raise click.UsageError(message)
    references = request.references
    if request.family and request.alias:
        references = (f"@{request.family}.{request.alias}",)
    try:
        return [ConnectionRef.parse(text) for text in references]
    except ConnectionConfigError as error:
        problem = str(error)
    raise click.UsageError(problem)


def _all_of(known: ConnectionsFile, family: str | None) -> list[Target]:
    """Return all references of the file or a family, also those whose entry is broken."""
    broken = [problem.reference for problem in known.problems if problem.reference]
    references = list(dict.fromkeys(known.references() + broken))
    if family is None:
        return list(references)
    matching: list[Target] = [reference for reference in references if reference.startswith(f"@{family}.")]
    if not matching:
        message = f"There is no connection of family {shown(family)} in {known.path}."
        raise ConnectionNotFoundError(message, file=str(known.path))
    return matching


def _checked(targets: list[Target], request: Request, known: ConnectionsFile, arrived: list[Verdict]) -> list[Verdict]:
    """Return the verdicts in the order of the targets; ``arrived`` has them as they came in, should this be stopped."""
    from osiris_provider.cli.progress import progress

    with progress(len(targets)) as advance:

        def take(verdict: Verdict) -> None:
            arrived.append(verdict)
            advance(verdict)

        return doctor_all(targets, request.timeout, max_workers=request.workers, file=known.path, on_verdict=take)


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
        write(render(doctor_table(verdicts)))
    say(f"{healthy} of {len(verdicts)} healthy" if verdicts else "There is no connection to check.")
