"""Google Cloud: a token is fetched for the key. The hook's own test sends that token in a URL, and shows it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED, TIMED_OUT
from osiris_provider.connectors.http.faults import UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import Details, HookType, reading_fields
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, NO_ANSWERS, OAUTH_ERRORS, STATUSES

_NO_CREDENTIALS = NO_PASSWORD.reworded(
    "There are no credentials for {address}: neither the connection nor this machine has some. Set keyfile_dict."
)

_ERRORS = OAUTH_ERRORS


class GoogleAnswerError(Exception):
    """What came for a token is none.

    :param code: of OAuth, else the status of HTTP; google-auth does not hand the latter on.
    """

    def __init__(self, code: str | int) -> None:
        super().__init__(code)
        self.code = code


class GoogleFieldError(Exception):
    """The credentials that the connection names are none."""


def _fetch_token(hook: Any) -> Details:
    from google.auth.exceptions import DefaultCredentialsError, ReauthFailError
    from google.auth.transport.requests import Request

    status = _noted()
    try:
        # For some kinds it fetches a token, too.
        credentials = hook.get_credentials()
        if not hasattr(credentials, "refresh_token") and type(credentials).__name__ == "AnonymousCredentials":
            return {"proven": False}
        credentials.refresh(Request())
    except Exception as error:
        # It is also what says that a file is not there, or is something else.
        if type(error) is DefaultCredentialsError and _are_named(hook):
            raise GoogleFieldError from None
        if not status:
            with reading_fields():
                raise
        if isinstance(error, (DefaultCredentialsError, ReauthFailError)):
            raise
        code = _oauth_code(error.args[1] if len(error.args) > 1 else None)
        raise GoogleAnswerError(code if code in _ERRORS else status[0]) from None
    # A token may also be signed here.
    return {"proven": bool(status)}


def _noted() -> list[int]:
    """Return what will hold the status of the last answer: empty while there is none. In this process only."""
    from google.auth.transport.requests import Request

    status: list[int] = []
    ask = Request.__call__

    def note(request: Any, *args: Any, **options: Any) -> Any:
        status.clear()
        # Credentials do not follow to another address.
        response = ask(request, *args, **{"allow_redirects": False, **options})
        status.append(response.status)
        return response

    Request.__call__ = note
    return status


def _are_named(hook: Any) -> bool:
    from google.auth.environment_vars import CREDENTIALS

    fields = ("key_path", "keyfile_dict", "credential_config_file")
    return any(map(hook._get_field, fields)) or CREDENTIALS in os.environ  # noqa: SLF001 - it knows older names, too


def _oauth_code(answer: Any) -> str:
    """Return the error of an answer, a mapping or a text; empty if it has none. Other APIs have objects there."""
    with suppress(ValueError):
        answer = json.loads(answer) if isinstance(answer, str) else answer
    code = answer.get("error") if isinstance(answer, dict) else None
    return code if isinstance(code, str) else ""


TYPE = HookType(
    conn_types=("google_cloud_platform",),
    title="Google Cloud",
    codes={
        **HTTP_CLASSES,
        "GoogleAnswerError": {**dict[Any, Fault](NO_ANSWERS), **_ERRORS},
        "GoogleFieldError": MISCONFIGURED,
        # Of the hook, about the fields of the connection.
        "AirflowException": MISCONFIGURED,
        # A key that lacks a field.
        "KeyError": MISCONFIGURED,
        "DefaultCredentialsError": _NO_CREDENTIALS,
        "MalformedError": MISCONFIGURED,
        "InvalidResource": MISCONFIGURED,
        "InvalidOperation": MISCONFIGURED,
        "InvalidValue": MISCONFIGURED,
        "InvalidType": MISCONFIGURED,
        "ClientCertError": MISCONFIGURED,
        "MutualTLSChannelError": MISCONFIGURED,
        # A person would have to log in once more.
        "ReauthFailError": UNAUTHORIZED,
        "UserAccessTokenError": UNAUTHORIZED,
        "TimeoutError": TIMED_OUT,
        # Of clients of services, through other credentials than a key.
        "GoogleAPICallError": STATUSES,
        "HttpError": STATUSES,
    },
    codes_at=("status", "code", "response.status_code", "resp.status"),
    probe=_fetch_token,
    endpoint=lambda _: None,
    evidence="imitation",
)
