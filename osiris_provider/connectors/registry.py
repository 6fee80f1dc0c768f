"""The connectors of this process, one a family."""

from __future__ import annotations

import atexit
import threading
from typing import Any, cast

from osiris_provider.connections.registry import load_family
from osiris_provider.connectors import interrupt
from osiris_provider.connectors.base import Connector
from osiris_provider.errors import ConnectionConfigError

_connectors: dict[str, Connector[Any, Any]] = {}
_lock = threading.Lock()


def get_connector(family: str) -> Connector[Any, Any]:
    """Return this process's connector of a family.

    :param family: such as ``mysql``.
    :raises ConnectionConfigError: there is no such family.
    """
    if not isinstance(family, str):
        message = f"A family is a text such as mysql, not {type(family).__name__}."
        raise ConnectionConfigError(message)
    with _lock:
        if family not in _connectors:
            _connectors[family] = cast("type[Connector[Any, Any]]", load_family(family))()
        return _connectors[family]


def stop_all() -> None:
    """Have all servers stop what they do for this process, within a second, and close every client (CONN-014).

    A caller that waits for a server gets a :class:`~osiris_provider.net.killed.StoppedError`.
    """
    interrupt.stop_all()
    close_all()


def close_all() -> None:
    """Close every client that any connector of this process keeps open (CONN-014)."""
    for connector in list(_connectors.values()):
        connector.close_all()


atexit.register(close_all)
