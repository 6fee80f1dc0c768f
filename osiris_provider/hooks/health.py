"""Doctor on whatever a task may name: references, Airflow connection ids, and what is neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from osiris_provider.connections.load import FileArgument
from osiris_provider.connectors.check import misconfigured
from osiris_provider.connectors.fleet import Report, as_report, doctor_all
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import OsirisError
from osiris_provider.hooks.base import resolve


def check(target: str, timeout: float, *, file: FileArgument = None) -> Report:
    """Check one connection.

    :param target: a reference such as ``@mysql.default``, or an Airflow connection id.
    :param timeout: seconds.
    :param file: path of the connections file; None looks in the usual places.
    :return: its report (CONN-020), also if it is not known or not right.
    """
    connection, report = _resolved(target, file)
    if connection is None:
        return report
    result = get_connector(connection["family"]).doctor(connection, timeout)
    return as_report(connection["family"], connection["alias"], result)


def check_all(
    targets: Sequence[str], timeout: float, on_report: Callable[[Report], None], *, file: FileArgument = None
) -> list[Report]:
    """Check connections at once, each with its own deadline.

    :param targets: references or Airflow connection ids.
    :param timeout: seconds for each.
    :param on_report: called with each report as it comes in.
    :param file: path of the connections file; None looks in the usual places.
    :return: a report a target, in their order.
    """
    found = [_resolved(target, file) for target in targets]
    for connection, report in found:
        if connection is None:
            on_report(report)
    known = [connection for connection, _ in found if connection is not None]
    checked = iter(doctor_all(known, timeout, on_report=on_report))
    return [report if connection is None else next(checked) for connection, report in found]


def _resolved(target: str, file: FileArgument) -> tuple[dict[str, Any] | None, Report]:
    """Return the resolved connection, or None and the report that says what is wrong with it."""
    try:
        return resolve(target, file=file), {}
    except OsirisError as error:
        family, _, alias = target.removeprefix("@").partition(".")
        return None, as_report(family, alias or None, misconfigured(str(error)))


def can_recover(report: Report) -> bool:
    """Return whether an unhealthy connection may become well by itself.

    :param report: of doctor; not so: auth, permission, misconfiguration and what else only people can mend.
    """
    return bool(report["details"].get("retryable", True))


def name_of(report: Report) -> str:
    """Return the reference of a report, or what was asked for if it is none.

    :param report: of doctor.
    """
    return f"@{report['family']}.{report['alias']}" if report["alias"] else str(report["family"])
