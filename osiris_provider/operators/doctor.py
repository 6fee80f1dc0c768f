"""Check connections as a task."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Asset, AssetAlias, BaseNotifier, BaseOperator

from osiris_provider._airflow.arguments import (
    as_list,
    check_seconds,
    is_integer,
    is_known_later,
    is_name,
    is_path,
    is_several,
    literal,
    require,
)
from osiris_provider._airflow.compat import AirflowFailException, conf, emit_count, emit_gauge, emit_timing
from osiris_provider._airflow.health_asset import RECOVERED, health_asset_uri
from osiris_provider._airflow.storage import open_path
from osiris_provider._airflow.task_context import attempt_id, task_key
from osiris_provider.connections.listing import list_connections
from osiris_provider.connections.reference import AIRFLOW_ID, NAME, reference_to
from osiris_provider.connectors.expiry import WARN_DAYS, expiring
from osiris_provider.connectors.faults import NO_SUCH_CONNECTION
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import ConnectionConfigError, OsirisError
from osiris_provider.hooks.errors import fail_fast
from osiris_provider.hooks.health import NEEDS_WORKER, check_all
from osiris_provider.hooks.kill import kill_task
from osiris_provider.net import killed
from osiris_provider.runtime.alerts import AlertRules, Alerts, judge
from osiris_provider.runtime.health_state import Health, HealthState
from osiris_provider.runtime.state import state_url

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["OsirisDoctorOperator"]

Callback = Callable[[Any], Any]
CONNECTIONS = "a reference such as @mysql.default, an Airflow connection id, a list of them, or None"
FILE = "a path, or None"

HEALTH = AssetAlias("osiris_health")
"""All events of this operator come through this alias; a DAG may be scheduled on it."""


class OsirisDoctorOperator(BaseOperator):
    """Check connections at once and return their reports; fail if one is unhealthy.

    XCom gets the list of reports, also if the task fails (with ``do_xcom_push=False`` in neither case): ``family``,
    ``alias``, ``ok``, ``latency_ms``, ``category``, ``message``, ``details`` (CONN-020). Each check counts in Airflow's
    metrics as ``osiris.doctor.latency`` or ``osiris.doctor.failed``, tagged by family and alias. Gauge
    ``osiris.doctor.expires_days`` has the days that are left until a certificate, password or token of it expires.

    Each check is an event of asset ``osiris://<family>/<alias>`` with ``ok``, ``category``, ``latency_ms``, ``message``
    and ``details``. A connection that is healthy and was not when this task last checked it, by the clock and whatever
    the dates of the runs, is also an event of ``osiris://<family>/<alias>/recovered``; that is kept where the state
    of incremental tasks is (``[osiris] state_url``). Airflow sends no events of a task that fails: to have those of the
    unhealthy, set ``fail_on_unhealthy`` to False.

    :param connections: references or Airflow connection ids; None, as a template may give it too, checks all of the
        connections file. (templated)
    :param file: path of the connections file; None looks in the standard locations. (templated)
    :param check_timeout: seconds for each connection. A ``timeout`` in ``default_args`` is that of sensors.
    :param fail_on_unhealthy: False only reports.
    :param on_unhealthy: a callback or notifier, or a list of them, called once when a connection has become unhealthy.
        As Airflow's own callbacks they get the context; it has the reports under ``reports``, those that have failed at
        least ``after`` checks in a row under ``unhealthy``, and of these the ones whose alert is due now under
        ``newly_unhealthy``. If all of the callbacks raise, the alert is due again at the next check.
    :param on_recovered: the same for connections that are healthy again after their alert, under ``recovered``.
    :param on_expiring: the same for certificates, passwords and tokens that expire soon. ``expiring`` has all of them,
        ``newly_expiring`` those that are due now, with ``family``, ``alias``, ``reference``, ``what``, ``at``,
        ``days_left`` and ``message``. They make no connection unhealthy.
    :param after: checks in a row that must fail before ``on_unhealthy`` is called. ``fail_on_unhealthy`` and the events
        do not wait.
    :param remind_after: call ``on_unhealthy`` again after each so many further failed checks; None: once an outage.
    :param warn_days: days before something expires at which ``on_expiring`` is called, once for each; within the
        longest the log has a warning at each check. None is never.
    :param deferrable: check in the triggerer, which needs the connections file and its variables. Connections that
        only their own hook can check come back to a worker.
    """

    template_fields: Sequence[str] = ("connections", "file")
    template_fields_renderers: ClassVar[dict[str, str]] = {"connections": "json"}
    ui_color = "#e3f0ea"

    def __init__(
        self,
        *,
        connections: Sequence[str] | str | None = None,
        file: str | os.PathLike[str] | None = None,
        check_timeout: float = 2.0,
        fail_on_unhealthy: bool = True,
        on_unhealthy: Callback | Iterable[Callback] | None = None,
        on_recovered: Callback | Iterable[Callback] | None = None,
        on_expiring: Callback | Iterable[Callback] | None = None,
        after: int = 1,
        remind_after: int | None = None,
        warn_days: int | Sequence[int] | None = (WARN_DAYS, 7, 1),
        deferrable: bool = conf.getboolean("operators", "default_deferrable"),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outlets = [*self.outlets, HEALTH]
        self.connections = connections
        self.file = file
        self.check_timeout = check_seconds(check_timeout)
        self.fail_on_unhealthy = fail_on_unhealthy
        self.on_unhealthy = on_unhealthy
        self.on_recovered = on_recovered
        self.on_expiring = on_expiring
        self.after = after
        self.remind_after = remind_after
        self.warn_days = warn_days
        self.deferrable = deferrable
        self._check_arguments()

    def _check_arguments(self) -> None:
        require("connections", is_known_later(self.connections) or _are_connections(self.connections), CONNECTIONS)
        require("file", self.file is None or is_path(self.file) or is_known_later(self.file), FILE)
        for name in ("fail_on_unhealthy", "deferrable"):
            require(name, isinstance(getattr(self, name), bool), "True or False")
        for name in ("on_unhealthy", "on_recovered", "on_expiring"):
            require(name, all(map(callable, as_list(getattr(self, name)))), "a callback, a notifier, or a list of them")
        require("after", is_integer(self.after, 1), "a number of checks, 1 or more")
        reminds = self.remind_after is not None
        require(
            "remind_after", not reminds or is_integer(self.remind_after, 1), "a number of checks, 1 or more; or None"
        )
        days = all(is_integer(one, 0) for one in as_list(self.warn_days))
        require("warn_days", days, "a number of days, 0 or more; or a list of such, or None")

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Check, log a line a connection, and return the reports."""
        targets = fail_fast(self._targets)
        if not targets:
            self.log.warning("No connection is checked: there is none in connections, or in the connections file.")
        if self.deferrable:
            from osiris_provider.triggers.doctor import OsirisDoctorTrigger

            trigger = OsirisDoctorTrigger(connections=targets, check_timeout=self.check_timeout, file=self.file)
            kwargs = {"targets": targets}
            self.defer(trigger=trigger, method_name="execute_complete", kwargs=kwargs, timeout=self.execution_timeout)
        with killed.breakable():
            verdicts = check_all(targets, self.check_timeout, self._log_verdict, file=self.file)
        return self._conclude(context, verdicts)

    def execute_complete(
        self, context: Context, event: dict[str, Any], targets: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Check what only a worker may, and return these reports and those that the trigger brings, or fail with them.

        :param context: of the task.
        :param event: of :class:`~osiris_provider.triggers.doctor.OsirisDoctorTrigger`.
        :param targets: what the trigger was asked for.
        """
        verdicts = [Verdict.from_dict(report) for report in event["reports"]]
        for verdict in verdicts:
            if verdict.fault != NEEDS_WORKER:
                self._log_verdict(verdict)
        names = targets or [verdict.reference for verdict in verdicts]
        left = [name for name, verdict in zip(names, verdicts, strict=True) if verdict.fault == NEEDS_WORKER]
        with killed.breakable():
            checked = iter(check_all(left, self.check_timeout, self._log_verdict, file=self.file))
        return self._conclude(context, [next(checked) if one.fault == NEEDS_WORKER else one for one in verdicts])

    def on_kill(self) -> None:
        """Have the servers stop, and close what is open."""
        kill_task()

    def _targets(self) -> list[str]:
        given: Any = self.connections
        if isinstance(given, str):
            # A template that makes a list, or None, renders to the text of it.
            given = _parsed(given) if given.strip() == "None" or given.lstrip().startswith(("[", "(")) else [given]
        # What other tasks have returned is fetched by going through it: once.
        given = as_list(given) if is_several(given) else given
        require("connections", _are_connections(given), CONNECTIONS)
        require("file", self.file is None or is_path(self.file), FILE)
        if given is not None:
            return as_list(given)
        targets = [reference_to(entry["family"], entry["alias"]) for entry in list_connections(self.file)]
        self.log.info("connections is None: all of the connections file are checked, %d in number", len(targets))
        return targets

    def _conclude(self, context: Context, verdicts: list[Verdict]) -> list[dict[str, Any]]:
        for verdict in verdicts:
            _measure(verdict)
        state = HealthState(state_url(), task_key(context["ti"]), open_path)
        before = self._known_before(state, context)
        _tell_assets(context, verdicts, before or {})
        reports = [verdict.as_dict() for verdict in verdicts]
        self._alert(context, reports, alerts := judge(verdicts, before, self._rules()))
        if before is not None:
            self._keep(state, context, alerts)
        sick = [verdict for verdict in verdicts if verdict.unhealthy]
        if not sick or not self.fail_on_unhealthy:
            return reports
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=reports)
        listed = " ".join(f"{verdict.reference} {verdict.category}: {verdict.message}" for verdict in sick)
        message = f"{len(sick)} of {len(reports)} connections are unhealthy: {listed}"
        raise AirflowFailException(message)

    def _rules(self) -> AlertRules:
        return AlertRules(self.after, self.remind_after, as_list(self.warn_days))

    def _known_before(self, state: HealthState, context: Context) -> dict[str, Health] | None:
        """Return what this task knew of each connection when it last looked; None if that cannot be read."""
        try:
            return state.before(attempt_id(context["ti"]))
        except OsirisError as error:
            self.log.warning("What has recovered is not known: %s Set [osiris] state_url.", error)
            return None

    def _keep(self, state: HealthState, context: Context, alerts: Alerts) -> None:
        try:
            state.keep(attempt_id(context["ti"]), alerts.known)
        except OsirisError as error:
            self.log.warning("What was seen is not kept: %s Set [osiris] state_url.", error)

    def _alert(self, context: Any, reports: list[dict[str, Any]], alerts: Alerts) -> None:
        for one in alerts.expiring:
            self.log.warning("%s: %s", one["reference"], one["message"])
        for kind, due, lists in alerts.due():
            callbacks = as_list(getattr(self, kind))
            callback_context = {**context, "reports": reports, **lists}
            delivered = [self._call(kind, callback, callback_context) for callback in callbacks]
            if callbacks and not any(delivered):
                alerts.undelivered(due)

    def _call(self, name: str, callback: Callback, context: Any) -> bool:
        # A notifier fills in its templates in itself: called twice, it would say the same again.
        once = copy(callback) if isinstance(callback, BaseNotifier) else callback
        try:
            once(context)
        except Exception:
            self.log.exception("A callback of %s has failed", name)
            return False
        return True

    def _log_verdict(self, verdict: Verdict) -> None:
        latency = f"{verdict.latency_ms} ms" if verdict.ok else ""
        self.log.info("%-30s %-10s %10s  %s", verdict.reference, verdict.category, latency, verdict.message)


def _are_connections(given: Any) -> bool:
    """Return whether somebody has named connections, or given None."""
    several = as_list(given) if given is None or is_several(given) else [given]
    return all(is_name(one) or is_known_later(one) for one in several)


def _parsed(text: str) -> Any:
    try:
        return literal(text)
    except ValueError:
        message = (
            "connections is the text of a list that cannot be read. Write a list of references, or a template of one."
        )
    raise ConnectionConfigError(message)


def _tell_assets(context: Context, verdicts: Iterable[Verdict], before: Mapping[str, Health]) -> None:
    events = context["outlet_events"][HEALTH]
    for verdict in verdicts:
        if not _has_asset(verdict):
            continue
        uri = health_asset_uri(verdict.family, str(verdict.alias))
        report = verdict.as_dict()
        extra = {name: report[name] for name in ("ok", "category", "latency_ms", "message", "details")}
        events.add(Asset(uri), extra=extra)
        known = before.get(verdict.reference)
        if verdict.ok and known is not None and known.category != "ok":
            events.add(Asset(uri + RECOVERED), extra={**extra, "was": known.category})


def _has_asset(verdict: Verdict) -> bool:
    """Return whether a verdict is on a connection that there is: what was mistyped leaves no asset behind."""
    named = NAME.fullmatch(str(verdict.family)) and AIRFLOW_ID.fullmatch(str(verdict.alias))
    return bool(named and verdict.fault != NO_SUCH_CONNECTION)


def _measure(verdict: Verdict) -> None:
    tags = {"family": str(verdict.family), "alias": str(verdict.alias or "")}
    if verdict.latency_ms is not None:
        emit_timing("osiris.doctor.latency", verdict.latency_ms, tags)
    else:
        emit_count("osiris.doctor.failed", {**tags, "category": verdict.category})
    for soonest in expiring(verdict.details, math.inf)[:1]:
        emit_gauge("osiris.doctor.expires_days", soonest["days_left"], tags)
