"""30 days of checks of all connections, counted once.

A day that is over does not change: its events are read once a process and kept as streaks, of which there is about one
a connection. Of today the hours that are over are kept alike. Where none of the newest checks are wanted one by one,
the database counts, and only what it does not count as healthy is read. An answer reads as many days as it has time
for, newest first, and says whether more are to come.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from operator import itemgetter
from typing import Protocol

from osiris_provider.plugins.health.checks import HEALTHY, Condition, glance_at
from osiris_provider.plugins.health.events import EventRow, PeriodCount
from osiris_provider.plugins.health.streaks import RECENT, Glance, Streak, Stretch

DAYS = 30
"""Today is one of them. Days are those of UTC, as in schedules."""
SETTLED = timedelta(minutes=5)
"""After this an hour that is over gets no more events: they have their time before they are committed."""

Stretches = Mapping[int, Stretch]
"""What is known of a span of time, by asset."""


class EventSource(Protocol):
    """Where events are read."""

    def between(self, start: datetime, end: datetime, assets: Collection[int] | None = None) -> Iterable[EventRow]:
        """Return the events of a time span, by asset and time; those of these assets at least."""

    def counts(self, start: datetime, end: datetime) -> Iterable[PeriodCount]:
        """Return how many events each asset has in a time span."""


@dataclass
class _Day:
    """What is known of a day: its events before ``until``."""

    until: datetime
    stretches: dict[int, Stretch]

    def thin(self, wanted: dict[int, int]) -> None:
        """Keep as many of the newest checks one by one as are still wanted, and lessen that.

        :param wanted: by asset; those that are not there want :data:`RECENT`.
        """
        for asset_id, stretch in self.stretches.items():
            if stretch.newest:
                left = wanted.get(asset_id, RECENT)
                self.stretches[asset_id] = stretch.thinned(left)
                wanted[asset_id] = max(0, left - len(stretch.newest))


class HealthHistory:
    """What is known of the last :data:`DAYS` days; not for use by several threads at a time."""

    def __init__(self) -> None:
        self._days: dict[date, _Day] = {}

    def read(self, events: EventSource, now: datetime, max_reading: float) -> tuple[dict[date, Stretches], bool]:
        """Return what is known of each day, the earliest day first, and whether these are all days.

        :param events: to read what is not known yet.
        :param now: in UTC.
        :param max_reading: seconds after which no further day is begun; one that is not known is always read, so that
            asking again comes to an end on the busiest machine.
        """
        started = time.monotonic()
        today = now.date()
        self._days = {day: known for day, known in self._days.items() if day > today - timedelta(days=DAYS)}
        days: dict[date, Stretches] = {}
        wanted: dict[int, int] = {}
        has_read = False
        for day in (today - timedelta(days=ago) for ago in range(DAYS)):
            is_new = day not in self._days
            if is_new and has_read and time.monotonic() - started > max_reading:
                break
            has_read = has_read or is_new
            days[day] = self._read_day(events, day, now, wanted)
            self._days[day].thin(wanted)
        return dict(sorted(days.items())), len(days) == DAYS

    def _read_day(self, events: EventSource, day: date, now: datetime, wanted: Mapping[int, int]) -> Stretches:
        start = datetime.combine(day, datetime.min.time(), timezone.utc)
        known = self._days.setdefault(day, _Day(start, {}))
        end = start + timedelta(days=1)
        settled = min(end, (now - SETTLED).replace(minute=0, second=0, microsecond=0))
        if known.until < settled:
            known.stretches = _joined(known.stretches, _read_period(events, known.until, settled, wanted))
            known.until = settled
        if known.until == end:
            return known.stretches
        return _joined(known.stretches, _read_period(events, known.until, end, wanted))


def _read_period(events: EventSource, start: datetime, end: datetime, wanted: Mapping[int, int]) -> dict[int, Stretch]:
    """Return what there is in a time span.

    :param wanted: how many of the newest checks are wanted one by one, by asset; see :meth:`_Day.thin`.
    """
    if 0 not in wanted.values():
        return _stretches(events.between(start, end), wanted)
    plain: dict[int, Stretch] = {}
    others = set()
    for one in events.counts(start, end):
        if one.healthy is not None and wanted.get(one.asset_id, RECENT) == 0:
            plain[one.asset_id] = Stretch((Streak(HEALTHY, one.first, one.healthy),), ())
        else:
            others.add(one.asset_id)
    return {**plain, **_stretches(events.between(start, end, others), wanted)} if others else plain


def _stretches(rows: Iterable[EventRow], wanted: Mapping[int, int]) -> dict[int, Stretch]:
    stretches = {
        asset_id: Stretch.of(_checks(group), wanted.get(asset_id, RECENT))
        for asset_id, group in groupby(rows, key=itemgetter(0))
    }
    return {asset_id: stretch for asset_id, stretch in stretches.items() if stretch is not None}


def _checks(rows: Iterable[EventRow]) -> Iterator[tuple[Condition, Glance]]:
    for _, at, text, event_id in rows:
        seen = glance_at(text)
        if seen is not None:
            condition, latency = seen
            yield condition, Glance(at, latency, event_id)


def _joined(before: Stretches, after: Stretches) -> dict[int, Stretch]:
    joined = {**before, **after}
    for asset_id in before.keys() & after.keys():
        joined[asset_id] = before[asset_id].followed_by(after[asset_id])
    return joined
