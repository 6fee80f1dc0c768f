"""Redis: the hook has no test; a PING is answered only after the login. The client makes a class of each error code."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET
from osiris_provider.connectors.sql.faults import (
    DENIED,
    HOST_NOT_ALLOWED,
    NOT_READY,
    READ_ONLY,
    SERVER_FULL,
    TOO_MANY_CONNECTIONS,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import ELSE, Details, HookType

_WORDS = {"DENIED": HOST_NOT_ALLOWED, "MISCONF": SERVER_FULL, "TRYAGAIN": NOT_READY, "MASTERDOWN": NOT_READY}


class RedisReplyError(Exception):
    """A reply that is a refusal.

    :param code: its first word.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _ping(hook: Any) -> Details:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = hook.get_conn()
    if hasattr(client, "connection_pool"):
        # A cluster's client has none, and its own way to try again.
        client.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
    try:
        client.ping()
    except Exception as error:
        # The first word of a reply is its code; the client has classes for the best known only.
        word = str(error).partition(" ")[0]
        if type(error).__name__ != "ResponseError" or word not in _WORDS:
            raise
        raise RedisReplyError(word) from None
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
        "RedisReplyError": _WORDS,
        "ConnectionError": {ELSE: RESET},
        "DataError": MISCONFIGURED,
    },
    probe=_ping,
    default_port=6379,
    evidence="real server",
)
