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
_NAMES = {
    name: _CODES[code]
    for name, code in {
        "AUTHENTICATION_FAILED": 516,
        "REQUIRED_PASSWORD": 194,
        "IP_ADDRESS_NOT_ALLOWED": 195,
        "ACCESS_DENIED": 497,
        "UNKNOWN_DATABASE": 81,
    }.items()
}
"""For answers that have lost the header with the code on their way."""


_OK = 200
_REFUSALS = {**STATUSES, _OK: GARBAGE, 400: GARBAGE}
"""By status, without a code of ClickHouse. The request is always the same, and right: 400 is the port of its other
protocol, and what is no answer to it at 200 is a page of something else."""


class ClickHouseFieldsError(Exception):
    """A field in ``extra`` is not as the hook reads it."""


class ClickHouseStatusError(Exception):
    """An answer that has no code of ClickHouse, only a status of HTTP.

    :param status: of the answer.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _select(hook: Any) -> Details:
    import urllib3
    from clickhouse_connect.driver.exceptions import OperationalError

    statuses: list[int] = []
    ask = urllib3.HTTPConnectionPool.urlopen

    def note(pool: Any, *args: Any, **options: Any) -> Any:
        response = ask(pool, *args, **options)
        statuses.append(response.status)
        return response

    try:
        hook._get_client_kwargs()  # noqa: SLF001 - what it reads of extra may be JSON, and what a server says too
    except ValueError:
        raise ClickHouseFieldsError from None
    # In this process only; the client has statuses in texts.
    urllib3.HTTPConnectionPool.urlopen = note  # type: ignore[method-assign, assignment] # a method of the class
    try:
        hook.get_first("SELECT 1")
    except Exception as error:
        status = statuses[-1] if statuses else 0
        is_mistake = status == _OK and not isinstance(error, OperationalError)
        has_code = getattr(error, "code", None) or getattr(error, "name", None) in _NAMES
        if has_code or status not in _REFUSALS or is_mistake:
            raise
        raise ClickHouseStatusError(status) from None
    return {}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    further = connection.extra.get("client_kwargs")
    if not connection.host or (further and "_proxy" in str(further)):
        return None
    # Without a port, the hook takes that of HTTP for TLS too.
    scheme = "https" if connection.extra.get("secure") else "http"
    return url_address(f"{scheme}://{connection.host}:{connection.port or 8123}")


def _in_clear(connection: HookConnection) -> str | None:
    return "set secure in extra" if connection.password and not connection.extra.get("secure") else None


TYPE = HookType(
    conn_types=("clickhouse",),
    title="ClickHouse",
    codes={
        **HTTP_CLASSES,
        "ClickHouseError": {**_CODES, **_NAMES},
        "ClickHouseStatusError": _REFUSALS,
        "ClickHouseFieldsError": MISCONFIGURED,
    },
    codes_at=("code", "status", "response.status_code", "name"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    imports=("clickhouse_connect",),
    without=("numpy", "pandas", "pyarrow"),
    needs_host=True,
    in_clear=_in_clear,
    evidence="imitation",
)
