"""Snowflake: the numbers of its login service that the connector hands on in ``errno``."""

from __future__ import annotations

from osiris_provider.connectors.faults import MISCONFIGURED, TIMED_OUT
from osiris_provider.connectors.http.faults import UNAUTHORIZED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, url_address

_TOKEN = UNAUTHORIZED.reworded("{address} does not accept this token, or it has expired. Get a new one.")
_KEY = UNAUTHORIZED.reworded("{address} does not accept this private key for this user. Check both.")
_ROLE = sql.DENIED.reworded(
    "The user at {address} may not take the role of the connection, or there is none. Check it."
)
_NUMBERS = {
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
    251011: TIMED_OUT,
    606: sql.DENIED.reworded("No warehouse is selected at {address}. Set it, or have its use granted."),
    2003: sql.DENIED,
    2043: sql.DENIED,
}


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
    codes={**HTTP_CLASSES, "Error": _NUMBERS},
    codes_at=("errno", "response.status_code"),
    endpoint=_endpoint,
    connect_first=True,
)
