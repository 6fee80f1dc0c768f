"""The history that the page of health shows: what is read of events, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.errors import MAX_MESSAGE
from osiris_provider.plugins.health.changes import RARELY, changes_of, latency_by_hour
from osiris_provider.plugins.health.checks import Check, Condition, Run, condition_of, parse_check
from osiris_provider.plugins.health.events import EventRow, PeriodCount, WatchedConnection
from osiris_provider.plugins.health.history import DAYS, HealthHistory, Stretches
from osiris_provider.plugins.health.streaks import RECENT, Counts, Glance, Streak, Stretch, join, since
from osiris_provider.plugins.health.summary import due_after, listing_of, summary_of

from tests.servers.airflow.health_events import counted

NOW = datetime(2026, 11, 28, 14, 30, tzinfo=timezone.utc)
RUN = Run("osiris_health", "scheduled__1", "doctor", -1)
OK, AUTH, NETWORK = Condition("ok"), Condition("auth", "wrong_password"), Condition("network", "refused")
UNTESTABLE = Condition("unknown", "untestable")
CONDITIONS = st.sampled_from([OK, AUTH, NETWORK, UNTESTABLE])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
REPORTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("ok", "message", "latency_ms", "details"), JSON) | {"category": JSON | st.just("ok")},
)


def text_of(condition: Condition, latency: float | None = 1.0, message: str = "so it is", **details: Any) -> str:
    fault = {"fault": condition.fault} if condition.fault else {}
    report = {"ok": condition == OK, "category": condition.category, "latency_ms": latency, "message": message}
    return json.dumps({**report, "details": {**fault, **details}})


def check(hours_ago: float, condition: Condition, latency: float | None = 1.0, **details: Any) -> Check:
    parsed = parse_check(NOW - timedelta(hours=hours_ago), text_of(condition, latency, **details), RUN)
    assert parsed is not None
    return parsed


class Events:
    """Events in memory; counts what is asked for."""

    def __init__(self, rows: Iterable[EventRow]) -> None:
        self.rows = sorted(rows)
        self.asked: list[tuple[datetime, datetime]] = []
        self.read = 0

    def between(self, start: datetime, end: datetime, assets: Collection[int] | None = None) -> list[EventRow]:
        self.asked.append((start, end))
        rows = [row for row in self.rows if start <= row[1] < end and (assets is None or row[0] in assets)]
        self.read += len(rows)
        return rows

    def counts(self, start: datetime, end: datetime) -> list[PeriodCount]:
        return counted(row for row in self.rows if start <= row[1] < end)


@given(st.text() | st.builds(json.dumps, JSON | REPORTS))
def test_whatever_an_event_holds_is_a_check_or_none(text: str) -> None:
    parsed = parse_check(NOW, text, RUN)
    if parsed is not None:
        shown = [parsed.message, *parsed.details, *parsed.details.values(), *(what for what, _ in parsed.expires)]
        assert all(len(said) <= MAX_MESSAGE and said.isprintable() for said in shown)
        assert parsed.latency_ms is None or 0 <= parsed.latency_ms < float("inf")
        json.dumps(parsed.latency_ms, allow_nan=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"ok"',
        "{",
        "{}",
        '{"ok": true}',
        '{"category": "fine"}',
        '{"category": ["ok"]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_report_is_no_check(text: str) -> None:
    assert parse_check(NOW, text, RUN) is None


def test_texts_of_peers_are_short_and_printable() -> None:
    texts: dict[str, Any] = {"message": "\x1b[31mred\u202e" + "x" * 1000, "na\nme": "\x07bell"}
    parsed = check(0, AUTH, **texts)
    assert parsed.message == "red" + "x" * (MAX_MESSAGE - 3)
    assert parsed.details == {"na me": "bell"}


def test_a_healthy_connection_may_be_unproven() -> None:
    assert check(0, OK).proven
    one = check(0, OK, proven=False, banner="hello")
    assert (one.proven, one.details) == (False, {"banner": "hello"})


def test_a_slug_that_is_none_is_no_fault() -> None:
    report = {"category": "auth", "details": {"fault": "<script>"}}
    assert condition_of(report) == Condition("auth", "")


def test_expiries_are_the_soonest_first_and_those_without_a_moment_are_left_out() -> None:
    later, sooner = "2027-03-01T00:00:00+00:00", "2026-12-10T00:00:00+01:00"
    entries = [{"what": "TLS", "at": later}, {"what": "password", "at": sooner}, {"what": "x", "at": "soon"}, 7]
    expires = check(0, OK, expires=entries).expires
    assert [what for what, _ in expires] == ["password", "TLS"]
    assert expires[0][1] == datetime(2026, 12, 9, 23, tzinfo=timezone.utc)


@example([OK, AUTH] * RECENT, RECENT + 3)
@given(st.lists(CONDITIONS, min_size=1), st.integers(0, 40))
def test_a_history_cut_anywhere_is_the_same_history(conditions: list[Condition], cut: int) -> None:
    checks = [(condition, Glance(NOW + timedelta(hours=i), 1.0, i)) for i, condition in enumerate(conditions)]
    parts = [part for part in (Stretch.of(checks[:cut]), Stretch.of(checks[cut:])) if part is not None]
    joined = parts[0] if len(parts) == 1 else parts[0].followed_by(parts[1])
    assert joined == Stretch.of(checks)
    counts = joined.counts
    assert counts.checks == len(conditions)
    assert counts.healthy == conditions.count(OK)
    assert counts.tried == len(conditions) - conditions.count(UNTESTABLE)
    assert [glance.event_id for glance in joined.newest] == list(range(len(conditions)))[-RECENT:]


def test_since_goes_by_health_and_not_by_fault() -> None:
    conditions = [OK, AUTH, NETWORK, NETWORK]
    streaks = list(join(Streak(one, NOW + timedelta(hours=i), 1) for i, one in enumerate(conditions)))
    assert since(streaks) == (NOW + timedelta(hours=1), True)
    assert since(streaks[:1]) == (NOW, False)


def _rows(hours: int, asset_id: int = 1, sick: range = range(0)) -> list[EventRow]:
    """A check an hour."""
    return [
        (asset_id, NOW - timedelta(hours=ago), text_of(NETWORK if ago in sick else OK), 10_000 - ago)
        for ago in range(hours)
    ]


def _counted(days: dict[date, Stretches]) -> Counts:
    return Counts.of(streak for day in days.values() if 1 in day for streak in day[1].streaks)


def test_days_that_are_over_are_read_once() -> None:
    events = Events(_rows(24 * 40))
    history = HealthHistory()
    days, complete = history.read(events, NOW, 60)
    assert complete
    assert len(days) == DAYS
    assert _counted(days).checks == 24 * (DAYS - 1) + 15
    events.asked.clear()
    assert history.read(events, NOW, 60)[0] == days
    # Of today, what is not over for good: since 14:00.
    assert events.asked == [(NOW.replace(minute=0), NOW.replace(hour=0, minute=0) + timedelta(days=1))]


def test_the_newest_checks_are_kept_and_no_others() -> None:
    history = HealthHistory()
    days, _ = history.read(Events(_rows(24 * 40)), NOW, 60)
    kept = [glance.event_id for day in days.values() for glance in day[1].newest]
    assert kept[-RECENT:] == [10_000 - ago for ago in reversed(range(RECENT))]
    # Today's last, which is read again each time, may be one more.
    assert len(kept) <= RECENT + 1


def test_the_newest_checks_of_a_connection_that_is_checked_no_more_are_kept_beside_one_that_is() -> None:
    rows = [row for row in _rows(24 * 15, asset_id=2) if row[1] < NOW - timedelta(days=10)]
    days, _ = HealthHistory().read(Events([*_rows(24 * 40), *rows]), NOW, 60)
    kept = [glance.event_id for day in days.values() if 2 in day for glance in day[2].newest]
    assert kept[-RECENT:] == sorted(row[3] for row in rows)[-RECENT:]


@given(st.lists(st.integers(1, 72), min_size=1, max_size=12))
def test_what_is_read_bit_by_bit_is_what_is_read_at_once(steps: list[int]) -> None:
    rows = _rows(24 * 35, sick=range(100, 130))
    piecemeal = HealthHistory()
    now = NOW - timedelta(hours=sum(steps))
    for step in (0, *steps):
        now += timedelta(hours=step)
        known = Events(row for row in rows if row[1] <= now)
        seen, _ = piecemeal.read(known, now, 60)
    at_once, _ = HealthHistory().read(Events(rows), NOW, 60)
    assert {day: one[1].streaks for day, one in seen.items()} == {day: one[1].streaks for day, one in at_once.items()}
    newest = [glance for day in seen.values() for glance in day[1].newest][-RECENT:]
    assert newest == [glance for day in at_once.values() for glance in day[1].newest][-RECENT:]


@given(st.lists(st.tuples(st.integers(0, 24 * 40), CONDITIONS), unique_by=lambda one: one[0]))
def test_what_is_counted_is_what_is_read(checks: list[tuple[int, Condition]]) -> None:
    rows = [(1, NOW - timedelta(hours=ago), text_of(condition), ago) for ago, condition in checks]
    days, _ = HealthHistory().read(Events(rows), NOW, 60)
    seen = [(condition, Glance(at, 1.0, ago)) for (_, at, _, ago), (_, condition) in zip(rows, checks, strict=True)]
    for day, stretches in days.items():
        of_day = Stretch.of(sorted((one for one in seen if one[1].at.date() == day), key=lambda one: one[1].at))
        assert getattr(stretches.get(1), "streaks", ()) == getattr(of_day, "streaks", ())


def test_of_days_without_trouble_no_check_is_read_but_the_newest() -> None:
    events = Events(_rows(24 * 40, sick=range(200, 205)))
    HealthHistory().read(events, NOW, 60)
    # Today and the day before have the newest; the five are of one day, which is read.
    assert events.read <= 3 * 24


def test_a_late_commit_in_the_last_hour_is_not_lost() -> None:
    rows = _rows(3)
    late = (1, NOW - timedelta(minutes=29), text_of(AUTH), 20_000)
    just_after = NOW.replace(minute=3)
    history = HealthHistory()
    history.read(Events([row for row in rows if row[1] < just_after]), just_after, 60)
    days, _ = history.read(Events([*rows, late]), NOW, 60)
    assert _counted(days).checks == 4


def test_an_answer_that_has_no_more_time_says_so_and_the_next_goes_on() -> None:
    history, events = HealthHistory(), Events(_rows(24 * 40))
    days, complete = history.read(events, NOW, -1)
    assert (list(days), complete) == ([NOW.date()], False)
    # However busy the machine is, each answer knows a day more.
    for number in range(2, DAYS):
        days, complete = history.read(events, NOW, -1)
        assert (len(days), complete) == (number, False)
    days, complete = history.read(events, NOW, -1)
    assert (len(days), complete) == (DAYS, True)


@pytest.mark.parametrize(
    ("gaps", "silent", "overdue"),
    [([60] * 23, 130, False), ([60] * 23, 140, True), ([1440] * 3, 2800, False), ([], 2000, False), ([], 2900, True)],
)
def test_overdue_goes_by_the_usual_time_between_checks(gaps: list[int], silent: int, overdue: bool) -> None:
    last = NOW - timedelta(minutes=silent)
    times = [last]
    for gap in gaps:
        times.insert(0, times[0] - timedelta(minutes=gap))
    assert (due_after(times) < NOW) is overdue


def _summary(asset_id: int, alias: str, *checks: Check) -> dict[str, Any]:
    stretch = Stretch.of([(one.condition, Glance(one.at, one.latency_ms, 0)) for one in checks])
    return summary_of(WatchedConnection(asset_id, "mysql", alias, checks[0].at, 0), checks[-1], [None, stretch], NOW)


def test_a_connection_in_one_row() -> None:
    one = _summary(
        7, "shop", check(3, OK, 2.0), check(2, UNTESTABLE, None), check(1, AUTH, None), check(0, NETWORK, None)
    )
    assert (one["reference"], one["label"], one["fault"]) == ("@mysql.shop", "network", "refused")
    assert (one["since"], one["since_is_exact"]) == ((NOW - timedelta(hours=1)).isoformat(), True)
    assert one["uptime"] == pytest.approx(1 / 3)
    assert one["days"] == [None, (4, 1, 3, "auth")]
    assert one["latencies"] == [2.0, None, None, None]
    json.dumps(one, allow_nan=False)


def test_the_worst_come_first_and_what_was_not_tested_is_not_unhealthy() -> None:
    actual = (("well", OK), ("hook", UNTESTABLE), ("down", NETWORK), ("locked", AUTH))
    summaries = [_summary(i, alias, check(0, condition)) for i, (alias, condition) in enumerate(actual)]
    listing = listing_of(summaries, [], NOW, True)
    assert [one["alias"] for one in listing["connections"]] == ["locked", "down", "hook", "well"]
    assert {label: count for label, count in listing["counts"].items() if count} == {
        "auth": 1,
        "network": 1,
        "untested": 1,
        "ok": 1,
    }
    assert not listing["stopped"]


def test_checks_have_stopped_when_all_are_overdue() -> None:
    old, new = _summary(1, "old", check(100, OK)), _summary(2, "new", check(1, OK))
    assert listing_of([old], [], NOW, True)["stopped"]
    assert not listing_of([old, new], [], NOW, True)["stopped"]
    assert not listing_of([], [], NOW, True)["stopped"]


def test_what_changed() -> None:
    checks = [
        check(9, OK, server_version="17.5"),
        check(8, AUTH),
        check(7, AUTH),
        check(6, OK, server_version="17.6"),
        check(5, OK, server_version="17.6"),
    ]
    changes = changes_of(checks)
    assert [(one["category"], one.get("was"), one.get("lasted_s")) for one in changes if "properties" not in one] == [
        ("ok", "auth", 7200),
        ("auth", "ok", 3600),
        ("ok", None, None),
    ]
    assert [one["properties"] for one in changes if "properties" in one] == [
        [{"name": "server_version", "was": "17.5", "is": "17.6"}]
    ]


def test_a_property_that_changes_all_the_time_is_no_news() -> None:
    checks = [check(50 - i, OK, connections=i) for i in range(RARELY + 5)]
    assert [one for one in changes_of(checks) if "properties" in one] == []


def test_latency_by_hour() -> None:
    at = NOW.replace(minute=0)
    assert latency_by_hour([check(0.4, OK, 2.0), check(0.2, OK, 4.0), check(0.1, AUTH, None)]) == [
        [at.isoformat(), 3.0, 4.0, 1]
    ]
