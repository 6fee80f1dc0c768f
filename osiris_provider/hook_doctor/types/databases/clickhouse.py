"""ClickHouse: the server's error codes that its client hands on."""

from __future__ import annotations

from osiris_provider.connectors.faults import TIMED_OUT
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, url_address

_CODES = {
    81: sql.UNKNOWN_DATABASE,
    159: TIMED_OUT,
    164: sql.READ_ONLY,
    192: sql.WRONG_PASSWORD,
    193: sql.WRONG_PASSWORD,
    194: sql.NO_PASSWORD,
    195: sql.HOST_NOT_ALLOWED,
    202: sql.TOO_MANY_CONNECTIONS,
    241: sql.SERVER_FULL,
    242: sql.READ_ONLY,
    291: sql.DATABASE_DENIED,
    497: sql.DENIED,
    516: sql.WRONG_PASSWORD,
}
"""Of ErrorCodes.cpp."""


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    secure = bool(connection.extra.get("secure"))
    port = connection.port or (8443 if secure else 8123)
    return url_address(f"{'https' if secure else 'http'}://{connection.host}:{port}") if connection.host else None


TYPE = HookType(
    conn_types=("clickhouse",),
    title="ClickHouse",
    codes={**HTTP_CLASSES, "ClickHouseError": _CODES},
    codes_at=("code", "response.status_code"),
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
