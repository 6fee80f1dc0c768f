"""Google Cloud: a token is fetched for the key. The hook's own test sends that token in a URL, and shows it."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, TIMED_OUT
from osiris_provider.connectors.http.faults import UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, OAUTH_ERRORS, STATUSES

_NO_CREDENTIALS = NO_PASSWORD.reworded(
    "There are no credentials for {address}: neither the connection nor this machine has some. Set keyfile_dict."
)

_ERRORS = OAUTH_ERRORS


class GoogleAnswerError(Exception):
    """What came for a token is none, and no refusal that has a name either.

    :param status: of HTTP; google-auth does not hand it on.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _fetch_token(hook: Any) -> Details:
    from google.auth.transport.requests import Request

    credentials = hook.get_credentials()
    if not hasattr(credentials, "refresh_token") and type(credentials).__name__ == "AnonymousCredentials":
        return {"proven": False}
    statuses: list[int] = []
    ask = Request()

    def note(*args: Any, **options: Any) -> Any:
        response = ask(*args, **options)
        statuses.append(response.status)
        return response

    try:
        credentials.refresh(note)
    except Exception as error:
        answer = error.args[1] if len(error.args) > 1 else None
        if not statuses or (isinstance(answer, dict) and answer.get("error") in _ERRORS):
            raise
        raise GoogleAnswerError(statuses[-1]) from None
    return {"proven": True}


TYPE = HookType(
    conn_types=("google_cloud_platform",),
    title="Google Cloud",
    codes={
        **HTTP_CLASSES,
        # Of RFC 6749, in the answer that comes as the second argument.
        "RefreshError": _ERRORS,
        "GoogleAnswerError": {**STATUSES, 200: GARBAGE},
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
        "OAuthError": _ERRORS,
        "TimeoutError": TIMED_OUT,
        # Of clients of services, through other credentials than a key.
        "GoogleAPICallError": STATUSES,
        "HttpError": STATUSES,
    },
    codes_at=("args.1.error", "args.0", "status", "code", "response.status_code", "resp.status"),
    probe=_fetch_token,
    endpoint=lambda _: None,
    evidence="imitation",
)
