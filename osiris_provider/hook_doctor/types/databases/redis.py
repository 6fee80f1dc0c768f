"""Redis: the hook has no test; a PING is answered only after the login. The client makes a class of each error code."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, TIMED_OUT, chain
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
_NO_CLUSTER = MISCONFIGURED.reworded("What answers at {address} is no cluster. Leave cluster out of the connection.")
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
    "CLUSTER SLOTS ERR": _NO_CLUSTER,
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
    from redis.exceptions import ResponseError
    from redis.retry import Retry

    sent: list[str] = []
    send = Connection.send_command

    def note(connection: Any, *args: Any, **options: Any) -> None:
        sent.append(str(args[0]))
        send(connection, *args, **options)  # type: ignore[no-untyped-call] # of the library

    # In this process only.
    Connection.send_command = note  # type: ignore[method-assign, assignment] # a method of the class
    try:
        client = hook.get_conn()
        if hasattr(client, "connection_pool"):
            # A cluster's client has none, and its own way to try again; it has connected already.
            client.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
        client.ping()
    except Exception as error:
        refusal = next((one for one in chain(error) if type(one) is ResponseError), None)
        code = _code_of(refusal, sent) if refusal else None
        if code is not None:
            raise RedisReplyError(code) from None
        raise
    return {"proven": bool(hook.password)}


def _in_clear(connection: HookConnection) -> str | None:
    return "set ssl in extra" if connection.password and not connection.extra.get("ssl") else None


def _code_of(refusal: Exception, sent: list[str]) -> str | None:
    """Return the code of a reply for which the client has no class: its first word, but the client drops "ERR"."""
    word = str(refusal).partition(" ")[0]
    code = word if word in _WORDS else "ERR"
    return next((known for known in (f"{sent[-1]} {code}", code) if known in _ANSWERS), None) if sent else None


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
