"""PostgreSQL through Airflow's hook. libpq has no code for a refused login: family postgres is asked instead of it.

Connections of this type go to that family's doctor, which reads the line itself. This is for what is left.
"""

from __future__ import annotations

from osiris_provider.connectors.faults import RESET
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import named

_STATES = named(
    (sql.WRONG_PASSWORD, "28P01"),
    (sql.LOGIN_DENIED, "28000"),
    (sql.UNKNOWN_DATABASE, "3D000 57P04"),
    (sql.DATABASE_CLOSED, "55000"),
    (sql.DENIED, "42501"),
    (sql.READ_ONLY, "25006"),
    (sql.TOO_MANY_CONNECTIONS, "53300"),
    (sql.SERVER_FULL, "53000 53100 53200 53400"),
    (sql.LOCK_TIMEOUT, "55P03"),
    (sql.STATEMENT_TIMEOUT, "57014"),
    (sql.KILLED, "25P03 57P01 57P02 57P05"),
    (sql.NOT_READY, "57P03"),
    (RESET, "08000 08001 08003 08004 08006"),
)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    # With commas there are several servers, and one is enough.
    host = connection.host
    return (host, connection.port or 5432) if host and "," not in host else None


TYPE = HookType(
    conn_types=("postgres",),
    title="PostgreSQL",
    codes={"Error": _STATES},
    codes_at=("pgcode", "sqlstate"),
    endpoint=_endpoint,
    needs_host=True,
    evidence="real server",
)
