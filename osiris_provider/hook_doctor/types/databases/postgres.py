"""PostgreSQL through Airflow's hook. libpq has no code for a refused login: family postgres is asked instead of it.

Connections of this type go to that family's doctor, which reads the line itself. This is for what is left.
"""

from __future__ import annotations

from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import HookType

_STATES = {
    "28P01": sql.WRONG_PASSWORD,
    "28000": sql.LOGIN_DENIED,
    "3D000": sql.UNKNOWN_DATABASE,
    "42501": sql.DENIED,
    "53300": sql.TOO_MANY_CONNECTIONS,
    "57014": sql.STATEMENT_TIMEOUT,
    "57P01": sql.KILLED,
    "57P02": sql.KILLED,
    "57P03": sql.NOT_READY,
}

TYPE = HookType(
    conn_types=("postgres",),
    title="PostgreSQL",
    codes={"Error": _STATES},
    codes_at=("pgcode", "sqlstate"),
    default_port=5432,
    evidence="real server",
)
