"""Redis: the hook has no test; a PING is answered only after the login. The client makes a class of each error code."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, TIMED_OUT
from osiris_provider.connectors.sql.faults import (
    DENIED,
    HOST_NOT_ALLOWED,
    NOT_READY,
    READ_ONLY,
    SERVER_FULL,
    TOO_MANY_CONNECTIONS,
    UNKNOWN_DATABASE,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_NO_DATABASE = UNKNOWN_DATABASE.reworded(
    "There is no database of this number at {address}. Check db of the connection."
)
_WORDS = {
    "DENIED": HOST_NOT_ALLOWED,
    "MISCONF": SERVER_FULL,
    "OOM": SERVER_FULL,
    **dict.fromkeys(
        ("BUSY", "CLUSTERDOWN", "INPROG", "LOADING", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "UNBLOCKED"), NOT_READY
    ),
    "NOAUTH": WRONG_PASSWORD,
    "WRONGPASS": WRONG_PASSWORD,
    "NOPERM": DENIED,
    "READONLY": READ_ONLY,
    "NOPROTO": MISCONFIGURED,
}
_ANSWERS = {
    **_WORDS,
    # To a login, of a server or a proxy that has no better word.
    "AUTH ERR": WRONG_PASSWORD,
    "SELECT ERR": _NO_DATABASE,
}


class RedisReplyError(Exception):
    """A reply that is a refusal.

    :param code: its first word, behind the command where that tells more.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _ping(hook: Any) -> Details:
    from redis import Connection
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = hook.get_conn()
    if hasattr(client, "connection_pool"):
        # A cluster's client has none, and its own way to try again.
        client.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
    sent: list[str] = []
    send = Connection.send_command

    def note(connection: Any, *args: Any, **options: Any) -> None:
        sent.append(str(args[0]))
        send(connection, *args, **options)  # type: ignore[no-untyped-call] # of the library

    # In this process only.
    Connection.send_command = note  # type: ignore[method-assign, assignment] # a method of the class
    try:
        client.ping()
    except Exception as error:
        # The first word of a reply is its code; the client has classes for the best known only.
        word = str(error).partition(" ")[0]
        known = next((code for code in (f"{sent[-1]} {word}", word) if code in _ANSWERS), None) if sent else None
        if type(error).__name__ != "ResponseError" or known is None:
            raise
        raise RedisReplyError(known) from None
    return {"proven": bool(hook.password)}


def _in_clear(connection: HookConnection) -> str | None:
    return "set ssl in extra" if connection.password and not connection.extra.get("ssl") else None


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
        "OutOfMemoryError": SERVER_FULL,
        "TryAgainError": NOT_READY,
        # Of a cluster: none of its nodes, or not all of its slots.
        "ClusterError": {ELSE: NOT_READY},
        "RedisClusterException": {ELSE: NOT_READY},
        "ChildDeadlockedError": RESET,
        "RedisReplyError": _ANSWERS,
        "ConnectionError": {ELSE: RESET},
        "TimeoutError": TIMED_OUT,
        "MasterNotFoundError": NOT_READY,
        "SlaveNotFoundError": NOT_READY,
        "DataError": MISCONFIGURED,
    },
    probe=_ping,
    default_port=6379,
    needs_host=True,
    in_clear=_in_clear,
    evidence="real server",
)
