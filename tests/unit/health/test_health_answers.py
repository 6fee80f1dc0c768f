"""Answers of the page of health: what is kept from one to the next is what would be computed anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from osiris_provider.plugins.health import answers
from osiris_provider.plugins.health.answers import Answers
from osiris_provider.plugins.health.checks import Check, Run, parse_check
from osiris_provider.plugins.health.events import EventRow, EventStore, PeriodCount, WatchedConnection

from tests.servers.airflow.health_events import counted

RUN = Run("osiris_health", "scheduled__1", "doctor", -1)


class Store:
    """Events in memory, as the database has them."""

    def __init__(self) -> None:
        self.rows: list[EventRow] = []
        self.asked: list[int] = []

    def add(self, asset_id: int, at: datetime, category: str = "ok") -> None:
        text = json.dumps({"ok": category == "ok", "category": category, "latency_ms": 1.0, "message": category})
        self.rows = sorted([*self.rows, (asset_id, at, text, len(self.rows) + 1)])

    @contextmanager
    def open(self) -> Iterator[EventStore]:
        yield cast("EventStore", self)

    def watched(self) -> list[WatchedConnection]:
        numbers = sorted({row[0] for row in self.rows})
        of = {number: [row for row in self.rows if row[0] == number] for number in numbers}
        return [WatchedConnection(n, "mysql", f"c{n}", of[n][0][1], of[n][-1][3]) for n in numbers]

    def between(self, start: datetime, end: datetime, assets: Collection[int] | None = None) -> list[EventRow]:
        return [row for row in self.rows if start <= row[1] < end and (assets is None or row[0] in assets)]

    def counts(self, start: datetime, end: datetime) -> list[PeriodCount]:
        return counted(self.between(start, end))

    def checks(self, ids: list[int]) -> dict[int, Check]:
        self.asked += ids
        actual = {row[0]: parse_check(row[1], row[2], RUN) for row in self.rows if row[3] in ids}
        return {number: check for number, check in actual.items() if check is not None}


@pytest.fixture
def store() -> Store:
    store = Store()
    now = datetime.now(timezone.utc)
    for number in (1, 2, 3):
        for ago in range(60):
            store.add(number, now - timedelta(hours=ago, minutes=number))
    return store


@pytest.fixture
def computed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "FRESH", 0.0)


def listing(kept: Answers) -> dict[str, Any]:
    answer: dict[str, Any] = {"complete": False}
    while not answer["complete"]:
        answer = json.loads(kept.connections())
    return answer


@pytest.mark.usefixtures("computed_each_time")
def test_what_is_kept_is_what_would_be_computed_anew(store: Store) -> None:
    kept = Answers(store.open)
    listing(kept)
    now = datetime.now(timezone.utc)
    for number, category in ((2, "auth"), (2, "auth"), (3, "network"), (4, "ok"), (2, "ok")):
        now += timedelta(milliseconds=1)
        store.add(number, now, category)
        anew, again = listing(Answers(store.open)), listing(kept)
        assert {**again, "generated_at": ""} == {**anew, "generated_at": ""}
        sick = {one["reference"] for one in json.loads(kept.connections(unhealthy=True))["connections"]}
        assert sick == {one["reference"] for one in anew["connections"] if one["health"] == "unhealthy"}


@pytest.mark.usefixtures("computed_each_time")
def test_only_what_was_checked_since_is_read_again(store: Store) -> None:
    kept = Answers(store.open)
    listing(kept)
    store.asked.clear()
    listing(kept)
    assert store.asked == []
    store.add(2, datetime.now(timezone.utc))
    listing(kept)
    assert store.asked == [len(store.rows)]


@pytest.mark.usefixtures("computed_each_time")
def test_a_connection_whose_events_are_gone_is_gone(store: Store) -> None:
    kept = Answers(store.open)
    listing(kept)
    store.rows = [row for row in store.rows if row[0] != 2]
    assert [one["alias"] for one in listing(kept)["connections"]] == ["c1", "c3"]


@pytest.mark.usefixtures("computed_each_time")
def test_a_check_becomes_overdue_without_any_event(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Answers(store.open)
    assert listing(kept)["overdue"] == 0
    later = datetime.now(timezone.utc) + timedelta(hours=5)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Later:
            return cls.fromtimestamp(later.timestamp(), tz)

    monkeypatch.setattr(answers, "datetime", Later)
    answer = listing(kept)
    assert (answer["overdue"], answer["stopped"]) == (3, True)


def test_an_answer_is_given_again_for_a_while(store: Store) -> None:
    kept = Answers(store.open)
    before = listing(kept)
    store.add(1, datetime.now(timezone.utc), "auth")
    assert json.loads(kept.connections()) == before


class OfOne(Store):
    """The same, which tells the history of one connection too."""

    def watched(self, asset_id: int | None = None) -> list[WatchedConnection]:
        return [one for one in super().watched() if asset_id in (None, one.asset_id)]

    def history(self, asset_id: int, start: datetime) -> tuple[list[Check], bool]:
        parsed = [parse_check(row[1], row[2], RUN) for row in self.rows if row[0] == asset_id and row[1] >= start]
        return [check for check in parsed if check is not None], True


def test_one_connection_has_all_that_its_page_shows(store: Store) -> None:
    one = OfOne()
    one.rows = store.rows
    kept = Answers(one.open)
    answer = json.loads(kept.connection(2) or "null")
    parts = {"generated_at", "complete", "days", "connection", "changes", "checks", "hours"}
    assert set(answer) == parts
    assert (answer["complete"], len(answer["days"]), answer["connection"]["alias"]) == (True, 30, "c2")
    assert (len(answer["changes"]), len(answer["checks"]), len(answer["hours"])) == (1, 60, 60)
    assert answer["days"] == sorted(answer["days"])
    assert kept.connection(9) is None


def test_thirty_days_are_shown_with_today_and_no_check_before_them(store: Store) -> None:
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=29)
    for number, at in ((4, first), (5, first - timedelta(microseconds=1))):
        store.add(number, at)
    one = OfOne()
    one.rows = store.rows
    assert {one["alias"] for one in listing(Answers(store.open))["connections"]} == {"c1", "c2", "c3", "c4"}
    known, too_old = (Answers(one.open).connection(number) for number in (4, 5))
    assert (json.loads(known or "null")["days"][0], too_old) == (first.date().isoformat(), None)


@pytest.mark.usefixtures("computed_each_time")
def test_checks_count_from_the_day_of_the_earliest_event_that_airflow_still_has(store: Store) -> None:
    kept = Answers(store.open)
    assert {one["checks"] for one in listing(kept)["connections"]} == {60}
    yesterday = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    store.rows = [row for row in store.rows if row[1] >= yesterday]
    left = {number: len([row for row in store.rows if row[0] == number]) for number in (1, 2, 3)}
    assert {one["asset_id"]: one["checks"] for one in listing(kept)["connections"]} == left
