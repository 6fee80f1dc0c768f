"""Microsoft SQL Server: the error numbers that pymssql hands on in ``args``, on connecting one level deeper.

Of several errors in one answer pymssql keeps the severest: of a database that is not there (4060, severity 11) the
"login failed" (18456, severity 14) that follows it. So the handler of its DB-Library is listened to as well.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from osiris_provider.connectors.faults import (
    GARBAGE,
    MISCONFIGURED,
    RESET,
    TIMED_OUT,
    TLS_FAILED,
    TLS_REQUIRED,
    UNKNOWN_HOST,
)
from osiris_provider.connectors.http.faults import SERVER_ERROR
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import ELSE, HookType, LoggedIn
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.expiry import PASSWORD
from osiris_provider.hook_doctor.faults import LOGON_TRIGGER
from osiris_provider.hook_doctor.tables import numbered

_REFUSED = sql.WRONG_PASSWORD.reworded(
    "{address} refuses the login: user or password is wrong, or the user is one of another database than schema names. "
    "The server does not say which; the log of SQL Server does."
)
_NO_TLS = TLS_FAILED.reworded(
    "{address} does not take this version of TLS. Update the driver or what it is built with."
)
_NO_SUBSCRIPTION = sql.LOGIN_DENIED.reworded(
    "{address} lets no one in: its subscription is disabled, or there is none. Have it enabled."
)
_BROKEN_LINE = "20002 20004 20006 20008 20009 20017 20047"
_BROKEN = numbered((RESET, _BROKEN_LINE))
_NUMBERS = numbered(
    (sql.DENIED, "229 230 262 297 300 2571 2760 6004 15151 15247 15517 18471"),
    (sql.DATABASE_DENIED, "916 4060-4064"),
    (sql.UNKNOWN_DATABASE, "911"),
    # Offline, suspect, a mirror or a replica that is not read.
    (sql.DATABASE_CLOSED, "923 925 926 929 942 945 946 948 953-960 962 976-982 40852"),
    (sql.READ_ONLY, "3906 3908"),
    (sql.NO_SUCH_TABLE, "208"),
    # Starting, recovering, being restored, in transition, without its role or its quorum, stopping, moving, paused, of
    # one user, or too busy.
    (
        sql.NOT_READY,
        (
            "904 921 922 924 927 941 951 952 975 983 988 6001 6005 6006 10930 17142 17143 17147 17148 17187-17189 "
            "17191 17198 17813 17890 18401 18451 18461 40143 40166 40197 40501 40540 40602 40613 40627 40642 40671 "
            "40847 42108 42109"
        ),
    ),
    (
        sql.TOO_MANY_CONNECTIONS,
        "10928 10929 10936 17300 17809 17810 18458-18460 40544 40549 40550-40553 40648 40680 49918-49920",
    ),
    (sql.SERVER_FULL, "701 802 1101 1105 1121 1204 3257 3967 8642 8651 9002"),
    (SERVER_ERROR, "823-825"),
    (sql.DEADLOCK, "1205"),
    (sql.LOCK_TIMEOUT, "1222"),
    (sql.STATEMENT_TIMEOUT, "845 8628 8645"),
    (sql.KILLED, "596"),
    (LOGON_TRIGGER, "17892"),
    (_NO_SUBSCRIPTION, "40625 45155 45156"),
    # Windows users only, or an identity of Entra ID only.
    (sql.LOGIN_METHOD, "17806-17808 18450 18452 40607"),
    (_REFUSED, "18456"),
    (sql.WRONG_PASSWORD, "20014 40532 40632"),
    (sql.PASSWORD_EXPIRED, "18462-18468 18487 18488"),
    (sql.ACCOUNT_LOCKED, "18470 18486"),
    # Azure's firewall.
    (sql.HOST_NOT_ALLOWED, "40615 40914 47073"),
    (TLS_REQUIRED, "17835"),
    (_NO_TLS, "47072"),
    (MISCONFIGURED, "40531 40606"),
    (GARBAGE, "17827 17828 17832 17836"),
    (TIMED_OUT, "17197 17830 20003"),
    # DB-Library's own, of a server that one plain connect has reached.
    (RESET, _BROKEN_LINE),
    (UNKNOWN_HOST, "20013"),
    (GARBAGE, "20020"),
)
"""Of sys.messages and Azure's list of errors."""


