"""The two answers of the page's routes, and how often they are computed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from threading import Lock
from typing import Any

from osiris_provider.plugins.health.changes import changes_of, latency_by_hour, listed
from osiris_provider.plugins.health.checks import Check
from osiris_provider.plugins.health.events import EventStore, WatchedConnection
from osiris_provider.plugins.health.history import DAYS, HealthHistory, Stretches
from osiris_provider.plugins.health.streaks import Glance, Stretch
from osiris_provider.plugins.health.summary import listing_of, summary_of

MAX_READING = 0.1
"""Seconds for which an answer reads days that are not known yet: with the rest of its work it stays under 0.3 s."""
FRESH = 5.0
"""Seconds for which an answer is given again: many open pages are no more work than one."""

Opener = Callable[[], AbstractContextManager[EventStore]]


class Answers:
    """What the routes answer; for use by several threads.

    :param open_store: opens the database.
    """

    def __init__(self, open_store: Opener) -> None:
        self._open = open_store
        self._history = HealthHistory()
        self._lock = Lock()
        self._rows: dict[int, _Row] = {}
        self._all = self._unhealthy = ""
        self._good_until = 0.0

    def connections(self, *, unhealthy: bool = False) -> str:
        """Return the JSON of all connections. If ``complete`` is false, ask again: more of the days is read then.

        :param unhealthy: with these connections only; the numbers are of all.
        """
        with self._lock:
            if time.monotonic() >= self._good_until:
                answer = self._compute(datetime.now(timezone.utc))
                self._all = self._written(answer, answer["connections"])
                sick = [one for one in answer["connections"] if one["health"] == "unhealthy"]
                self._unhealthy = self._written(answer, sick)
                self._good_until = time.monotonic() + FRESH if answer["complete"] else 0.0
            return self._unhealthy if unhealthy else self._all

    def connection(self, asset_id: int) -> str | None:
        """Return the JSON of one connection; None if the asset has no checks.

        :param asset_id: of its asset.
        """
        now = datetime.now(timezone.utc)
        with self._open() as store:
            watched = next((one for one in store.watched(asset_id)), None)
            if watched is None:
                return None
            checks, complete = store.history(asset_id, _first_moment(now))
        if not checks:
            return None
        by_day = {day: _stretch(list(group)) for day, group in groupby(checks, key=lambda check: check.at.date())}
        every = [now.date() - timedelta(days=ago) for ago in reversed(range(DAYS))]
        answer = {
            "generated_at": now.isoformat(),
            "complete": complete,
            "days": [day.isoformat() for day in every],
            "connection": summary_of(watched, checks[-1], [by_day.get(day) for day in every], now),
            "changes": changes_of(checks),
            "checks": listed(checks),
            "hours": latency_by_hour(checks),
        }
        return _json(answer)

    def _compute(self, now: datetime) -> dict[str, Any]:
        """Return the answer. Of connections that have not been checked since the last one, what it was is kept."""
        with self._open() as store:
            watched = store.watched()
            days, complete = self._history.read(store, now, MAX_READING)
            keys = {one.asset_id: (one, len(days), now.date()) for one in watched}
            changed = [one for one in watched if self._key(one.asset_id) != keys[one.asset_id]]
            known = {one.asset_id: _of(one, days) for one in changed}
            last = store.checks([_newest_id(one, known[one.asset_id]) for one in changed])
        self._rows = {number: row for number, row in self._rows.items() if number in keys}
        for one in changed:
            self._rows.pop(one.asset_id, None)
            check = last.get(one.asset_id)
            if check is not None and check.at >= _first_moment(now):
                summary = summary_of(one, check, known[one.asset_id], now)
                self._rows[one.asset_id] = _Row(keys[one.asset_id], summary, _json(summary))
        for row in self._rows.values():
            row.refresh(now)
        return listing_of([row.summary for row in self._rows.values()], list(days), now, complete)

    def _key(self, asset_id: int) -> object:
        row = self._rows.get(asset_id)
        return row and row.key

    def _written(self, answer: Mapping[str, Any], connections: Sequence[Mapping[str, Any]]) -> str:
        head = _json({**answer, "connections": []}).removesuffix("]}")
        return head + ",".join(self._rows[one["asset_id"]].text for one in connections) + "]}"


@dataclass
class _Row:
    """A connection in the answer, and what it was made of."""

    key: object
    summary: dict[str, Any]
    text: str

    def refresh(self, now: datetime) -> None:
        """Say whether it is overdue by now."""
        overdue = now > datetime.fromisoformat(self.summary["due"])
        if overdue != self.summary["overdue"]:
            self.summary["overdue"] = overdue
            self.text = _json(self.summary)


def _json(answer: Any) -> str:
    return json.dumps(answer, separators=(",", ":"))


def _first_moment(now: datetime) -> datetime:
    first: date = now.date() - timedelta(days=DAYS - 1)
    return datetime.combine(first, datetime.min.time(), timezone.utc)


def _of(watched: WatchedConnection, days: Mapping[date, Stretches]) -> list[Stretch | None]:
    """Return the days of a connection; none before its earliest event, which Airflow may have cleaned away since."""
    first = watched.first.date()
    return [stretches.get(watched.asset_id) if day >= first else None for day, stretches in days.items()]


def _newest_id(watched: WatchedConnection, days: Sequence[Stretch | None]) -> int:
    """Return the number of the newest check; of the newest event, if no check is known yet."""
    newest = next((day.newest[-1] for day in reversed(days) if day is not None and day.newest), None)
    return watched.last_id if newest is None else newest.event_id


def _stretch(checks: Sequence[Check]) -> Stretch | None:
    return Stretch.of([(check.condition, Glance(check.at, check.latency_ms, 0)) for check in checks])
