"""What the page says of a connection, and of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from osiris_provider.connections.reference import reference_to
from osiris_provider.plugins.health.checks import Check
from osiris_provider.plugins.health.events import WatchedConnection
from osiris_provider.plugins.health.streaks import RECENT, Counts, Glance, Streak, Stretch, join, since

WORST_FIRST = ("auth", "permission", "network", "timeout", "unknown", "untested", "ok")
"""Categories as the page sorts them: first what does not pass by itself. ``untested`` is neither bad nor well."""
OVERDUE = 2
"""A check is overdue after so many times the usual time between checks …"""
LENIENCE = timedelta(minutes=15)
"""… and this: schedulers are late at times."""
UNUSUAL = timedelta(days=2)
"""After this a check is overdue if the usual time is not known, for want of a second check."""


def label_of(check: Check) -> str:
    """Return the word by which a check counts: one of :data:`WORST_FIRST`."""
    return "untested" if check.condition.health == "untested" else check.condition.category


def summary_of(
    watched: WatchedConnection, last: Check, days: Sequence[Stretch | None], now: datetime
) -> dict[str, Any]:
    """Return what the page says of a connection, as JSON-able values.

    :param watched: the connection.
    :param last: its newest check.
    :param days: its checks of each day that is known, the earliest day first; None is a day without any.
    :param now: in UTC.
    """
    checked = [day for day in days if day is not None]
    streaks = list(join(streak for day in checked for streak in day.streaks)) or [_only(last)]
    newest = _newest(checked) or [Glance(last.at, last.latency_ms, watched.last_id)]
    began, is_exact = since(streaks)
    counts = Counts.of(streaks)
    due = due_after([glance.at for glance in newest])
    return {
        "asset_id": watched.asset_id,
        "family": watched.family,
        "alias": watched.alias,
        "reference": reference_to(watched.family, watched.alias),
        "label": label_of(last),
        "health": last.condition.health,
        "category": last.condition.category,
        "fault": last.condition.fault or None,
        "message": last.message,
        "latency_ms": last.latency_ms,
        "proven": last.proven,
        "details": dict(last.details),
        "expires": [{"what": what, "at": at.isoformat()} for what, at in last.expires],
        "since": began.isoformat(),
        "since_is_exact": is_exact,
        "last_check": last.at.isoformat(),
        "due": due.isoformat(),
        "overdue": now > due,
        "history_since": watched.first.isoformat(),
        "latencies": [glance.latency_ms for glance in newest],
        "days": [day and day.counts for day in days],
        "checks": counts.checks,
        "uptime": counts.uptime,
        "run": vars(last.run),
    }


def due_after(times: Sequence[datetime]) -> datetime:
    """Return the moment after which a connection has not been checked for longer than is usual.

    :param times: of its newest checks, the earliest first; at least one.
    """
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return times[-1] + (OVERDUE * timedelta(seconds=median(gaps)) + LENIENCE if gaps else UNUSUAL)


def listing_of(
    summaries: Sequence[Mapping[str, Any]], days: Sequence[date], now: datetime, complete: bool
) -> dict[str, Any]:
    """Return the answer for all connections, the worst first; ``connections`` is its last entry.

    :param summaries: of :func:`summary_of`.
    :param days: that are known.
    :param now: in UTC.
    :param complete: whether all days are known.
    """
    rank = {label: index for index, label in enumerate(WORST_FIRST)}

    def urgency(one: Mapping[str, Any]) -> tuple[int, bool, str]:
        return rank[one["label"]], not one["overdue"], one["reference"]

    counts = Counter(one["label"] for one in summaries)
    return {
        "generated_at": now.isoformat(),
        "complete": complete,
        "days": [day.isoformat() for day in days],
        "history_since": min((one["history_since"] for one in summaries), default=None),
        "last_check": max((one["last_check"] for one in summaries), default=None),
        "counts": {label: counts[label] for label in WORST_FIRST},
        "total": len(summaries),
        "overdue": sum(one["overdue"] for one in summaries),
        # One that is overdue may have been removed; if all are, no one checks any more.
        "stopped": bool(summaries) and all(one["overdue"] for one in summaries),
        "connections": sorted(summaries, key=urgency),
    }


def _only(check: Check) -> Streak:
    return Streak(check.condition, check.at, 1)


def _newest(days: Sequence[Stretch]) -> Sequence[Glance]:
    newest: tuple[Glance, ...] = ()
    for day in reversed(days):
        newest = (*day.newest, *newest)
        if len(newest) >= RECENT:
            break
    return newest[-RECENT:]
