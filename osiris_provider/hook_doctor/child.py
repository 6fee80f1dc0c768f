"""The part that knows Airflow: builds the hook, has it tested, and answers with codes. Runs in a process of its own."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import Any

from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import HookType, LoggedIn, reading_fields
from osiris_provider.hook_doctor.classify import classify, unreachable, worded
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.expiry import soonest
from osiris_provider.hook_doctor.faults import NEEDS_ANOTHER, NO_HOST, NO_PROVIDER, PROVIDER_BROKEN, UNTESTABLE
from osiris_provider.hook_doctor.registry import hook_type, hook_types
from osiris_provider.hook_doctor.tables import name_of
from osiris_provider.hook_doctor.watch.catch import TEST, run_test
from osiris_provider.hook_doctor.watch.certificates import certificate_ends, watch_certificates
from osiris_provider.hook_doctor.watch.redirects import keep_redirects_here
from osiris_provider.hook_doctor.watch.tls import refined, watch_sessions
from osiris_provider.hook_doctor.wire import MORE, STARTED, receive_text
from osiris_provider.net.deadline import Deadline

_SHARED = (
    "requests",
    "aiohttp",
    "tenacity",
    "cryptography.x509",
    "cryptography.hazmat.primitives.serialization",
    "airflow.providers.common.sql.hooks.sql",
)

_warm: set[str] = set()
"""Connection types that are."""
_missing: list[str] = []
"""Ids of other connections that the hook of this check has asked for."""
Answer = dict[str, Any]
"""``{"details": …, "expires": …}`` of a healthy connection, or ``{"fault": name, "cause": class name}``.

One with :data:`MORE` has another behind it, with ``expires`` alone.
"""


class _FaultError(Exception):
    """What is wrong is known."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.slug)
        self.fault = fault


def examine(connection: HookConnection, deadline: Deadline) -> Iterator[Answer]:
    """Check a connection by its hook, and yield what may be said of it; then, of some types, when the login ends.

    :param connection: resolved.
    :param deadline: bounds what this does itself; its starter ends the process in time.
    """
    declared = hook_type(connection.conn_type)
    _missing.clear()
    error: BaseException | None
    try:
        passed, error, proof = _tried(connection, declared, deadline)
    except _FaultError as known:
        yield {"fault": name_of(worded(known.fault, declared, connection), declared)}
        return
    except BaseException as raised:  # noqa: BLE001 - whatever a library does: this process answers
        passed, error, proof = False, raised, {}
    if not passed:
        fault = refined(classify(error, declared, connection, deadline))
        if _missing and fault.category not in ("network", "timeout"):
            # It has tried to log in with something else than its tasks do, if at all.
            fault = NEEDS_ANOTHER
        yield {"fault": name_of(fault, declared), "cause": type(error).__name__ if error else ""}
    elif isinstance(proof, LoggedIn) and declared.ends is not None:
        yield {"details": _shown({}, declared), **_expires(certificate_ends(connection, declared)), MORE: True}
        yield _expires(declared.ends(proof))
    else:
        details = {} if isinstance(proof, LoggedIn) else proof
        yield {"details": _shown(details, declared), **_expires(certificate_ends(connection, declared))}


def _tried(
    connection: HookConnection, declared: HookType, deadline: Deadline
) -> tuple[bool, BaseException | None, Mapping[str, Any] | LoggedIn]:
    if declared.needs_host and not connection.host:
        raise _FaultError(NO_HOST)
    prepared = declared.prepare(connection) if declared.prepare else connection
    hook_class, id_name = _hook_class(connection.conn_type)
    if declared.probe is None and not (declared.is_safe and callable(getattr(hook_class, TEST, None))):
        raise _FaultError(UNTESTABLE)
    _hand_over(prepared)
    with reading_fields():
        hook = hook_class(**{id_name: connection.conn_id}, **declared.hook_params)
    if declared.connect_first and (fault := unreachable(declared.address(connection), deadline)):
        raise _FaultError(fault)
    if declared.probe is not None:
        return True, None, declared.probe(hook) or {}
    return *run_test(hook), {}


