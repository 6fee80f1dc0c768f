"""Doctor on whatever a task may name: references, Airflow connection ids, and what is neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from osiris_provider.connections.load import FileArgument
from osiris_provider.connectors.check import examine, unresolved
from osiris_provider.connectors.check_many import Report, as_report, doctor_all
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import TRANSIENT, Fault, OsirisError
from osiris_provider.hooks.base import resolve
from osiris_provider.net.deadline import CHECK_BYTES, Deadline

NOT_LOOKED_UP = Fault(
    "not_looked_up",
    "timeout",
    "Airflow did not tell the connection {place} within {timeout}. Check its secrets backend and its database.",
)


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


def examine_target(target: str, timeout: float, on_asking: Callable[[], None], *, file: FileArgument = None) -> Report:
    """Check one connection in this thread, which its caller may give up.

    :param target: a reference such as ``@mysql.default``, or an Airflow connection id.
    :param timeout: seconds for the check; it takes them after the connection has been looked up.
    :param on_asking: called when that is done and the server is about to be asked.
    :param file: path of the connections file; None looks in the usual places.
    """
    connection, report = _resolved(target, file)
    on_asking()
    if connection is None:
        return report
    result = examine(get_connector(connection["family"]), connection, Deadline(timeout, CHECK_BYTES))
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
        return None, as_report(*identity(target), unresolved(error))


def identity(target: str) -> tuple[str, str | None]:
    """Return family and alias of a target as far as its text tells them.

    :param target: a reference, or an Airflow connection id, which counts as family.
    """
    family, _, alias = target.removeprefix("@").partition(".")
    return family, alias or None


def can_recover(report: Report) -> bool:
    """Return whether an unhealthy connection may become well by itself.

    :param report: of doctor; not so: auth, permission, misconfiguration and what else only people can mend.
    """
    return bool(report["details"].get("retryable", report["category"] in TRANSIENT))


def name_of(report: Report) -> str:
    """Return the reference of a report, or what was asked for if it is none.

    :param report: of doctor.
    """
    return f"@{report['family']}.{report['alias']}" if report["alias"] else str(report["family"])
