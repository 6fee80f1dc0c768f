"""Oracle: the codes of the database (ORA) and of its Python client (DPY)."""

from __future__ import annotations

import re
from typing import Any

from osiris_provider.connectors.faults import (
    CERTIFICATE_WRONG_NAME,
    MISCONFIGURED,
    REFUSED,
    RESET,
    TIMED_OUT,
    chain,
)
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

_NO_SERVICE = sql.UNKNOWN_DATABASE.reworded(
    "There is no such service at {address}. Check service_name or sid of the connection, and that it is open."
)
_NO_SESSION = sql.DENIED.reworded(
    "The user at {address} may not log in: the right CREATE SESSION is missing. Have it granted."
)
_CODES = {
    "ORA-00018": sql.TOO_MANY_CONNECTIONS,
    "ORA-00020": sql.TOO_MANY_CONNECTIONS,
    "ORA-01005": sql.NO_PASSWORD,
    "ORA-01017": sql.WRONG_PASSWORD,
    "ORA-01031": sql.DENIED,
    "ORA-01033": sql.NOT_READY,
    "ORA-01034": sql.NOT_READY,
    "ORA-01035": sql.DATABASE_CLOSED,
    "ORA-01045": _NO_SESSION,
    "ORA-01089": sql.NOT_READY,
    "ORA-01109": sql.NOT_READY,
    "ORA-02391": sql.TOO_MANY_CONNECTIONS,
    "ORA-03113": RESET,
    "ORA-12154": MISCONFIGURED,
    "ORA-12170": TIMED_OUT,
    "ORA-12505": _NO_SERVICE,
    "ORA-12514": _NO_SERVICE,
    "ORA-12516": sql.TOO_MANY_CONNECTIONS,
    "ORA-12519": sql.TOO_MANY_CONNECTIONS,
    "ORA-12520": sql.TOO_MANY_CONNECTIONS,
    "ORA-12526": sql.DATABASE_CLOSED,
    "ORA-12528": sql.NOT_READY,
    "ORA-12541": REFUSED,
    "ORA-28000": sql.ACCOUNT_LOCKED,
    "ORA-28001": sql.PASSWORD_EXPIRED,
    "DPY-3015": sql.LOGIN_METHOD,
    "DPY-4000": MISCONFIGURED,
    "DPY-4001": sql.NO_PASSWORD,
    "DPY-4011": RESET,
    "DPY-6001": _NO_SERVICE,
    "DPY-6003": _NO_SERVICE,
    "DPY-6007": CERTIFICATE_WRONG_NAME,
}


_OF_LISTENER = re.compile(r"\(Similar to (ORA-\d{5})\)")
"""Where the client has the code of a listener's refusal, for most of which it has no code of its own."""


class OracleListenerError(Exception):
    """A listener's refusal.

    :param code: ``ORA-`` and five digits.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _select(hook: Any) -> Details:
    from oracledb import Error

    try:
        hook.get_first("select 1 from dual")
    except Error as error:
        for one in chain(error):
            if said := _OF_LISTENER.search(str(one)):
                raise OracleListenerError(said[1]) from None
        raise
    return {}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    # Without these, host is a name of tnsnames.ora, or a DSN in extra has it.
    is_address = connection.port or connection.extra.get("service_name") or connection.extra.get("sid")
    return (connection.host, connection.port or 1521) if connection.host and is_address else None


TYPE = HookType(
    conn_types=("oracle",),
    title="Oracle",
    codes={"OracleListenerError": _CODES, "Error": _CODES},
    codes_at=("code", "args.0.full_code"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
