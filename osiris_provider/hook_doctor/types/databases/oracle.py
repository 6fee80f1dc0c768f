"""Oracle: the codes of the database (ORA) and of its Python client (DPY)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

from osiris_provider.connectors.faults import (
    CERTIFICATE_UNTRUSTED,
    CERTIFICATE_WRONG_NAME,
    GARBAGE,
    MISCONFIGURED,
    REFUSED,
    RESET,
    THROTTLED,
    TIMED_OUT,
    TLS_FAILED,
    TLS_REQUIRED,
    UNKNOWN_HOST,
    UNREACHABLE,
    chain,
)
from osiris_provider.connectors.http.faults import PROXY_FAILED, UNAUTHORIZED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import HookType, LoggedIn
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.expiry import PASSWORD
from osiris_provider.hook_doctor.faults import LOGON_TRIGGER, PROVIDER_BROKEN
from osiris_provider.hook_doctor.tables import numbered

_NO_SERVICE = sql.UNKNOWN_DATABASE.reworded(
    "There is no such service at {address}. Check service_name or sid of the connection, and that it is open."
)
# A listener forgets the services of a database that goes down, and learns them again some time after its start.
NO_SERVICE_NOW = Fault(
    "no_service_now",
    "unknown",
    "The listener at {address} has no such service now: its database is down or just starting, or the name is wrong. "
    "Try again when it is up; else check service_name or sid of the connection.",
)
_NO_SCHEMA = MISCONFIGURED.reworded(
    "There is no schema at {address} of the name that the connection has. Correct schema."
)
_TOKEN = UNAUTHORIZED.reworded("The token for {address} is not valid, or has expired. Get a new one.")
_LOGIN_METHOD = sql.LOGIN_METHOD.reworded(
    "{address} does not take this way to log in: its methods, or its directory of users, and this client's do not fit."
)
_NO_SESSION = sql.DENIED.reworded(
    "The user at {address} may not log in: the right CREATE SESSION is missing. Have it granted."
)
_NO_CLIENT = PROVIDER_BROKEN.reworded(
    "Oracle's libraries, which thick_mode needs for {address}, are missing or too old. Install Oracle Instant Client."
)
_OLD_SERVER = MISCONFIGURED.reworded(
    "{address} is too old for this client. Set thick_mode, and install Oracle Instant Client."
)
_NUMBERS = numbered(
    (sql.WRONG_PASSWORD, "1004 1017 1040 28003 28276"),
    (sql.NO_PASSWORD, "1005"),
    (sql.ACCOUNT_LOCKED, "28000 28051"),
    (sql.PASSWORD_EXPIRED, "28001 28011"),
    (
        _LOGIN_METHOD,
        "1988 12638-12646 12649 28008 28009 28030 28040 28043-28047 28178 28221 28271-28275 28277-28280 28293",
    ),
    (_NO_SESSION, "1045"),
    # By a trigger on logging in, with an error of its own.
    (LOGON_TRIGGER, "604 4088 20000-20999"),
    # Also by Database Vault.
    (sql.DENIED, "1031 1536 1950 28150 28179 41900 47306 47400 47401 47410"),
    # By a listener's list of addresses, or by rules for a service.
    (sql.HOST_NOT_ALLOWED, "12506 12529 12546"),
    (sql.READ_ONLY, "1456 16000"),
    # In restricted mode, too, which a database is in while it shuts down, and while someone works on it.
    (
        sql.NOT_READY,
        (
            "704 1014 1033-1035 1073 1075 1080 1089 1090 1092 1101-1105 1109 1219 1507 12500 12513 12524 12526-12528 "
            "12531 25401-25408 27101 27102"
        ),
    ),
    # Sessions, processes, handlers: all are in use.
    (
        sql.TOO_MANY_CONNECTIONS,
        "18-20 24 2391 2399 12510 12516 12518-12520 12536 12540 12549 12564 24418 24457 24459 24496",
    ),
    (THROTTLED, "12530"),
    (_NO_SERVICE, "12504 65011 44304"),
    (NO_SERVICE_NOW, "12505 12514 12521"),
    (_NO_SCHEMA, "1435"),
    (sql.NO_SUCH_TABLE, "942"),
    (sql.NO_SUCH_COLUMN, "904"),
    (sql.DEADLOCK, "60"),
    (sql.LOCK_TIMEOUT, "54 4020 4021 30006"),
    (sql.KILLED, "28 1012 1013 2396 2397 3114 31"),
    (sql.STATEMENT_TIMEOUT, "40 2392-2395 3156 56735"),
    (sql.SERVER_FULL, "257 1652-1654 4030 4031 9817 19502 27300"),
    (RESET, "603 3113 3135 12152 12537 12547 12551 12560 12566 12570 12571 12583 28511 28547 28864 28865"),
    (GARBAGE, "3106 3120 12569 12592 12618 28576 12699"),
    (TIMED_OUT, "3136 12170 12525 12535 12606 12608 12609"),
    (REFUSED, "12203 12224 12541"),
    (UNREACHABLE, "12532 12543"),
    (UNKNOWN_HOST, "12545"),
    (TLS_REQUIRED, "12660"),
    (TLS_FAILED, "12650 28750 28756 28857-28863 28866-28868 29039 29106 29143"),
    (CERTIFICATE_UNTRUSTED, "29002 29005 29019 29024 28786 28788"),
    (CERTIFICATE_WRONG_NAME, "29003"),
    (MISCONFIGURED, "12153-12155 12502 12533 12538 12542 12544 12557 12578 12593 28759 28791"),
)
_CLIENT = numbered(
    (RESET, "1001 4011"),
    (sql.KILLED, "4033"),
    (sql.NO_PASSWORD, "4001"),
    (sql.LOGIN_METHOD, "3015 5016"),
    (_TOKEN, "2031-2033"),
    (TLS_REQUIRED, "2034 2073 6009"),
    (_OLD_SERVER, "3010 3012"),
    (PROVIDER_BROKEN, "3016"),
    (
        MISCONFIGURED,
        (
            "2017-2022 2025 2027 2029 2049 2053 2056-2059 2061 3001 3029 3040 4000 4017-4019 4021 4022 4026-4028 4030 "
            "4032 4034 4038"
        ),
    ),
    (TIMED_OUT, "4024 4005"),
    (GARBAGE, "4035 5000-5006 5009 5010 5012 5015"),
    (sql.NOT_READY, "6000"),
    (NO_SERVICE_NOW, "6001 6003"),
    (CERTIFICATE_WRONG_NAME, "6002 6006"),
    (PROXY_FAILED, "6004"),
    (CERTIFICATE_UNTRUSTED, "6008"),
)
_THICK = numbered((_NO_CLIENT, "1047 1050 1072"), (RESET, "1010 1080"), (TIMED_OUT, "1067"))
_CODES = {f"ORA-{number:05}": fault for number, fault in _NUMBERS.items()} | {
    f"{kind}-{number:04}": fault
    for kind, table in (("DPY", _CLIENT), ("DPI", _THICK))
    for number, fault in table.items()
}
"""Of Oracle's Error Help, and of oracledb's errors.py."""


_OF_LISTENER = re.compile(r"\(Similar to (ORA-\d{5})\)")
"""Where the client has the code of a listener's refusal, for most of which it has no code of its own."""


