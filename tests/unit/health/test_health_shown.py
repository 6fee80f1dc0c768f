"""What the page of health shows: the newest first and so many at most, the worst first, and only what is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from osiris_provider.errors import CATEGORIES
from osiris_provider.plugins.health.changes import (
    MAX_CHANGES,
    MAX_CHECKS,
    RARELY,
    changes_of,
    latency_by_hour,
    listed,
)
from osiris_provider.plugins.health.checks import (
    MAX_DETAILS,
    MAX_EXPIRIES,
    Check,
    Condition,
    Run,
    condition_of,
    glance_at,
    latency_of,
    parse_check,
)
from osiris_provider.plugins.health.events import WatchedConnection
from osiris_provider.plugins.health.streaks import Counts, Glance, Streak, Stretch
from osiris_provider.plugins.health.summary import WORST_FIRST, listing_of, summary_of

from tests.unit.health.test_health_history import AUTH, NETWORK, NOW, OK, RUN, UNTESTABLE, check, text_of


def test_the_newest_checks_and_changes_are_listed_and_no_more() -> None:
    checks = [check(1000 - i, OK if i % 2 else AUTH, latency=float(i)) for i in range(MAX_CHECKS + 20)]
    shown = listed(checks)
    assert [one["latency_ms"] for one in shown] == [MAX_CHECKS + 19.0 - i for i in range(MAX_CHECKS)]
    changed = changes_of(checks)
    assert [one["latency_ms"] for one in changed] == [MAX_CHECKS + 19.0 - i for i in range(MAX_CHANGES)]
    assert changed[0]["at"] == shown[0]["at"] == checks[-1].at.isoformat()
    assert [len(listed(checks[:1])), len(changes_of(checks[:1]))] == [1, 1]


@pytest.mark.parametrize(("times", "shown"), [(RARELY, RARELY), (RARELY + 1, 0)])
def test_a_property_is_news_as_long_as_it_changes_rarely(times: int, shown: int) -> None:
    checks = [check(90 - i, OK, version=i, encoding="utf8") for i in range(times + 1)]
    assert len([one for one in changes_of(checks) if "properties" in one]) == shown


def test_what_changes_all_the_time_does_not_hide_what_changes_once() -> None:
    checks = [check(90 - i, OK, sessions=i, version="17" if i < 20 else "18") for i in range(40)]
    [change] = [one for one in changes_of(checks) if "properties" in one]
    assert change["properties"] == [{"name": "version", "was": "17", "is": "18"}]


def test_a_sentence_on_the_check_is_no_property_and_a_new_property_is_no_change() -> None:
    checks = [check(3, OK, note="a"), check(2, OK, note="b"), check(1, OK, note="c", version=1), check(0, OK)]
    assert [one for one in changes_of(checks) if "properties" in one] == []


def test_another_fault_is_a_change_and_an_unhealthy_check_has_no_properties() -> None:
    checks = [check(3, OK, version=1), check(2, NETWORK, version=2), check(1, Condition("network", "reset"))]
    changes = changes_of(checks)
    assert [(one["fault"], one["was"], one["lasted_s"]) for one in changes] == [
        ("reset", "network", 3600),
        ("refused", "ok", 3600),
        (None, None, None),
    ]


def test_each_hour_has_its_own_numbers_and_one_without_latency_has_none() -> None:
    hour = NOW.replace(minute=0)
    checks = [check(1.4, OK, 2.0), check(1.1, AUTH, None), check(0.6, UNTESTABLE, None), check(0.1, OK, 5.0)]
    checks[0] = replace(checks[0], at=checks[0].at + timedelta(seconds=13, microseconds=7))
    earlier, later = ((hour - timedelta(hours=ago)).isoformat() for ago in (1, 0))
    assert latency_by_hour(checks) == [[earlier, 2.0, 2.0, 1], [later, 5.0, 5.0, 0]]
    assert latency_by_hour(checks[1:3]) == [[earlier, None, None, 1]]


def test_the_trouble_of_a_day_is_what_most_of_its_checks_have_found() -> None:
    actual = (AUTH, 1), (NETWORK, 3), (OK, 9), (AUTH, 1), (UNTESTABLE, 4)
    assert Counts.of(Streak(condition, NOW, checks) for condition, checks in actual) == (18, 9, 14, "network")
    assert Counts.of([Streak(UNTESTABLE, NOW, 2)]).uptime is None
    assert Counts.of([Streak(OK, NOW, 2)]) == (2, 2, 2, None)


def test_the_newest_of_a_stretch_are_as_many_as_are_wanted() -> None:
    stretch = Stretch.of([(OK, Glance(NOW, float(number), number)) for number in range(5)])
    assert stretch is not None
    for number in range(7):
        thinned = stretch.thinned(number)
        assert [one.event_id for one in thinned.newest] == list(range(max(5 - number, 0), 5))
        assert thinned.streaks == stretch.streaks


def test_every_label_has_its_place() -> None:
    assert sorted(WORST_FIRST) == sorted([*CATEGORIES, "untested"])


def summary(alias: str, *checks: Check) -> dict[str, Any]:
    stretch = Stretch.of([(one.condition, Glance(one.at, one.latency_ms, 0)) for one in checks])
    return summary_of(WatchedConnection(1, "mysql", alias, checks[0].at, 0), checks[-1], [stretch], NOW)


def test_of_equal_ones_those_that_are_overdue_come_first_and_then_it_goes_by_name() -> None:
    summaries = [
        summary("b", check(1, OK)),
        summary("a", check(1, OK)),
        summary("late", check(90, OK)),
        summary("down", check(1, NETWORK)),
    ]
    listing = listing_of(summaries, [NOW.date()], NOW, True)
    assert [one["alias"] for one in listing["connections"]] == ["down", "late", "a", "b"]
    assert (listing["total"], listing["overdue"], listing["days"]) == (4, 1, [NOW.date().isoformat()])
    assert listing["history_since"] == (NOW - timedelta(hours=90)).isoformat()
    assert listing["last_check"] == (NOW - timedelta(hours=1)).isoformat()
    empty = listing_of([], [], NOW, False)
    assert (empty["history_since"], empty["last_check"], empty["total"], empty["complete"]) == (None, None, 0, False)


def test_a_connection_whose_days_are_not_known_has_its_last_check() -> None:
    last = check(2, AUTH, 7.0)
    one = summary_of(WatchedConnection(1, "mysql", "shop", NOW - timedelta(days=9), 5), last, [None], NOW)
    assert (one["checks"], one["uptime"], one["latencies"], one["since"]) == (1, 0.0, [7.0], last.at.isoformat())
    assert (one["since_is_exact"], one["days"], one["overdue"]) == (False, [None], False)
    assert one["due"] == (last.at + timedelta(days=2)).isoformat()


def test_a_connection_is_overdue_after_the_moment_and_not_at_it() -> None:
    watched, last = WatchedConnection(1, "mysql", "shop", NOW - timedelta(days=9), 5), check(2, AUTH)
    due = last.at + timedelta(days=2)
    early, late = (summary_of(watched, last, [], now) for now in (due, due + timedelta(microseconds=1)))
    assert (early["overdue"], late["overdue"], early["message"]) == (False, True, "so it is")
    assert (early["run"], early["proven"], early["history_since"]) == (vars(RUN), True, watched.first.isoformat())


def test_what_an_event_says_is_bounded() -> None:
    many = {f"d{number}": number for number in range(MAX_DETAILS + 5)}
    assert list(check(0, OK, **many).details) == [f"d{number}" for number in range(MAX_DETAILS)]
    soon = [{"what": f"w{number}", "at": "2027-01-01T00:00:00+00:00"} for number in range(MAX_EXPIRIES + 5)]
    assert [what for what, _ in check(0, OK, expires=soon).expires] == [f"w{number}" for number in range(MAX_EXPIRIES)]


def test_what_is_shown_elsewhere_is_no_detail_and_neither_is_what_is_not_plain() -> None:
    one = check(
        0, AUTH, retryable=False, proven=True, expires=[], tried=True, size=3, share=0.5, names=["a"], none=None
    )
    assert one.details == {"tried": "True", "size": "3", "share": "0.5"}
    assert (one.condition, one.proven) == (AUTH, True)


@pytest.mark.parametrize(
    ("report", "condition"),
    [
        ({"ok": True, "category": "ok"}, OK),
        ({"ok": True, "category": "ok", "details": {"fault": "refused"}}, OK),
        ({"ok": 1, "category": "network"}, Condition("network")),
        ({"ok": True, "category": "auth", "details": {"fault": "wrong_password"}}, AUTH),
        ({"ok": False, "category": "auth", "details": ["fault"]}, Condition("auth")),
        ({"ok": False, "category": "auth", "details": {"fault": "x" * 61}}, Condition("auth")),
        ({"ok": False, "category": "auth", "details": {"fault": "x" * 60}}, Condition("auth", "x" * 60)),
        ({"ok": False, "category": "nothing"}, None),
        (["ok"], None),
    ],
)
def test_the_condition_of_a_report(report: object, condition: Condition | None) -> None:
    assert condition_of(report) == condition


@pytest.mark.parametrize(
    ("value", "latency"),
    [
        (0, 0.0),
        (0.25, 0.25),
        (-0.1, None),
        (True, None),
        ("1", None),
        (None, None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_a_latency_is_a_number_that_can_be_drawn(value: object, latency: float | None) -> None:
    assert latency_of({"latency_ms": value}) == latency


@pytest.mark.parametrize("latency", [0, 1, 12.5, 1e9, 1e-7, None])
def test_a_healthy_check_read_from_its_beginning_is_what_all_of_it_says(latency: float | None) -> None:
    text = text_of(OK, latency)
    parsed = parse_check(NOW, text, RUN)
    assert parsed is not None
    assert glance_at(text) == (OK, parsed.latency_ms) == (OK, latency)
    assert glance_at(text_of(NETWORK, latency)) == (NETWORK, latency)
    assert glance_at("{") is None


def test_a_moment_without_a_zone_or_out_of_range_is_none() -> None:
    times = ("2027-01-01T00:00:00", "0001-01-01T00:00:00+10:00", 7, "2027-01-01T00:00:00+02:00")
    [(_, at)] = check(0, OK, expires=[{"what": "x", "at": at} for at in times]).expires
    assert at == datetime(2026, 12, 31, 22, tzinfo=timezone.utc)


def test_a_run_is_shown_with_its_task() -> None:
    run = Run("dag", "run", "task", 3)
    parsed = parse_check(NOW, text_of(OK), run)
    assert parsed is not None
    assert listed([parsed])[0]["run"] == {"dag_id": "dag", "run_id": "run", "task_id": "task", "map_index": 3}