_LOGIN_FAILED = 18456
"""How SQL Server ends each refusal of a login, whatever the reason was."""


class MSSQLNoLoginError(Exception):
    """The connection has no user, so the driver looks for a ticket of Kerberos, and there is none."""


class MSSQLRefusedError(Exception):
    """The reason of a refused login, which came before the refusal.

    :param number: of sys.messages.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *[ctypes.c_int] * 3, *[ctypes.c_void_p] * 3, ctypes.c_int)
"""Of messages: the line, number, state and severity, three texts, and a line of the statement."""
_INFORMATION = 10
"""Up to this severity a message is no error."""


@contextmanager
def _numbers_heard() -> Iterator[list[int]]:
    """Yield the numbers of all errors that servers send in the block, in their order, also those that pymssql drops.

    A build that does not export the function of DB-Library that sets the handler yields none.
    """
    from pymssql import _mssql

    heard: list[int] = []
    try:
        set_handler = ctypes.CDLL(_mssql.__file__).dbmsghandle
    except (AttributeError, OSError):
        yield heard
        return
    set_handler.argtypes, set_handler.restype = [_HANDLER], _HANDLER

    def hear(line: int | None, number: int, state: int, severity: int, *said: Any) -> int:
        if severity > _INFORMATION:
            heard.append(number)
        return int(pymssqls(line, number, state, severity, *said))

    # The reference keeps it alive for as long as the library calls it.
    ours = _HANDLER(hear)
    pymssqls = set_handler(ours)
    try:
        yield heard
    finally:
        set_handler(pymssqls)


def _select(hook: Any) -> LoggedIn:
    from pymssql import OperationalError

    with _numbers_heard() as heard:
        try:
            login = LoggedIn(hook.get_conn())
            login.ask("SELECT 1")
        except OperationalError as error:
            number = error.args[0][0] if isinstance(error.args[0], tuple) else error.args[0]
            reason = next((one for one in heard if one in _NUMBERS and one != _LOGIN_FAILED), None)
            if number == _LOGIN_FAILED and reason is not None:
                raise MSSQLRefusedError(reason) from error
            # It has sent no login then.
            if hook.connection.login or number not in _BROKEN:
                raise
            raise MSSQLNoLoginError from None
    return login


_EXPIRY = """
    SELECT CAST(LOGINPROPERTY(SUSER_SNAME(), 'DaysUntilExpiration') AS int) AS days,
    CAST(LOGINPROPERTY(SUSER_SNAME(), 'PasswordLastSetTime') AS datetime) AS since,
    GETDATE() AS now, GETUTCDATE() AS utc
"""
"""Days are NULL or -1 of a password that does not expire, and 0 on its last day."""
_OFFSETS = timedelta(minutes=15)
"""What offsets of time zones are multiples of."""


def _ends(login: LoggedIn) -> Iterator[tuple[str, datetime]]:
    with closing(login.connection):
        [row] = login.ask(_EXPIRY)
        days, since, now = row["days"], row["since"], row["now"]
        if days is not None and days >= 0 and since is not None:
            age = timedelta(days=days + (now.date() - since.date()).days)
            offset = _OFFSETS * round((now - row["utc"]) / _OFFSETS)
            yield PASSWORD, (since + age - offset).replace(tzinfo=timezone.utc)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    # SQL Server's browser knows the port of a named instance.
    # And pymssql takes a port in the host before the other one.
    host, _, port = (connection.host or "").partition(":")
    if port.isdecimal():
        return host, int(port)
    return None if not host or port or "\\" in host else (host, connection.port or 1433)


TYPE = HookType(
    conn_types=("mssql",),
    title="Microsoft SQL Server",
    codes={
        "MSSQLNoLoginError": sql.NO_PASSWORD,
        "MSSQLRefusedError": _NUMBERS,
        "Error": _NUMBERS,
        "MSSQLException": _NUMBERS,
        # Of the driver itself, without a number: the line was lost in the midst of a login or a query.
        "MSSQLDriverException": {ELSE: RESET},
    },
    codes_at=("args.0", "args.0.0", "number"),
    probe=_select,
    ends=_ends,
    endpoint=_endpoint,
    connect_first=True,
    needs_host=True,
    evidence="imitation",
)
