"""What has changed in the history of one connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from osiris_provider.plugins.health.checks import Check

MAX_CHANGES = 100
MAX_CHECKS = 200
"""The newest ones that the page of a connection lists."""
RARELY = 10
"""A property that changes more often than so many times in the history is left out."""
PASSING = ("note",)
"""Details that are sentences on the check, not properties of the server."""


def changes_of(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Return what has changed from one check to the next, the newest first.

    Another verdict is a change, and so is another property of the server, such as its version.

    :param checks: of one connection, the earliest first.
    """
    every = list(_changes(checks))
    often = Counter(prop["name"] for change in every for prop in change.get("properties", ()))
    quiet = [change for change in map(partial(_without, often), every) if change.get("properties") != []]
    return quiet[: -MAX_CHANGES - 1 : -1]


def _without(often: Mapping[str, int], change: dict[str, Any]) -> dict[str, Any]:
    """Return a change without the properties that change all the time: such a counter is no news."""
    if "properties" not in change:
        return change
    return {**change, "properties": [prop for prop in change["properties"] if often[prop["name"]] <= RARELY]}


def _changes(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    properties: dict[str, str] = {}
    before: Check | None = None
    began: datetime | None = None
    for check in checks:
        if before is None or check.condition != before.condition:
            lasted = None if before is None or began is None else (check.at - began).total_seconds()
            yield {**_verdict(check), "was": None if before is None else before.condition.category, "lasted_s": lasted}
            began = check.at
        if check.condition.health == "healthy":
            now = {name: value for name, value in check.details.items() if name not in PASSING}
            shared = [name for name in now if name in properties and properties[name] != now[name]]
            if shared:
                differ = [{"name": name, "was": properties[name], "is": now[name]} for name in shared]
                yield {**_verdict(check), "properties": differ}
            properties = now
        before = check


def listed(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Return the newest checks, the newest first.

    :param checks: of one connection, the earliest first.
    """
    return [_verdict(check) for check in checks[: -MAX_CHECKS - 1 : -1]]


def latency_by_hour(checks: Sequence[Check]) -> list[list[Any]]:
    """Return start, mean and longest latency in milliseconds, and unhealthy checks, of each hour that has checks.

    :param checks: of one connection, the earliest first.
    """
    hours = []
    for hour, group in groupby(checks, key=lambda check: check.at.replace(minute=0, second=0, microsecond=0)):
        of_hour = list(group)
        known = [check.latency_ms for check in of_hour if check.latency_ms is not None]
        mean = round(sum(known) / len(known), 2) if known else None
        sick = sum(check.condition.health == "unhealthy" for check in of_hour)
        hours.append([hour.isoformat(), mean, max(known, default=None), sick])
    return hours


def _verdict(check: Check) -> dict[str, Any]:
    condition = check.condition
    return {
        "at": check.at.isoformat(),
        "health": condition.health,
        "category": condition.category,
        "fault": condition.fault or None,
        "message": check.message,
        "latency_ms": check.latency_ms,
        "run": vars(check.run),
    }
