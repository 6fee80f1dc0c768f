"""Microsoft SQL Server: the error numbers that pymssql hands on in ``args``, on connecting one level deeper."""

from __future__ import annotations

from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection

_REFUSED = sql.WRONG_PASSWORD.reworded(
    "{address} refuses the login: user or password is wrong, or the database (schema) is not there or not open to this "
    "user. Its driver does not tell which of these; the log of SQL Server does."
)
_NUMBERS = {
    229: sql.DENIED,
    230: sql.DENIED,
    262: sql.DENIED,
    297: sql.DENIED,
    300: sql.DENIED,
    701: sql.SERVER_FULL,
    911: sql.UNKNOWN_DATABASE,
    916: sql.DATABASE_DENIED,
    1205: sql.DEADLOCK,
    1222: sql.LOCK_TIMEOUT,
    924: sql.DATABASE_CLOSED,
    927: sql.DATABASE_CLOSED,
    942: sql.DATABASE_CLOSED,
    952: sql.DATABASE_CLOSED,
    976: sql.DATABASE_CLOSED,
    978: sql.DATABASE_CLOSED,
    983: sql.DATABASE_CLOSED,
    3906: sql.READ_ONLY,
    4060: sql.DATABASE_DENIED,
    4064: sql.DATABASE_DENIED,
    6005: sql.NOT_READY,
    10928: sql.TOO_MANY_CONNECTIONS,
    10929: sql.TOO_MANY_CONNECTIONS,
    17142: sql.NOT_READY,
    17187: sql.NOT_READY,
    17809: sql.TOO_MANY_CONNECTIONS,
    # By a logon trigger.
    17892: sql.LOGIN_DENIED,
    18401: sql.NOT_READY,
    18450: sql.LOGIN_METHOD,
    18451: sql.NOT_READY,
    18452: sql.LOGIN_METHOD,
    # Sent after 4060 too, and of two errors the driver keeps the severer.
    18456: _REFUSED,
    18461: sql.NOT_READY,
    **dict.fromkeys(range(18463, 18469), sql.PASSWORD_EXPIRED),
    18470: sql.ACCOUNT_LOCKED,
    18486: sql.ACCOUNT_LOCKED,
    18487: sql.PASSWORD_EXPIRED,
    18488: sql.PASSWORD_EXPIRED,
    40197: sql.NOT_READY,
    40501: sql.NOT_READY,
    40532: sql.WRONG_PASSWORD,
    # Azure's firewall.
    40615: sql.HOST_NOT_ALLOWED,
    40914: sql.HOST_NOT_ALLOWED,
    47073: sql.HOST_NOT_ALLOWED,
    49918: sql.TOO_MANY_CONNECTIONS,
    49919: sql.TOO_MANY_CONNECTIONS,
    49920: sql.TOO_MANY_CONNECTIONS,
    40613: sql.NOT_READY,
}
"""Of sys.messages; DB-Library's own, such as 20009, do not say more than one plain connect."""


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    # SQL Server's browser knows the port of a named instance.
    host = connection.host or ""
    return None if not host or "\\" in host else (host, connection.port or 1433)


TYPE = HookType(
    conn_types=("mssql",),
    title="Microsoft SQL Server",
    codes={"Error": _NUMBERS, "MSSQLException": _NUMBERS},
    codes_at=("args.0", "args.0.0", "number"),
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
