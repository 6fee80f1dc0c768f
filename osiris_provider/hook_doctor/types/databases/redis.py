"""Redis: the hook has no test; a PING is answered only after the login. The client makes a class of each error code."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED
from osiris_provider.connectors.sql.faults import DENIED, NOT_READY, READ_ONLY, TOO_MANY_CONNECTIONS, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType


def _ping(hook: Any) -> Details:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = hook.get_conn()
    if hasattr(client, "connection_pool"):
        # A cluster's client has none, and its own way to try again.
        client.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
    client.ping()
    return {"proven": bool(hook.password)}


TYPE = HookType(
    conn_types=("redis",),
    title="Redis",
    codes={
        "AuthenticationError": WRONG_PASSWORD,
        "AuthenticationWrongNumberOfArgsError": WRONG_PASSWORD,
        "AuthorizationError": DENIED,
        "NoPermissionError": DENIED,
        "BusyLoadingError": NOT_READY,
        "ClusterDownError": NOT_READY,
        "ReadOnlyError": READ_ONLY,
        "MaxConnectionsError": TOO_MANY_CONNECTIONS,
        "InvalidResponse": GARBAGE,
        "DataError": MISCONFIGURED,
    },
    probe=_ping,
    default_port=6379,
    evidence="real server",
)
