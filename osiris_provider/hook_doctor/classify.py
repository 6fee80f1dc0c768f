"""From an exception to a fault, by classes and codes along the chain of causes; nothing of a text is looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from osiris_provider.connectors.faults import (
    GARBAGE,
    MISCONFIGURED,
    TLS_FAILED,
    UNKNOWN_HOST,
    UNREACHABLE,
    chain,
    transport_fault,
)
from osiris_provider.connectors.http.faults import tunnel_fault
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import ELSE, HookType, UnreadableFieldError
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.faults import FILE_UNREADABLE, HOST_IS_NO_NAME, PROVIDER_BROKEN, TEST_FAILED
from osiris_provider.hook_doctor.tables import HTTP_CLASSES
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.dns import is_encodable
from osiris_provider.net.sockets import MAX_PORT, open_socket

_MISTAKES = (TypeError, ValueError)
"""What libraries raise for arguments that make no sense: the connection is wrong, not its server."""
_GARBAGE = (UnicodeDecodeError, json.JSONDecodeError)
_FILES = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
_KINDS: Mapping[tuple[type[BaseException], ...], Fault] = {
    (UnreadableFieldError,): MISCONFIGURED,
    _GARBAGE: GARBAGE,
    (ImportError,): PROVIDER_BROKEN,
    _FILES: FILE_UNREADABLE,
    _MISTAKES: MISCONFIGURED,
}
_WITH_PORT = re.compile(r"[^:]*:\d+")
_NO_NAME = re.compile(rf"\s|/|^{_WITH_PORT.pattern}$")
_ANY_TYPE = HookType((), "", HTTP_CLASSES, ("response.status_code",))
"""Of what libraries ask over HTTP, whether the type says so or not."""


def classify(error: BaseException | None, declared: HookType, connection: HookConnection, deadline: Deadline) -> Fault:
    """Return the fault of what a hook has raised.

    :param error: None if it only said that its test had failed.
    :param declared: of the connection's type.
    :param connection: that was checked.
    :param deadline: bounds one plain connect, which tells more where no code does.
    """
    if error is not None:
        fault = (
            tunnel_fault(chain(error))
            or table_fault(error, declared)
            or _line_fault(error)
            or table_fault(error, _ANY_TYPE)
            or _of_kinds(error, _KINDS)
            or _default(error, declared)
        )
        if fault:
            return worded(fault, declared, connection)
    return worded(unreachable(declared.address(connection), deadline) or TEST_FAILED, declared, connection)


def worded(fault: Fault, declared: HookType, connection: HookConnection) -> Fault:
    """Return a fault in the words that help: a host that cannot be a name differs from one that DNS does not know.

    :param declared: of the connection's type.
    :param connection: that was checked.
    """
    host = connection.host or ""
    address = declared.address(connection)
    # Some drivers read a port there.
    is_read = _WITH_PORT.fullmatch(host) and address is not None and address[0] != host
    if declared.host_is_url or is_read or fault not in (UNKNOWN_HOST, MISCONFIGURED):
        return fault
    if not _NO_NAME.search(host):
        return fault if is_encodable(host) else MISCONFIGURED
    # A blank may be a slip of the pen, as any other letter.
    is_slip = "/" not in host and not _WITH_PORT.fullmatch(host)
    return (fault if is_slip else MISCONFIGURED).reworded(HOST_IS_NO_NAME)


def _line_fault(error: BaseException) -> Fault | None:
    fault = transport_fault(error)
    # A CA file that is not there is no handshake that failed.
    return _of_kinds(error, {_FILES: FILE_UNREADABLE}) or fault if fault == TLS_FAILED else fault


def table_fault(error: BaseException, declared: HookType) -> Fault | None:
    """Return the fault that the type's table has for an exception or one of its causes, else None."""
    for one in chain(error):
        entry = _entry(one, declared)
        fault = entry if isinstance(entry, Fault) else _by_code(one, entry, declared.codes_at)
        if fault:
            return fault
    return None


def _default(error: BaseException, declared: HookType) -> Fault | None:
    entries = (_entry(one, declared) for one in chain(error))
    return next((entry[ELSE] for entry in entries if not isinstance(entry, Fault) and ELSE in entry), None)


def _entry(error: BaseException, declared: HookType) -> Fault | Mapping[Any, Fault]:
    """Return what a table has of the first of an exception's classes that is in it."""
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((declared.codes[name] for name in names if name in declared.codes), {})


def _by_code(error: BaseException, faults: Mapping[Any, Fault], paths: tuple[str, ...]) -> Fault | None:
    codes = (_at(error, path) for path in paths)
    return next((faults[code] for code in codes if isinstance(code, (int, str, bytes)) and code in faults), None)


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = _step(value, name)
    return value


def _step(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if name.isdigit():
        return value[int(name)] if isinstance(value, (tuple, list)) and int(name) < len(value) else None
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - a property of somebody's exception
        return None


def _of_kinds(error: BaseException, kinds: Mapping[tuple[type[BaseException], ...], Fault]) -> Fault | None:
    errors = list(chain(error))
    return next((fault for kind, fault in kinds.items() if any(isinstance(one, kind) for one in errors)), None)


def unreachable(address: tuple[str, int] | None, deadline: Deadline) -> Fault | None:
    """Connect once, and return what keeps that from succeeding.

    :param address: host and port; None is not tried.
    :param deadline: bounds it.
    """
    if address is None:
        return None
    host, port = address
    if not is_encodable(host) or not 0 < port <= MAX_PORT:
        return MISCONFIGURED
    try:
        open_socket(host, port, deadline).close()
    except OSError as error:
        # What is left are refusals of this machine, such as a firewall's.
        return transport_fault(error) or UNREACHABLE
    return None
