"""Snowflake: the numbers of its login service, from the answer itself: connectors of before 4.8 have none of their own.

The first answer to a login ends it: nothing else is tried, and no one's phone asks for a second factor.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from osiris_provider.connectors.faults import CERTIFICATE_UNTRUSTED, GARBAGE, MISCONFIGURED, RESET, THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.faults import PAYMENT_REQUIRED, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import ELSE, HookType, LoggedIn
from osiris_provider.hook_doctor.connection import HookConnection, is_locked
from osiris_provider.hook_doctor.expiry import USER
from osiris_provider.hook_doctor.faults import KEY_LOCKED, PROVIDER_BROKEN
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, NO_ANSWERS, OAUTH_ERRORS, answer_of, numbered, url_address

_TOKEN = UNAUTHORIZED.reworded("{address} does not accept this token, or it has expired. Get a new one.")
_KEY = UNAUTHORIZED.reworded("{address} does not accept this private key for this user. Check both.")
_ROLE = sql.DENIED.reworded(
    "The user at {address} may not take the role of the connection, or there is none. Check it."
)
_HTTP = 290_000
"""To which the connector adds statuses of HTTP."""
_NO_SUCH_ACCOUNT = MISCONFIGURED.reworded("There is no such account at {address}. Check account, region and host.")
_NO_ACCOUNT = MISCONFIGURED.reworded(
    "There is no such account at {address}, or it does not let this machine in. Check account, region and host."
)
_NO_WAREHOUSE = sql.DENIED.reworded("No warehouse is selected at {address}. Set it, or have its use granted.")
_OTHER_WAREHOUSE = sql.DENIED.reworded(
    "There is no such warehouse at {address}, or the user may not use it. Check warehouse, or have its use granted."
)
_OTHER_SCHEMA = sql.DATABASE_DENIED.reworded(
    "The user may not use this schema at {address}, or there is none. Grant the right or correct schema."
)
_SECOND_FACTOR = sql.LOGIN_METHOD.reworded(
    "{address} asks for a second factor, and no one is there to give it. Use a key pair or a token of the user."
)
SECOND_FACTOR = -1
"""What stands for it: the login service has no number for its question."""
OTHER_SERVER = -3
"""What stands for an answer that is none of the login service."""
LOGIN_REFUSED = -2
"""What stands for a number of the login service that is not in here: they are all about who one is."""
_LOGIN_SERVICE = range(390_000, 395_000)
_FEDERATED = sql.LOGIN_METHOD.reworded(
    "{address}, or the identity provider of this user, does not take this way to log in. Check authenticator and user."
)
_NUMBERS = {
    **{_HTTP + status: fault for status, fault in NO_ANSWERS.items()},
    # The latter since 2024.
    **dict.fromkeys((_HTTP + 404, _HTTP + 513), _NO_SUCH_ACCOUNT),
    SECOND_FACTOR: _SECOND_FACTOR,
    LOGIN_REFUSED: UNAUTHORIZED,
    OTHER_SERVER: GARBAGE,
    **numbered(
        (sql.WRONG_PASSWORD, "390100 390191"),
        # Disabled, and locked after too many tries.
        (sql.ACCOUNT_LOCKED, "390101 390102 390192"),
        (sql.PASSWORD_EXPIRED, "390106 390140"),
        (_TOKEN, "390104 390110-390115 390195 390302-390304 390318 394400-394420"),
        (_KEY, "390144 394300-394310 251008 251010"),
        (_SECOND_FACTOR, "390120-390132 390197"),
        (_FEDERATED, "390133-390139 390146 390165-390185 390190 250006-250009"),
        (_ROLE, "390186 390189 390317"),
        (sql.DATABASE_DENIED, "390201"),
        # By a network policy; and where a token needs one.
        (sql.HOST_NOT_ALLOWED, "390420 390422 390432"),
        # A trial that is over, and a bill that has not been paid.
        (PAYMENT_REQUIRED, "390103 390913 666"),
        (sql.DENIED, "2003 2043 3001"),
        (_NO_WAREHOUSE, "606"),
        (sql.NO_DATABASE, "90105 90106"),
        # A resource monitor.
        (THROTTLED, "90073"),
        (sql.KILLED, "604 625 250002"),
        (sql.STATEMENT_TIMEOUT, "630"),
        (SERVER_ERROR, "603 300002 300005 370001 370002 390001 390002"),
        (MISCONFIGURED, "250004 250012 251001 251005 251007 251009 251017 251019 251021"),
        (sql.NO_PASSWORD, "251006 251013 251018 251020"),
        (UNAUTHORIZED, "251014 251015"),
        (TIMED_OUT, "251016"),
        # It would try a login again for minutes, whatever status of 429 or above there was.
        (sql.NOT_READY, "251012"),
        # Revoked, or nothing says that it is not.
        (CERTIFICATE_UNTRUSTED, "254001-254020"),
    ),
}


class SnowflakeLoginError(Exception):
    """The answer to a login, where it is not that one is in.

    :param errno: of the login service.
    """

    def __init__(self, errno: int) -> None:
        super().__init__(errno)
        self.errno = errno


class SnowflakeTokenError(Exception):
    """The refusal of an endpoint for tokens, of Snowflake or of another identity provider.

    :param code: of OAuth.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SnowflakeNotSelectedError(Exception):
    """The session has begun without something that the connection names, of which Snowflake says nothing.

    :param code: ``warehouse``, ``database`` or ``schema``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SnowflakeKeyLockedError(Exception):
    """A private key cannot be read without another passphrase, which is the password of the connection."""


class SnowflakeUnansweredError(Exception):
    """A request without an answer, which the connector would send again for minutes; its reason is in the cause."""


def _checked(connection: HookConnection) -> HookConnection:
    key, file = (_field(connection.extra, name) for name in ("private_key_content", "private_key_file"))
    # What cannot be read at all is for the hook to say.
    with suppress(OSError, ValueError):
        if isinstance(file, str):
            key = Path(file).read_text()
        elif isinstance(key, str) and "-----" not in key:
            key = b64decode(key).decode()
    if isinstance(key, str) and is_locked(key, (connection.password or "").strip()):
        raise SnowflakeKeyLockedError
    return connection


def _field(extra: Mapping[str, Any], name: str) -> Any:
    return extra.get(name) or extra.get(f"extra__snowflake__{name}")


def _stay_here() -> None:
    """Keep the connector from looking for the clouds that this machine may be in, with its own identity there."""
    os.environ["SNOWFLAKE_DISABLE_PLATFORM_DETECTION"] = "true"


def _select(hook: Any) -> LoggedIn:
    from snowflake.connector.network import RetryRequest, SnowflakeRestful

    post = SnowflakeRestful._post_request  # noqa: SLF001 - what logs in hands only a text on

    def post_once(self: Any, url: str, *args: Any, **options: Any) -> Any:
        if "/login-request" not in url:
            return post(self, url, *args, **options)
        return _answer(lambda: post(self, url, *args, **options))

    ask = SnowflakeRestful._request_exec  # noqa: SLF001 - what asks again has no setting for never

    def ask_once(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return ask(self, *args, **options)
        except RetryRequest as again:
            raise SnowflakeUnansweredError from again

    # In this process only.
    SnowflakeRestful._post_request = post_once  # noqa: SLF001 - as above
    SnowflakeRestful._request_exec = ask_once  # noqa: SLF001 - as above
    try:
        login = LoggedIn(hook.get_conn())
    except Exception as error:
        _, said = answer_of(error)
        code = said.get("error") if isinstance(said, dict) else None
        if isinstance(code, str) and code in OAUTH_ERRORS:
            raise SnowflakeTokenError(code) from None
        raise
    _see_what_is_selected(login, hook.get_connection(hook.get_conn_id()))
    return login


_SELECTED = """
    SELECT CURRENT_WAREHOUSE() AS has_warehouse, CURRENT_DATABASE() AS has_database, CURRENT_SCHEMA() AS has_schema
