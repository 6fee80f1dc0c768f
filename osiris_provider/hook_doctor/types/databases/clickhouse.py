"""ClickHouse: the server's error codes that its client hands on."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, THROTTLED, TIMED_OUT
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, url_address

_CODES = {
    81: sql.UNKNOWN_DATABASE,
    159: TIMED_OUT,
    164: sql.READ_ONLY,
    192: sql.WRONG_PASSWORD,
    193: sql.WRONG_PASSWORD,
    194: sql.NO_PASSWORD,
    195: sql.HOST_NOT_ALLOWED,
    201: THROTTLED,
    202: sql.TOO_MANY_CONNECTIONS,
    203: sql.TOO_MANY_CONNECTIONS,
    209: TIMED_OUT,
    210: RESET,
    225: sql.NOT_READY,
    241: sql.SERVER_FULL,
    243: sql.SERVER_FULL,
    279: sql.NOT_READY,
    198: sql.NOT_READY,
    394: sql.KILLED,
    439: sql.NOT_READY,
    242: sql.READ_ONLY,
    291: sql.DATABASE_DENIED,
    497: sql.DENIED,
    516: sql.WRONG_PASSWORD,
    745: sql.TOO_MANY_CONNECTIONS,
    999: sql.NOT_READY,
}
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
    evidence="imitation",
)
