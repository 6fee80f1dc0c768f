"""Google Cloud: a token is fetched for the key. The hook's own test sends that token in a URL, and shows it."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED
from osiris_provider.connectors.http.faults import FORBIDDEN, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.tables import HTTP_CLASSES

_NO_CREDENTIALS = NO_PASSWORD.reworded(
    "There are no credentials for {address}: neither the connection nor this machine has some. Set keyfile_dict."
)


def _fetch_token(hook: Any) -> Details:
    from google.auth.transport.requests import Request

    credentials = hook.get_credentials()
    if not hasattr(credentials, "refresh_token") and type(credentials).__name__ == "AnonymousCredentials":
        return {"proven": False}
    credentials.refresh(Request())
    return {"proven": True}


TYPE = HookType(
    conn_types=("google_cloud_platform",),
    title="Google Cloud",
    codes={
        **HTTP_CLASSES,
        # Of RFC 6749, in the answer that comes as the second argument.
        "RefreshError": {
            "invalid_grant": UNAUTHORIZED,
            "invalid_client": UNAUTHORIZED,
            "unauthorized_client": UNAUTHORIZED,
            "invalid_scope": MISCONFIGURED,
            "invalid_request": MISCONFIGURED,
            "access_denied": FORBIDDEN,
            "internal_failure": SERVER_ERROR,
            "temporarily_unavailable": SERVER_ERROR,
        },
        "DefaultCredentialsError": _NO_CREDENTIALS,
        "MalformedError": MISCONFIGURED,
    },
    codes_at=("args.1.error", "response.status_code"),
    probe=_fetch_token,
    endpoint=lambda _: None,
    evidence="imitation",
)
