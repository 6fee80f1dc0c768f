"""What an asset event says of a check.

Events come from the database of Airflow, but anyone who may create asset events writes there too: nothing of them is
believed beyond its type, and every text is made printable and short.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from osiris_provider.errors import CATEGORIES, MAX_MESSAGE
from osiris_provider.messages import printable

Health = Literal["healthy", "unhealthy", "untested"]

UNTESTED = frozenset({"untestable"})
"""Faults that say that nothing was tried: the connection is neither healthy nor unhealthy."""
MAX_EXPIRIES = 10
MAX_DETAILS = 40
"""Of one check; more are not shown."""

HEALTHY_HEAD = '{"ok": true, "category": "ok", '
"""How the operator's report of a healthy connection begins, as Airflow writes it into the database."""

_HEALTHY_LATENCY = re.compile(re.escape(HEALTHY_HEAD) + r'"latency_ms": (\d{1,9}(?:\.\d{1,9})?), "')
_KNOWN = frozenset(CATEGORIES)
_SLUG = re.compile(r"[a-z0-9_]{1,60}")


@dataclass(frozen=True)
class Condition:
    """What a check has found, as far as it is counted.

    :param category: of CONN-010.
    :param fault: its slug; empty if there is none.
    """

    category: str
    fault: str = ""

    @property
    def health(self) -> Health:
        """Whether the connection is healthy, as far as anyone knows."""
        if self.category == "ok":
            return "healthy"
        return "untested" if self.fault in UNTESTED else "unhealthy"


HEALTHY = Condition("ok")


@dataclass(frozen=True)
class Run:
    """The task that has made a check.

    :param map_index: -1 unless the task is mapped.
    """

    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int


@dataclass(frozen=True)
class Check:
    """A check as its event tells it.

    :param latency_ms: milliseconds; None if the server was not reached, or the event does not say.
    :param details: what was found besides, as names and short texts.
    :param proven: False if the connection is healthy without its credentials having been accepted.
    :param expires: what ends soon: ``what``, and the moment ``at``.
    """

    at: datetime
    condition: Condition
    message: str
    latency_ms: float | None
    details: Mapping[str, str]
    proven: bool
    expires: tuple[tuple[str, datetime], ...]
    run: Run


def condition_of(report: object) -> Condition | None:
    """Return what an event's ``extra`` says; None if it is no report of a check.

    :param report: the parsed ``extra``.
    """
    if not isinstance(report, dict):
        return None
    category = report.get("category")
    if not isinstance(category, str) or category not in _KNOWN:
        return None
    if category == HEALTHY.category:
        return HEALTHY
    details = report.get("details")
    fault = details.get("fault") if isinstance(details, dict) else None
    return Condition(category, fault if isinstance(fault, str) and _SLUG.fullmatch(fault) else "")


def parse_report(text: str) -> Any:
    """Return an event's ``extra``; None if its text is not JSON.

    :param text: as the database has it.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def glance_at(text: str) -> tuple[Condition, float | None] | None:
    """Return what an event's ``extra`` says, and its latency in milliseconds; None if it is no report of a check.

    :param text: as the database has it. Of a healthy check, which most are, only the beginning is read.
    """
    head = _HEALTHY_LATENCY.match(text)
    if head is not None:
        return HEALTHY, float(head[1])
    report = parse_report(text)
    condition = condition_of(report)
    return None if condition is None else (condition, latency_of(report))


def parse_check(at: datetime, text: str, run: Run) -> Check | None:
    """Return the check that an event tells; None if it tells none.

    :param at: when the event was made.
    :param text: its ``extra``.
    :param run: the task that made it.
    """
    report = parse_report(text)
    condition = condition_of(report)
    if condition is None:
        return None
    details = report["details"] if isinstance(report.get("details"), dict) else {}
    return Check(
        at,
        condition,
        _text(report.get("message", "")),
        latency_of(report),
        {_text(name): _text(value) for name, value in list(details.items())[:MAX_DETAILS] if _is_plain(name, value)},
        details.get("proven") is not False,
        tuple(_expiries(details.get("expires"))),
        run,
    )


def latency_of(report: Mapping[str, Any]) -> float | None:
    """Return the milliseconds that a report tells; None if it tells none that can be drawn.

    :param report: of a check.
    """
    value = report.get("latency_ms")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        latency = float(value)
    except OverflowError:
        return None
    return latency if math.isfinite(latency) and latency >= 0 else None


def _is_plain(name: str, value: object) -> bool:
    return name not in ("fault", "retryable", "expires", "proven") and isinstance(value, str | int | float | bool)


def _expiries(listed: object) -> list[tuple[str, datetime]]:
    given = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    moments = [(_text(entry.get("what", "")), _moment(entry.get("at"))) for entry in given[:MAX_EXPIRIES]]
    return sorted(((what, at) for what, at in moments if at is not None), key=lambda expiry: expiry[1])


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        # Without a zone it says nothing; the first and last years cannot be moved to another.
        return None if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _text(value: object) -> str:
    return printable(value)[:MAX_MESSAGE] if isinstance(value, str | int | float | bool) else ""
