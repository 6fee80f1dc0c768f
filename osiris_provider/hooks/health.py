"""Doctor on whatever a task may name: references, Airflow connection ids, and what is neither."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from typing import Any

from osiris_provider._airflow.unread import PROCESS_CONTEXT
from osiris_provider.connections.load import FileArgument
from osiris_provider.connections.reference import MAX_LOCATION, NAME, ConnectionRef, shown
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.airflow_form import ANY_TYPE, reference_of_id
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check import check as check_connection
from osiris_provider.connectors.check import examine
from osiris_provider.connectors.check_many import doctor_all, prepare
from osiris_provider.connectors.faults import NO_SUCH_CONNECTION
from osiris_provider.connectors.registry import get_connector
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import Fault, OsirisError
from osiris_provider.hooks.base import resolve
from osiris_provider.net.deadline import CHECK_BYTES, Deadline

NEEDS_WORKER = Fault(
    "needs_worker",
    "unknown",
    "{address} is checked by its hook, which runs on workers and command lines only. Check it there.",
    permanent=True,
)
"""Of a check that a triggerer does not make: a hook may keep its event loop waiting, and all other tasks with it."""


def check(target: str, timeout: float, *, file: FileArgument = None) -> Verdict:
    """Check one connection.

    :param target: a reference such as ``@mysql.default``, or an Airflow connection id.
    :param timeout: seconds.
    :param file: path of the connections file; None looks in the standard locations.
    :return: the verdict, also if it is not known or not right.
    """
    connection = _resolved(target, file)
    if isinstance(connection, Verdict):
        return connection
    connector = get_connector(connection["family"])
    prepare([(connector, connection)])
    verdict = check_connection(connector, connection, timeout)
    return verdict.at(connection["family"], connection["alias"])


def examine_target(target: str, timeout: float, on_asking: Callable[[], None], *, file: FileArgument = None) -> Verdict:
    """Check one connection in this thread, which its caller may give up; of one that its hook has to check, say so.

    :param target: a reference such as ``@mysql.default``, or an Airflow connection id.
    :param timeout: seconds for the check; it takes them after the connection has been looked up.
    :param on_asking: called when that is done and the server is about to be asked.
    :param file: path of the connections file; None looks in the standard locations.
    """
    connection = _resolved(target, file)
    on_asking()
    if isinstance(connection, Verdict):
        # Airflow says so as well while its database is away, and only a task can ask it for that.
        return replace(connection, fault=NEEDS_WORKER) if connection.fault == NO_SUCH_CONNECTION else connection
    connector = get_connector(connection["family"])
    if _needs_worker(connector, connection):
        verdict = Verdict.of(NEEDS_WORKER, NEEDS_WORKER.text(connector.address_of(connection)))
    else:
        verdict = examine(connector, connection, Deadline(timeout, CHECK_BYTES))
    return verdict.at(connection["family"], connection["alias"])


def check_all(
    targets: Sequence[str], timeout: float, on_verdict: Callable[[Verdict], None], *, file: FileArgument = None
) -> list[Verdict]:
    """Check connections at once, each with its own deadline.

    :param targets: references or Airflow connection ids.
    :param timeout: seconds for each.
    :param on_verdict: called with each verdict as it comes in.
    :param file: path of the connections file; None looks in the standard locations.
    :return: a verdict a target, in their order.
    """
    known = [_resolved(target, file) for target in targets]
    for one in known:
        if isinstance(one, Verdict):
            on_verdict(one)
    connections = [one for one in known if not isinstance(one, Verdict)]
    checked = iter(doctor_all(connections, timeout, on_verdict=on_verdict))
    return [one if isinstance(one, Verdict) else next(checked) for one in known]


def _needs_worker(connector: Connector[Any, Any], connection: ResolvedConnection) -> bool:
    try:
        return connector.needs_worker(connection)
    except OsirisError:
        # Its check says what is wrong, without asking anyone.
        return False


def _resolved(target: str, file: FileArgument) -> ResolvedConnection | Verdict:
    """Return the resolved connection, or the verdict that says what is wrong with it."""
    try:
        return resolve(target, file=file)
    except OsirisError as error:
        return Verdict.unresolved(error).at(*identity(target))


def identity(target: str) -> tuple[str, str | None]:
    """Return family and alias of a target as far as its text tells them.

    :param target: a reference, or an Airflow connection id.
    """
    if target.startswith("@"):
        family, _, alias = target.removeprefix("@").partition(".")
        # What is no reference is reported as it was written: it names no connection.
        return (family, alias or None) if not alias or NAME.fullmatch(alias) else (target.removeprefix("@"), None)
    ref = reference_of_id(target) or ConnectionRef(ANY_TYPE, shown(target, MAX_LOCATION))
    return ref.family, ref.alias


@contextmanager
def server_side() -> Iterator[None]:
    """Have Airflow read connections from its database, as its own commands do, and no longer than a command runs."""
    added = PROCESS_CONTEXT not in os.environ
    os.environ.setdefault(PROCESS_CONTEXT, "server")
    try:
        yield
    finally:
        if added:
            del os.environ[PROCESS_CONTEXT]


def known_to_airflow(target: str, file: str | None) -> Mapping[str, Any]:
    """Return the resolved connection that Airflow knows from its database, the environment or a secrets backend.

    :param target: an Airflow connection id, or a reference.
    :param file: path of the connections file, for messages; None looks in the standard locations.
    :raises ConnectionNotFoundError: it does not know it either.
    :raises ConnectionConfigError: it knows it, but it is wrong.
    """
    with server_side(), _quiet():
        return resolve(target, file=file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Airflow logs from stdout, which belongs to the result."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
