"""ClickHouse: the server's error codes that its client hands on."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, THROTTLED, TIMED_OUT, TLS_FAILED
from osiris_provider.connectors.http.faults import SERVER_ERROR
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, numbered, url_address

_CODES = numbered(
    (sql.WRONG_PASSWORD, "192 193 516 532"),
    (sql.NO_PASSWORD, "194"),
    (sql.HOST_NOT_ALLOWED, "195"),
    # A grant, a role, a setting or a function that this user may not use.
    (sql.DENIED, "392 446 452 472 481 482 497 509 512"),
    (sql.DATABASE_DENIED, "291"),
    (sql.READ_ONLY, "164 242 495"),
    (sql.UNKNOWN_DATABASE, "81"),
    (sql.NO_SUCH_TABLE, "60"),
    (sql.BAD_SQL, "62"),
    (THROTTLED, "201 290 364"),
    (sql.TOO_MANY_CONNECTIONS, "202 203 745"),
    # Its replicas, shards, keeper or threads.
    (sql.NOT_READY, "198 225 244 254 265 279 285 289 296 297 319 369 373 415 439 519 529 999"),
    (sql.SERVER_FULL, "173 241 243"),
    (sql.STATEMENT_TIMEOUT, "160"),
    (TIMED_OUT, "159 209 335 410"),
    (RESET, "3 32 95 96 210"),
    (sql.KILLED, "236 394 735"),
    (GARBAGE, "99-102 217"),
    (TLS_FAILED, "454"),
    (SERVER_ERROR, "49 74-76 86 246 425 1000-1002"),
    # Settings, a profile, a role or a quota of the connection.
    (MISCONFIGURED, "115 180 199 200 471 492 496 511"),
)
"""Of ErrorCodes.cpp."""


class ClickHouseStatusError(Exception):
    """An answer that has no code of ClickHouse, only a status of HTTP.

    :param status: of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _select(hook: Any) -> Details:
    import urllib3

    statuses: list[int] = []
    ask = urllib3.HTTPConnectionPool.urlopen

    def note(pool: Any, *args: Any, **options: Any) -> Any:
        response = ask(pool, *args, **options)
        statuses.append(response.status)
        return response

    # In this process only; the client has statuses in texts.
    urllib3.HTTPConnectionPool.urlopen = note  # type: ignore[method-assign, assignment] # a method of the class
    try:
        hook.get_first("SELECT 1")
    except Exception as error:
        status = statuses[-1] if statuses else 0
        if getattr(error, "code", None) or status not in STATUSES:
            raise
        raise ClickHouseStatusError(status) from None
    return {}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    secure = bool(connection.extra.get("secure"))
    port = connection.port or (8443 if secure else 8123)
    return url_address(f"{'https' if secure else 'http'}://{connection.host}:{port}") if connection.host else None


def _in_clear(connection: HookConnection) -> str | None:
    return "set secure in extra" if connection.password and not connection.extra.get("secure") else None


TYPE = HookType(
    conn_types=("clickhouse",),
    title="ClickHouse",
    codes={
        **HTTP_CLASSES,
        "ClickHouseError": _CODES,
        # The request is always the same, and right: this is the port of the other protocol.
        "ClickHouseStatusError": {**STATUSES, 400: GARBAGE},
    },
    codes_at=("code", "status", "response.status_code"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    imports=("clickhouse_connect",),
    without=("numpy", "pandas", "pyarrow"),
    needs_host=True,
    in_clear=_in_clear,
    evidence="imitation",
)
