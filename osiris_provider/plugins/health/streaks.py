"""The history of a connection in few words: streaks of checks that have found the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from osiris_provider.plugins.health.checks import Condition

RECENT = 24
"""Checks that are kept one by one."""


class Streak(NamedTuple):
    """Checks without another between them that have found the same.

    :param first: when the first of them was.
    :param checks: how many they are.
    """

    condition: Condition
    first: datetime
    checks: int


class Glance(NamedTuple):
    """What is kept of one of the newest checks: there are many.

    :param latency_ms: milliseconds; None where the server was not reached.
    :param event_id: number of its event.
    """

    at: datetime
    latency_ms: float | None
    event_id: int


class Counts(NamedTuple):
    """How many checks there are in streaks.

    :param healthy: those that have found the connection healthy.
    :param tried: all but those that could not test anything.
    :param trouble: the category of most that have found it unhealthy; None if none has.
    """

    checks: int
    healthy: int
    tried: int
    trouble: str | None

    @classmethod
    def of(cls, streaks: Iterable[Streak]) -> Counts:
        """Count.

        :param streaks: of one connection.
        """
        checks = healthy = untested = 0
        troubles: dict[str, int] = {}
        for streak in streaks:
            health = streak.condition.health
            checks += streak.checks
            if health == "healthy":
                healthy += streak.checks
            elif health == "untested":
                untested += streak.checks
            else:
                category = streak.condition.category
                troubles[category] = troubles.get(category, 0) + streak.checks
        trouble = max(troubles, key=lambda category: troubles[category]) if troubles else None
        return cls(checks, healthy, checks - untested, trouble)

    @property
    def uptime(self) -> float | None:
        """The share of healthy checks among those that have tried; None if none has."""
        return self.healthy / self.tried if self.tried else None


@dataclass(frozen=True)
class Stretch:
    """The checks of one connection in a span of time, at least one.

    :param streaks: of the span, the earliest first.
    :param newest: of the span, :data:`RECENT` at most, the earliest first; fewer where later spans have enough of them.
    """

    streaks: tuple[Streak, ...]
    newest: tuple[Glance, ...]

    @classmethod
    def of(cls, checks: Iterable[tuple[Condition, Glance]], keep: int = RECENT) -> Stretch | None:
        """Return the stretch that has these checks; None if there are none.

        :param checks: the earliest first.
        :param keep: how many of the newest are kept one by one.
        """
        newest: deque[Glance] = deque(maxlen=keep)
        streaks = tuple(join(_each(checks, newest)))
        return cls(streaks, tuple(newest)) if streaks else None

    @cached_property
    def counts(self) -> Counts:
        """How many checks it has."""
        return Counts.of(self.streaks)

    def thinned(self, number: int) -> Stretch:
        """Return it with so many of its newest checks at most.

        :param number: may be 0.
        """
        return self if len(self.newest) <= number else Stretch(self.streaks, self.newest[len(self.newest) - number :])

    def followed_by(self, later: Stretch) -> Stretch:
        """Return both as one.

        :param later: that begins when this has ended.
        """
        newest = (*self.newest, *later.newest)[-RECENT:]
        return Stretch(tuple(join((*self.streaks, *later.streaks))), newest)


def join(streaks: Iterable[Streak]) -> Iterator[Streak]:
    """Yield streaks with neighbours that have found the same as one.

    :param streaks: of one connection, the earliest first.
    """
    for condition, group in groupby(streaks, key=attrgetter("condition")):
        same = list(group)
        checks = sum(streak.checks for streak in same)
        yield same[0] if len(same) == 1 else Streak(condition, same[0].first, checks)


def _each(checks: Iterable[tuple[Condition, Glance]], newest: deque[Glance]) -> Iterator[Streak]:
    for condition, glance in checks:
        newest.append(glance)
        yield Streak(condition, glance.at, 1)


def since(streaks: Sequence[Streak]) -> tuple[datetime, bool]:
    """Return since when a connection is as it is now, healthy or not; and whether a check before that says so.

    :param streaks: of one connection, at least one, the earliest first.
    :return: the moment; False if it is the earliest known check, so that it may be longer.
    """
    health = streaks[-1].condition.health
    start = streaks[-1].first
    for streak in reversed(streaks):
        if streak.condition.health != health:
            return start, True
        start = streak.first
    return start, False