def _shown(details: Mapping[str, Any], declared: HookType) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(dict(details), default=str))
    is_known = (declared.proves_login or "proven" in shown) and not _missing
    return shown if is_known else {**shown, "proven": False}


def _expires(ends: Iterator[tuple[str, datetime]]) -> Answer:
    known: dict[str, int] = {}
    with suppress(Exception):
        # No expiry keeps a verdict back.
        known = soonest(ends)
    return {"expires": known} if known else {}


def _hand_over(connection: HookConnection) -> None:
    """Have hooks find this connection under its id, and no other one."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException
    from airflow.sdk import Connection

    known = Connection(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type,
        host=connection.host,
        login=connection.login,
        password=connection.password,
        schema=connection.schema,
        port=connection.port,
        extra=json.dumps(dict(connection.extra)) if connection.extra else None,
    )

    def get(conn_id: str) -> Connection:
        if conn_id != connection.conn_id:
            # The child asks neither Airflow nor a vault.
            _missing.append(conn_id)
            raise AirflowNotFoundException
        return known

    async def async_get(conn_id: str) -> Connection:
        return get(conn_id)

    Connection.get = get  # type: ignore[method-assign] # in this process only
    Connection.async_get = async_get  # type: ignore[method-assign] # in this process only


def _hook_class(conn_type: str) -> tuple[Any, str]:
    """Return the class of a type's hook, and the name of its argument for the connection's id."""
    known = _providers().hooks
    if conn_type not in known:
        raise _FaultError(NO_PROVIDER)
    try:
        info = known[conn_type]
    except ImportError:
        info = None
    if info is None:
        # Airflow has not been able to import it.
        raise _FaultError(PROVIDER_BROKEN)
    if not info.hook_class_name:
        raise _FaultError(UNTESTABLE)
    module, _, name = info.hook_class_name.rpartition(".")
    try:
        return getattr(import_module(module), name), info.connection_id_attribute_name
    except ImportError:
        raise _FaultError(PROVIDER_BROKEN) from None


def _providers() -> Any:
    try:
        from airflow.sdk import providers_manager_runtime as airflow_providers
    except ImportError:
        # Before 3.2.
        from airflow import providers_manager

        return providers_manager.ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's
    return airflow_providers.ProvidersManagerTaskRuntime()  # type: ignore[no-untyped-call] # Airflow's


def load() -> None:
    """Import what the checks of all types need; a server does it before it forks."""
    import pycares
    import requests
    from airflow.sdk import Connection, log

    del Connection, pycares, requests
    # What these processes say goes nowhere. For what would be masked there Airflow imports its task runner.
    log.mask_secret = _mask_nothing
    log.amask_secret = _amask_nothing
    hook_types()
    _providers().hooks  # noqa: B018 - read when asked for, once a process


def load_shared() -> None:
    """Import what the hooks of many types have in common: the servers of types then share its memory."""
    for name in _SHARED:
        with suppress(Exception):
            # Not every type needs it.
            import_module(name)


def _mask_nothing(secret: Any, name: str | None = None) -> None:
    del secret, name


async def _amask_nothing(secret: Any, name: str | None = None) -> None:
    del secret, name


def warm(conn_type: str) -> None:
    """Import the hook of a connection type, and what its library imports later on.

    :param conn_type: of an installed provider, or not.
    """
    if conn_type in _warm:
        # In the process from which this one was forked.
        return
    declared = hook_type(conn_type)
    for name in declared.without:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # as Python says that there is no such module
    _hook_class(conn_type)
    for name in declared.imports:
        import_module(name)
    if declared.warm is not None:
        declared.warm()
    _warm.add(conn_type)


def serve(work: socket.socket, deadline: float) -> None:
    """Check the connection that comes by a socket, and answer there.

    :param work: has the connection, after its length; gets :data:`STARTED`, then a line of JSON for each answer.
    :param deadline: by the monotonic clock.
    """
    connection = HookConnection.from_json(receive_text(work))
    with suppress(Exception):
        # The check will tell.
        warm(connection.conn_type)
    work.sendall(STARTED)
    watch_sessions()
    watch_certificates()
    keep_redirects_here()
    for answer in examine(connection, Deadline(deadline - time.monotonic())):
        work.sendall(json.dumps(answer).encode() + b"\n")
