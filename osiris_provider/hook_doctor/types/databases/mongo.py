"""MongoDB: the hook has no test. A ping needs no right, but the client logs in before it, if it has credentials."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import (
    DNS_FAILED,
    DNS_SILENT,
    GARBAGE,
    MISCONFIGURED,
    RESET,
    TIMED_OUT,
    UNKNOWN_HOST,
)
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD, NOT_READY, READ_ONLY, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_CODES = {
    13: DENIED,
    18: WRONG_PASSWORD,
    # A user that is not in the database to which it logs in, and an Atlas login.
    11: WRONG_PASSWORD,
    8000: WRONG_PASSWORD,
    # Its user has been changed, and a mechanism that the server does not offer.
    391: WRONG_PASSWORD,
    334: LOGIN_METHOD,
    2: LOGIN_METHOD,
    91: NOT_READY,
    189: NOT_READY,
    10107: READ_ONLY,
    11600: NOT_READY,
    11602: NOT_READY,
    13435: READ_ONLY,
    13436: NOT_READY,
    # Its members do not reach each other.
    6: NOT_READY,
    7: NOT_READY,
    133: NOT_READY,
    9001: NOT_READY,
    50: TIMED_OUT,
    89: TIMED_OUT,
    262: TIMED_OUT,
}
"""Of MongoDB's error_codes.yml."""


def _ping(hook: Any) -> Details:
    with hook:
        client = hook.get_conn()
        _await_answer(client)
        client.admin.command("ping")
    return {"proven": bool(hook.connection.login and hook.connection.password)}


def _await_answer(client: Any) -> None:
    """Wait until a server has answered; the client itself would try again for half a minute, and not say what it met.

    :raises Exception: what it met, at the last of the servers.
    """
    import time

    while True:
        servers = list(client.topology_description.server_descriptions().values())
        if any(server.is_server_type_known for server in servers):
            return
        errors = [server.error for server in servers if server.error]
        if errors and len(errors) == len(servers):
            raise errors[-1]
        time.sleep(0.01)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    host = connection.host or ""
    # With srv, DNS has the servers; with commas there are several, and one is enough.
    return None if connection.extra.get("srv") or "," in host or not host else (host, connection.port or 27017)


TYPE = HookType(
    conn_types=("mongo",),
    title="MongoDB",
    codes={
        "OperationFailure": _CODES,
        "ConfigurationError": {ELSE: MISCONFIGURED},
        # Of dnspython, which looks for the servers of SRV.
        "NXDOMAIN": UNKNOWN_HOST,
        "NoAnswer": UNKNOWN_HOST,
        "NoNameservers": DNS_FAILED,
        "LifetimeTimeout": DNS_SILENT,
        "InvalidURI": MISCONFIGURED,
        "NotPrimaryError": {**_CODES, ELSE: NOT_READY},
        "ServerSelectionTimeoutError": {ELSE: TIMED_OUT},
        "NetworkTimeout": TIMED_OUT,
        "AutoReconnect": {ELSE: RESET},
        "ConnectionFailure": RESET,
        "ProtocolError": GARBAGE,
        "InvalidBSON": GARBAGE,
    },
    codes_at=("code", "details.code"),
    probe=_ping,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
