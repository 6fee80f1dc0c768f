"""Checking many connections at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from osiris_provider.connections.load import FileArgument
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check import check_many
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import OsirisError

MAX_WORKERS = 64
FIRST_KINDS = 4
"""Kinds of checks for which all is imported at the beginning; for others it is when it is their turn."""

Target = str | ConnectionRef | Mapping[str, Any]


def doctor_all(
    targets: Iterable[Target],
    timeout: float = 2.0,
    *,
    max_workers: int = MAX_WORKERS,
    file: FileArgument = None,
    on_verdict: Callable[[Verdict], None] | None = None,
    resolve: Callable[[str | ConnectionRef, FileArgument], Mapping[str, Any]] = resolve_connection,
) -> list[Verdict]:
    """Check many connections concurrently, each with its own deadline.

    A slow, crashing or misconfigured connection delays and hides no other.

    :param targets: references, or resolved connections.
    :param timeout: seconds for each.
    :param max_workers: how many checks may be under way at a time.
    :param file: connections file in which references are looked up; None looks in the standard locations.
    :param on_verdict: called with each verdict as it comes in.
    :param resolve: called with each reference and ``file``; raises as :func:`resolve_connection`.
    :return: a verdict a target, in the order of the targets, with ``family``, ``alias``, ``ok``, ``category``,
        ``message``, ``latency_ms``, ``fault``, ``is_transient``; :meth:`Verdict.as_dict` is the report of CONN-020.
    :raises ValueError: the timeout is not a positive number, or ``max_workers`` is less than 1.
    :raises TypeError: it is one target, and not several.
    """
    _check_arguments(targets, max_workers)
    verdicts: dict[int, Verdict] = {}
    identities: list[tuple[str, str | None]] = []
    jobs: list[tuple[Connector[Any, Any], Mapping[str, Any]]] = []
    positions: list[int] = []

    def keep(position: int, verdict: Verdict) -> None:
        verdicts[position] = verdict.at(*identities[position])
        if on_verdict:
            on_verdict(verdicts[position])

    for position, target in enumerate(targets):
        identities.append(_identity(target))
        try:
            connection = target if isinstance(target, Mapping) else resolve(target, file)
            identities[position] = _identity(connection)
            jobs.append((get_connector(identities[position][0]), connection))
            positions.append(position)
        except OsirisError as error:
            keep(position, Verdict.unresolved(error))
    order = _prepared_order(jobs)
    spread = [jobs[number] for number in order]
    check_many(spread, timeout, max_workers, lambda number, verdict: keep(positions[order[number]], verdict))
    return [verdicts[position] for position in sorted(verdicts)]


def _check_arguments(targets: object, max_workers: int) -> None:
    if isinstance(targets, str | ConnectionRef | Mapping):
        message = "doctor_all takes several targets: put the one that you have into a list"
        raise TypeError(message)
    if max_workers < 1:
        message = "max_workers is a number of checks, 1 or more"
        raise ValueError(message)


def _prepared_order(jobs: list[tuple[Connector[Any, Any], Mapping[str, Any]]]) -> list[int]:
    """Prepare the first checks, and return the order of all."""
    kinds = [_kind(*job) for job in jobs]
    first = {"", *list(dict.fromkeys(filter(None, kinds)))[:FIRST_KINDS]}
    prepare(job for job, kind in zip(jobs, kinds, strict=True) if kind in first)
    return _order(kinds)


def _kind(connector: Connector[Any, Any], connection: Mapping[str, Any]) -> str:
    # Its own check will tell.
    with contextlib.suppress(Exception):
        return connector.kind_of(connection)
    return ""


def _order(kinds: list[str]) -> list[int]:
    """Return an order in which checks of one kind follow each other, and neighbours among them are far apart.

    The silent ones of a fleet are often neighbours: a site that is down. Were they all checked at the end, nothing
    else could be done while they use up their time.

    :param kinds: of the checks; the kinds stay in the order in which they come.
    """
    ranks = {kind: rank for rank, kind in enumerate(dict.fromkeys(kinds))}
    step = math.isqrt(len(kinds))
    return sorted(range(len(kinds)), key=lambda number: (ranks[kinds[number]], number % step))


def prepare(jobs: Iterable[tuple[Connector[Any, Any], Mapping[str, Any]]]) -> None:
    """Import what checks need, before the clock of the first of them runs.

    :param jobs: connector and connection of each.
    """
    connections: dict[Connector[Any, Any], list[Mapping[str, Any]]] = {}
    for connector, connection in jobs:
        connections.setdefault(connector, []).append(connection)
    for connector, of_family in connections.items():
        # Its own checks will tell.
        with contextlib.suppress(Exception):
            connector.prepare(of_family)


def _identity(target: Target) -> tuple[str, str | None]:
    if isinstance(target, Mapping):
        return str(target.get("family", "")), target.get("alias")
    if isinstance(target, ConnectionRef):
        return target.family, target.alias
    family, _, alias = str(target).removeprefix("@").partition(".")
    return family, alias or None
