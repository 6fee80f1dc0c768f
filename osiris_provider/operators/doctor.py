"""Check connections as a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from osiris_provider.airflow_compat import AirflowFailException
from osiris_provider.connections.resolve import list_connections
from osiris_provider.connectors.check import misconfigured
from osiris_provider.connectors.fleet import Report, as_report, doctor_all
from osiris_provider.connectors.registry import close_all
from osiris_provider.errors import OsirisError
from osiris_provider.hooks.base import resolve
from osiris_provider.hooks.errors import failing_for_good

if TYPE_CHECKING:
    from airflow.sdk import Context


class OsirisDoctorOperator(BaseOperator):
    """Check connections at once and return their reports; fail if one is not well.

    XCom gets the list of reports, also if the task fails: ``family``, ``alias``, ``ok``, ``latency_ms``,
    ``category``, ``message``, ``details`` (CONN-020).

    :param connections: references or Airflow connection ids; None checks all of the connections file. (templated)
    :param file: path of the connections file; None looks in the usual places. (templated)
    :param timeout: seconds for each connection.
    :param fail_on_unhealthy: False only reports.
    """

    template_fields: Sequence[str] = ("connections", "file")
    ui_color = "#e3f0ea"

    def __init__(
        self,
        *,
        connections: Sequence[str] | str | None = None,
        file: str | None = None,
        timeout: float = 2.0,
        fail_on_unhealthy: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.connections = connections
        self.file = file
        self.timeout = timeout
        self.fail_on_unhealthy = fail_on_unhealthy

    def execute(self, context: Context) -> list[Report]:
        """Check, log a line a connection, and return the reports."""
        targets = failing_for_good(self._targets)
        reports = self._reports(targets)
        sick = [report for report in reports if not report["ok"]]
        if not sick or not self.fail_on_unhealthy:
            return reports
        context["ti"].xcom_push(key="return_value", value=reports)
        listed = " ".join(f"{_name(report)} {report['category']}: {report['message']}" for report in sick)
        message = f"{len(sick)} of {len(reports)} connections are not well: {listed}"
        raise AirflowFailException(message)

    def on_kill(self) -> None:
        """Close what is open."""
        close_all()

    def _targets(self) -> list[str]:
        if isinstance(self.connections, str):
            return [self.connections]
        if self.connections is not None:
            return list(self.connections)
        return [f"@{entry['family']}.{entry['alias']}" for entry in list_connections(self.file)]

    def _reports(self, targets: Sequence[str]) -> list[Report]:
        found = [self._resolved(target) for target in targets]
        known = [one for one in found if isinstance(one, dict)]
        checked = iter(doctor_all(known, self.timeout, on_report=self._log_report))
        return [next(checked) if isinstance(one, dict) else self._misconfigured(*one) for one in found]

    def _resolved(self, target: str) -> dict[str, Any] | tuple[str, OsirisError]:
        try:
            return resolve(target, file=self.file)
        except OsirisError as error:
            return target, error

    def _misconfigured(self, target: str, error: OsirisError) -> Report:
        family, _, alias = target.removeprefix("@").partition(".")
        report = as_report(family, alias or None, misconfigured(str(error)))
        self._log_report(report)
        return report

    def _log_report(self, report: Report) -> None:
        latency = f"{report['latency_ms']} ms" if report["ok"] else ""
        self.log.info("%-30s %-10s %10s  %s", _name(report), report["category"], latency, report["message"])


def _name(report: Report) -> str:
    return f"@{report['family']}.{report['alias']}" if report["alias"] else str(report["family"])
