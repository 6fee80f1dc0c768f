"""MongoDB: the hook has no test. A ping needs no right, but the client logs in before it, if it has credentials."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED, RESET, TIMED_OUT
from osiris_provider.connectors.sql.faults import DENIED, NOT_READY, READ_ONLY, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_CODES = {
    13: DENIED,
    18: WRONG_PASSWORD,
    # A user that is not in the database to which it logs in, and an Atlas login.
    11: WRONG_PASSWORD,
    8000: WRONG_PASSWORD,
    91: NOT_READY,
    189: NOT_READY,
    10107: READ_ONLY,
    11600: NOT_READY,
    11602: NOT_READY,
    13435: READ_ONLY,
    13436: NOT_READY,
    50: TIMED_OUT,
}
"""Of MongoDB's error_codes.yml."""


def _ping(hook: Any) -> Details:
    with hook:
        hook.get_conn().admin.command("ping")
    return {"proven": bool(hook.connection.login and hook.connection.password)}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    host = connection.host or ""
    # With srv, DNS has the servers; with commas there are several, and one is enough.
    return None if connection.extra.get("srv") or "," in host or not host else (host, connection.port or 27017)


TYPE = HookType(
    conn_types=("mongo",),
    title="MongoDB",
    codes={
        "OperationFailure": _CODES,
        "ConfigurationError": MISCONFIGURED,
        "InvalidURI": MISCONFIGURED,
        "AutoReconnect": {},
        "NetworkTimeout": TIMED_OUT,
        "ConnectionFailure": RESET,
    },
    codes_at=("code",),
    probe=_ping,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
