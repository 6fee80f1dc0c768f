"""Who is alerted of what, and when: once an outage, not at a hiccup, and of a recovery only after an alert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.faults import REFUSED
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.hook_doctor.faults import UNTESTABLE
from osiris_provider.runtime.alerts import AlertRules, Alerts, judge
from osiris_provider.runtime.health_state import Health

GOOD, BAD = "+", "-"


def verdict(letter: str, days: Iterable[int] = (), name: str = "default") -> Verdict:
    expires = [{"what": f"thing {n}", "at": f"2027-01-0{n + 1}", "days_left": left} for n, left in enumerate(days)]
    one = Verdict.of(REFUSED, "refused") if letter == BAD else Verdict.healthy(1.0, {"expires": expires})
    return one.at("mysql", name)


def checks(letters: str, rules: AlertRules, undelivered: Iterable[int] = ()) -> str:
    """Make a check for each letter; return ``u`` where an outage is alerted of, ``r`` a recovery, ``.`` nothing."""
    known: dict[str, Health] = {}
    said = ""
    for number, letter in enumerate(letters):
        alerts = judge([verdict(letter)], known, rules)
        said += "u" if alerts.newly_unhealthy else "r" if alerts.recovered else "."
        if number in undelivered:
            alerts.undelivered(alerts.newly_unhealthy + alerts.recovered)
        known = alerts.known
    return said


def test_an_alert_comes_once_after_so_many_failures_in_a_row() -> None:
    assert checks("+--+----+", AlertRules(after=1)) == ".u.ru...r"
    assert checks("+--+----+", AlertRules(after=3)) == "......u.r"
    assert checks("-+-+-+-+-", AlertRules(after=2)) == "........."


def test_reminders_come_if_they_are_asked_for() -> None:
    assert checks("-------+", AlertRules(after=2, remind_after=2)) == ".u.u.u.r"
    assert checks("-------+", AlertRules(after=2, remind_after=3)) == ".u..u..r"
    assert checks("---+", AlertRules(remind_after=1)) == "uuur"
    assert checks("-+--+", AlertRules(remind_after=2), undelivered=[1]) == "ur..r"


def test_what_nobody_got_is_due_again() -> None:
    assert checks("---+", AlertRules(), undelivered=[0, 1]) == "uuur"
    assert checks("-+", AlertRules(), undelivered=[0]) == "u."
    assert checks("-+++", AlertRules(), undelivered=[1]) == "urr."
    assert checks("-+--+", AlertRules(), undelivered=[1]) == "ur..r"


@given(st.text(GOOD + BAD, max_size=40), st.integers(1, 4))
def test_alerts_and_recoveries_take_turns(letters: str, after: int) -> None:
    said = checks(letters, AlertRules(after=after)).replace(".", "")
    assert said == ("ur" * len(letters))[: len(said)]
    outages = [outage for outage in letters.split(GOOD) if len(outage) >= after]
    assert said.count("u") == len(outages)


def test_the_unhealthy_are_those_that_have_failed_often_enough() -> None:
    known = {"@mysql.old": Health("network", 1), "@mysql.older": Health("auth", 5, alerted=True)}
    names = ("new", "old", "older")
    alerts = judge([verdict(BAD, name=name) for name in names], known, AlertRules(after=2))
    assert [report["alias"] for report in alerts.unhealthy] == ["old", "older"]
    assert [report["alias"] for report in alerts.newly_unhealthy] == ["old"]


def test_a_callback_that_serves_all_kinds_says_nothing_twice() -> None:
    known = {"@mysql.back": Health("network", 1, alerted=True)}
    verdicts = [verdict(BAD), verdict(GOOD, [3], name="back")]
    alerts = judge(verdicts, known, AlertRules(warn_days=(14,)))
    calls = {kind: {name for name, reports in lists.items() if reports} for kind, _, lists in alerts.due()}
    assert calls == {
        "on_unhealthy": {"unhealthy", "newly_unhealthy"},
        "on_recovered": {"recovered"},
        "on_expiring": {"expiring", "newly_expiring"},
    }
    assert all(len(lists) == 5 for _, _, lists in alerts.due())


def test_where_nothing_can_be_kept_an_outage_is_alerted_of_each_time() -> None:
    alerts = judge([verdict(BAD), verdict(GOOD, name="other")], None, AlertRules(after=3))
    assert ([one["alias"] for one in alerts.newly_unhealthy], alerts.recovered) == (["default"], [])
    assert alerts.known["@mysql.default"] == Health("network", 3, alerted=True)
    assert alerts.known["@mysql.other"] == Health("ok")


def warnings(steps: Iterable[Any], rules: AlertRules) -> list[list[int]]:
    """Check with the days left of each step; return those that are newly warned of."""
    known: dict[str, Health] = {}
    said = []
    for days in steps:
        alerts: Alerts = judge([verdict(BAD) if days is None else verdict(GOOD, days)], known, rules)
        said.append([one["days_left"] for one in alerts.newly_expiring])
        assert {one["days_left"] for one in alerts.expiring} == {left for left in days or () if left <= 14}
        known = alerts.known
    return said


def test_each_stage_before_an_end_is_warned_of_once() -> None:
    rules = AlertRules(warn_days=(14, 7, 1))
    assert warnings([[15], [14], [13], [7], None, [6], [1], [0], [-3]], rules) == [
        [],
        [14],
        [],
        [7],
        [],
        [],
        [1],
        [],
        [],
    ]
    assert warnings([[9, 3], [9, 3], [7, 1]], rules) == [[9, 3], [], [7, 1]]


def test_a_warning_says_of_whom_and_of_what_it_is() -> None:
    [warning] = judge([verdict(GOOD, [3])], {}, AlertRules(warn_days=(14,))).newly_expiring
    assert (warning.pop("message") or "").startswith("thing 0 ")
    of_whom = {"family": "mysql", "alias": "default", "reference": "@mysql.default"}
    assert warning == {**of_whom, "what": "thing 0", "at": "2027-01-01", "days_left": 3}


def shown(*certificates: tuple[str, int]) -> Verdict:
    expires = [{"what": "certificate of db:1", "at": at, "days_left": days} for at, days in certificates]
    return Verdict.healthy(1.0, {"expires": expires}).at("mysql", "default")


def test_what_was_renewed_is_warned_of_again_and_servers_that_take_turns_are_not() -> None:
    rules = AlertRules(warn_days=(14, 3))
    known: dict[str, Health] = {}
    said = []
    one, other, renewed = "2999-01-05T00:00:00+00:00", "2999-01-09T00:00:00+00:00", "2999-04-01T00:00:00+00:00"
    for at, days in [(one, 5), (other, 9), (one, 5), (other, 9), (one, 3), (renewed, 90), (renewed, 14)]:
        alerts = judge([shown((at, days))], known, rules)
        said.append([one["days_left"] for one in alerts.newly_expiring])
        known = alerts.known
    assert said == [[5], [9], [], [], [3], [], [14]]


def test_what_has_ended_long_ago_is_forgotten() -> None:
    rules = AlertRules(warn_days=(14,))
    known = judge([shown(("2000-01-05T00:00:00+00:00", -99), ("2999-01-05T00:00:00+00:00", 9))], {}, rules).known
    (health,) = judge([shown()], known, rules).known.values()
    assert health.warned == {"certificate of db:1 2999-01-05T00:00:00+00:00": 14}


def test_a_warning_that_nobody_got_is_due_again() -> None:
    rules = AlertRules(warn_days=(14,))
    alerts = judge([verdict(GOOD, [3])], {}, rules)
    alerts.undelivered(alerts.newly_expiring)
    assert judge([verdict(GOOD, [3])], alerts.known, rules).newly_expiring
    assert not judge([verdict(GOOD, [3])], {}, AlertRules()).expiring


def test_what_cannot_be_tested_is_neither_an_outage_nor_a_recovery() -> None:
    untested = Verdict.of(UNTESTABLE, "not tried").at("airflow", "default")
    for before in ({}, {untested.reference: Health("unknown")}, None):
        alerts = judge([untested], before, AlertRules())
        assert (alerts.unhealthy, alerts.newly_unhealthy, alerts.recovered) == ([], [], [])
        assert alerts.known[untested.reference].failures == 0
