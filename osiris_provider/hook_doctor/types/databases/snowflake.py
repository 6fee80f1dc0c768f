"""Snowflake: the numbers of its login service, from the answer itself: connectors of before 4.8 have none of their own.

The first answer to a login ends it: nothing else is tried, and no one's phone asks for a second factor.
"""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED
from osiris_provider.connectors.http.faults import UNAUTHORIZED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, url_address

_TOKEN = UNAUTHORIZED.reworded("{address} does not accept this token, or it has expired. Get a new one.")
_KEY = UNAUTHORIZED.reworded("{address} does not accept this private key for this user. Check both.")
_ROLE = sql.DENIED.reworded(
    "The user at {address} may not take the role of the connection, or there is none. Check it."
)
_HTTP = 290_000
"""To which the connector adds statuses of HTTP."""
_NO_ACCOUNT = MISCONFIGURED.reworded(
    "There is no such account at {address}, or it does not let this machine in. Check account, region and host."
)
_SECOND_FACTOR = sql.LOGIN_METHOD.reworded(
    "{address} asks for a second factor, and no one is there to give it. Use a key pair or a token of the user."
)
SECOND_FACTOR = -1
"""What stands for it: the login service has no number for its question."""
_NUMBERS = {
    SECOND_FACTOR: _SECOND_FACTOR,
    390100: sql.WRONG_PASSWORD,
    # Disabled, and locked after too many tries.
    390101: sql.ACCOUNT_LOCKED,
    390102: sql.ACCOUNT_LOCKED,
    390110: _TOKEN,
    390114: _TOKEN,
    390115: _TOKEN,
    390139: sql.LOGIN_METHOD,
    390144: _KEY,
    390189: _ROLE,
    390195: _TOKEN,
    390201: sql.DATABASE_DENIED,
    390303: _TOKEN,
    390318: _TOKEN,
    390422: sql.HOST_NOT_ALLOWED,
    **dict.fromkeys(range(394300, 394307), _KEY),
    251001: MISCONFIGURED,
    251005: MISCONFIGURED,
    251006: sql.NO_PASSWORD,
    251008: MISCONFIGURED,
    # It would try a login again for minutes, whatever status of 429 or above there was.
    251012: sql.NOT_READY,
    **{_HTTP + status: fault for status, fault in STATUSES.items()},
    _HTTP + 404: _NO_ACCOUNT,
    606: sql.DENIED.reworded("No warehouse is selected at {address}. Set it, or have its use granted."),
    2003: sql.DENIED,
    2043: sql.DENIED,
}


class SnowflakeLoginError(Exception):
    """The answer to a login, where it is not that one is in.

    :param errno: of the login service.
    """

    def __init__(self, errno: int) -> None:
        super().__init__(errno)
        self.errno = errno


def _select(hook: Any) -> Details:
    from snowflake.connector.errors import OperationalError
    from snowflake.connector.network import SnowflakeRestful

    post = SnowflakeRestful._post_request  # noqa: SLF001 - what logs in hands only a text on

    def post_once(self: Any, url: str, *args: Any, **options: Any) -> Any:
        if "/login-request" not in url:
            return post(self, url, *args, **options)
        try:
            answer = post(self, url, *args, **options)
        except OperationalError as error:
            # It would be tried again.
            raise SnowflakeLoginError(error.errno or 0) from error
        _raise_for(answer)
        return answer

    SnowflakeRestful._post_request = post_once  # noqa: SLF001 - in this process only
    connection = hook.get_conn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    return {}


def _raise_for(answer: dict[str, Any]) -> None:
    if str((answer.get("data") or {}).get("nextAction", "")).startswith("EXT_AUTHN_DUO"):
        raise SnowflakeLoginError(SECOND_FACTOR)
    code = str(answer.get("code"))
    if not answer.get("success") and code.isdecimal():
        raise SnowflakeLoginError(int(code))


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    extra = connection.extra
    if extra.get("host"):
        return url_address(f"{extra.get('protocol', 'https')}://{extra['host']}:{extra.get('port', 443)}")
    account, region = extra.get("account"), extra.get("region")
    if not account or extra.get("proxy_host"):
        return None
    return url_address(f"https://{account}{f'.{region}' if region else ''}.snowflakecomputing.com")


TYPE = HookType(
    conn_types=("snowflake",),
    title="Snowflake",
    codes={**HTTP_CLASSES, "SnowflakeLoginError": _NUMBERS, "ForbiddenError": _NO_ACCOUNT, "Error": _NUMBERS},
    codes_at=("errno", "response.status_code"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