"""


def _see_what_is_selected(login: LoggedIn, connection: Any) -> None:
    """See, without a warehouse, that the session has what the connection names: warehouse, database and schema.

    :raises SnowflakeNotSelectedError: it has begun without.
    """
    [row] = login.ask(_SELECTED)
    wanted = {name: _field(connection.extra_dejson, name) for name in ("warehouse", "database")}
    # Without a database there is none that the schema could be in.
    for name, value in {**wanted, "schema": wanted["database"] and connection.schema}.items():
        if value and not row[f"has_{name}"]:
            raise SnowflakeNotSelectedError(name)


def _ends(login: LoggedIn) -> Iterator[tuple[str, datetime]]:
    """Yield when Snowflake lets the user in no longer: each may describe itself. Of its password it does not say so."""
    [row] = login.ask("SELECT CURRENT_USER() AS name")
    name = row["name"].replace('"', '""')
    for one in login.ask(f'DESCRIBE USER "{name}"'):
        if one["property"] == "DAYS_TO_EXPIRY" and one["value"] not in (None, "", "null"):
            seconds = (datetime.now(timezone.utc) + timedelta(days=float(one["value"]))).timestamp()
            # It says what is left; so this is the same hour at each check.
            yield USER, datetime.fromtimestamp(round(seconds / 3600) * 3600, timezone.utc)


def _answer(post: Callable[[], Any]) -> Any:
    """Return the answer to a login.

    :raises SnowflakeLoginError: it is a refusal, or none at all.
    """
    from snowflake.connector.errors import OperationalError

    try:
        answer = post()
    except OperationalError as error:
        # It would be tried again.
        raise SnowflakeLoginError(error.errno or 0) from error
    except AttributeError:
        # JSON that is no object.
        raise SnowflakeLoginError(OTHER_SERVER) from None
    _raise_for(answer)
    return answer


def _raise_for(answer: Any) -> None:
    if answer is not None and (not isinstance(answer, dict) or "success" not in answer):
        raise SnowflakeLoginError(OTHER_SERVER)
    answer = answer or {}
    if str((answer.get("data") or {}).get("nextAction", "")).startswith("EXT_AUTHN_DUO"):
        raise SnowflakeLoginError(SECOND_FACTOR)
    code = str(answer.get("code"))
    if not answer.get("success") and code.isdecimal():
        number = int(code)
        raise SnowflakeLoginError(LOGIN_REFUSED if number in _LOGIN_SERVICE and number not in _NUMBERS else number)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    extra = connection.extra
    if extra.get("proxy_host"):
        return None
    if extra.get("host"):
        return url_address(f"{extra.get('protocol', 'https')}://{extra['host']}:{extra.get('port', 443)}")
    account, region = extra.get("account"), extra.get("region")
    if not account:
        return None
    return url_address(f"https://{account}{f'.{region}' if region else ''}.snowflakecomputing.com")


TYPE = HookType(
    conn_types=("snowflake",),
    title="Snowflake",
    codes={
        **HTTP_CLASSES,
        "SnowflakeLoginError": _NUMBERS,
        "SnowflakeTokenError": OAUTH_ERRORS,
        "SnowflakeNotSelectedError": {
            "warehouse": _OTHER_WAREHOUSE,
            "database": sql.DATABASE_DENIED,
            "schema": _OTHER_SCHEMA,
        },
        "SnowflakeKeyLockedError": KEY_LOCKED,
        "SnowflakeUnansweredError": {ELSE: RESET},
        "ForbiddenError": _NO_ACCOUNT,
        "RefreshTokenError": _TOKEN,
        "RevocationCheckError": CERTIFICATE_UNTRUSTED,
        "MissingDependencyError": PROVIDER_BROKEN,
        "ConfigSourceError": MISCONFIGURED,
        "ConfigManagerError": MISCONFIGURED,
        "Error": _NUMBERS,
        # What it could not ask, or had no answer to; why is in its cause, if anywhere.
        "OperationalError": {**_NUMBERS, ELSE: RESET},
    },
    codes_at=("errno", "code", "response.status_code"),
    probe=_select,
    ends=_ends,
    prepare=_checked,
    endpoint=_endpoint,
    connect_first=True,
    imports=("snowflake.connector",),
    warm=_stay_here,
    without=("pandas", "pyarrow"),
    evidence="imitation",
)