class OracleListenerError(Exception):
    """A listener's refusal.

    :param code: ``ORA-`` and five digits.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _select(hook: Any) -> LoggedIn:
    from oracledb import Error

    try:
        login = LoggedIn(hook.get_conn())
        login.ask("select 1 from dual")
    except Error as error:
        for one in chain(error):
            if said := _OF_LISTENER.search(str(one)):
                raise OracleListenerError(said[1]) from None
        raise
    return login


_EXPIRY = """
    SELECT expiry_date - ROUND((SYSDATE - CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE)) * 96) / 96 AS ends
    FROM user_users
"""
"""In UTC: dates are of the server's time zone, whose offsets are quarters of an hour. Each user may read its own."""


def _ends(login: LoggedIn) -> Iterator[tuple[str, datetime]]:
    with closing(login.connection):
        for row in login.ask(_EXPIRY):
            if row["ends"] is not None:
                yield PASSWORD, row["ends"].replace(tzinfo=timezone.utc)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    extra = connection.extra
    service = extra.get("service_name") or extra.get("sid") or connection.schema
    # Without these, host is a name of tnsnames.ora, or a DSN in extra has it.
    is_address = service or (connection.port and not extra.get("dsn"))
    return (connection.host, connection.port or 1521) if connection.host and is_address else None


TYPE = HookType(
    conn_types=("oracle",),
    title="Oracle",
    codes={"OracleListenerError": _CODES, "Error": _CODES},
    codes_at=("code", "args.0.full_code"),
    probe=_select,
    ends=_ends,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
