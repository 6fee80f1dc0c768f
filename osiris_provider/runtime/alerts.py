"""Whom to alert of what after a check: once an outage, not at the first hiccup, and once more when it is over.

Knows no Airflow, and sends nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from osiris_provider.connectors.expiry import expiring, expiry_sentence
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.runtime.health_state import Health

Report = dict[str, Any]

_HEALTHY = Health("ok")
KEPT = timedelta(days=90)
"""For which it is known behind the end of something that it was warned of."""


@dataclass(frozen=True)
class AlertRules:
    """When there is something to alert of.

    :param after: checks in a row that must have failed.
    :param remind_after: further failed checks after which it is due again; None never reminds.
    :param warn_days: days before something expires, each of which is a reason to warn once.
    """

    after: int = 1
    remind_after: int | None = None
    warn_days: Sequence[int] = ()

    def stage(self, days_left: int) -> int:
        """Return of how many days something is now warned.

        :param days_left: at most the longest of ``warn_days``.
        """
        return min(days for days in self.warn_days if days_left <= days)

    def is_due(self, health: Health) -> bool:
        """Return whether an alert of an unhealthy connection is due.

        :param health: after this check; ``alerted`` says whether there was one before.
        """
        beyond = health.failures - self.after
        reminds = self.remind_after is not None and beyond > 0 and beyond % self.remind_after == 0
        return beyond >= 0 and (not health.alerted or reminds)


@dataclass
class Alerts:
    """What there is to say after a check; all lists are of reports, or of reports' expiries.

    :param unhealthy: those that have failed often enough in a row.
    :param newly_unhealthy: of these the ones whose alert is due now.
    :param recovered: healthy again, after an alert.
    :param expiring: what expires soon, of whom.
    :param newly_expiring: of these the ones of which was not warned yet, or of more days.
    :param known: what to keep of each connection, if all alerts are delivered.
    """

    unhealthy: list[Report] = field(default_factory=list)
    newly_unhealthy: list[Report] = field(default_factory=list)
    recovered: list[Report] = field(default_factory=list)
    expiring: list[Report] = field(default_factory=list)
    newly_expiring: list[Report] = field(default_factory=list)
    known: dict[str, Health] = field(default_factory=dict)
    _before: Mapping[str, Health] = field(default_factory=dict)

    def due(self) -> Iterator[tuple[str, list[Report], dict[str, list[Report]]]]:
        """Yield the kinds of alert that are due: its name, the reports, and the lists that a callback of it gets.

        Callbacks may be the same for all kinds, so each gets what its kind is about; the other lists are empty.
        """
        kinds = {
            "on_unhealthy": {"newly_unhealthy": self.newly_unhealthy, "unhealthy": self.unhealthy},
            "on_recovered": {"recovered": self.recovered},
            "on_expiring": {"newly_expiring": self.newly_expiring, "expiring": self.expiring},
        }
        none: dict[str, list[Report]] = {name: [] for lists in kinds.values() for name in lists}
        for kind, lists in kinds.items():
            reports = next(iter(lists.values()))
            if reports:
                yield kind, reports, {**none, **lists}

    def undelivered(self, reports: Iterable[Report]) -> None:
        """Have alerts be due again at the next check, because no one got them.

        :param reports: one of the lists.
        """
        for report in reports:
            name = report["reference"]
            before = self._before.get(name, _HEALTHY)
            if "what" in report:
                self.known[name] = replace(self.known[name], warned=before.warned)
            else:
                self.known[name] = replace(self.known[name], alerted=before.alerted)


def judge(verdicts: Iterable[Verdict], before: Mapping[str, Health] | None, rules: AlertRules) -> Alerts:
    """Return what there is to alert of.

    :param verdicts: of this check.
    :param before: what was known of each connection; None if that cannot be read: then an alert too many is better
        than none.
    :param rules: when it is due.
    """
    alerts = Alerts(_before=before or {})
    for verdict in verdicts:
        known = (before or {}).get(verdict.reference, _HEALTHY)
        if before is None and verdict.unhealthy:
            known = Health(verdict.category, rules.after - 1)
        health = _checked(alerts, verdict, known, rules)
        alerts.known[verdict.reference] = replace(health, warned=_warned(alerts, verdict, known, rules))
    return alerts


def _checked(alerts: Alerts, verdict: Verdict, known: Health, rules: AlertRules) -> Health:
    report = {**verdict.as_dict(), "reference": verdict.reference}
    if verdict.ok:
        if known.alerted:
            alerts.recovered.append(report)
        return _HEALTHY
    if not verdict.unhealthy:
        # Nothing was tried.
        return Health(verdict.category)
    health = Health(verdict.category, known.failures + 1, known.alerted)
    if health.failures < rules.after and not health.alerted:
        return health
    alerts.unhealthy.append(report)
    if not rules.is_due(health):
        return health
    alerts.newly_unhealthy.append(report)
    return replace(health, alerted=True)


def _warned(alerts: Alerts, verdict: Verdict, known: Health, rules: AlertRules) -> Mapping[str, int]:
    """Return of what was warned by now, and list what there is to warn of."""
    if not verdict.ok:
        # What of it expires is not known today.
        return known.warned
    # Behind one name may be several servers, each with a certificate of its own, that answer in turn.
    since = (datetime.now(timezone.utc) - KEPT).isoformat(timespec="seconds")
    warned = {name: days for name, days in known.warned.items() if name.rpartition(" ")[2] > since}
    for entry in expiring(verdict.details, max(rules.warn_days)) if rules.warn_days else ():
        # What was renewed has another end, and is another thing.
        name, stage = f"{entry['what']} {entry['at']}", rules.stage(entry["days_left"])
        of_whom = {"family": verdict.family, "alias": verdict.alias, "reference": verdict.reference}
        warning = {**of_whom, **entry, "message": expiry_sentence(entry)}
        alerts.expiring.append(warning)
        if name not in known.warned or stage < known.warned[name]:
            alerts.newly_expiring.append(warning)
        warned[name] = min(stage, known.warned.get(name, stage))
    return warned
