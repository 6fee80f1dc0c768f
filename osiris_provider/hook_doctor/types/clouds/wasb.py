"""Azure Blob Storage: the error codes that the service answers with, else its status."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED, RESET, THROTTLED, TIMED_OUT, TLS_REQUIRED
from osiris_provider.connectors.http.faults import FORBIDDEN, REQUEST_TIMEOUT, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import (
    ACCOUNT_LOCKED,
    HOST_NOT_ALLOWED,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
)
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import ELSE, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import STATUSES, url_address

_NO_KEYS = LOGIN_METHOD.reworded(
    "The storage account of {address} takes no account keys or signatures of them. Log in with an identity of Entra ID."
)
# One code for both, the latter of Azurite.
_FIREWALL = UNAUTHORIZED.reworded(
    "The firewall of {address} does not let this machine in, or it does not accept this key. Check both."
)
_CODES = {
    "AuthenticationFailed": UNAUTHORIZED,
    "InvalidAuthorization": UNAUTHORIZED,
    "UnsupportedAuthorization": _NO_KEYS,
    "InvalidAuthenticationInfo": UNAUTHORIZED,
    "NoAuthenticationInformation": NO_PASSWORD,
    "KeyBasedAuthenticationNotPermitted": _NO_KEYS,
    "AuthorizationFailure": _FIREWALL,
    "AuthorizationProtocolMismatch": TLS_REQUIRED,
    "AccountRequiresHttps": TLS_REQUIRED,
    "AuthorizationResourceTypeMismatch": FORBIDDEN,
    "AuthorizationServiceMismatch": FORBIDDEN,
    "PublicAccessNotPermitted": FORBIDDEN,
    "AuthorizationPermissionMismatch": FORBIDDEN,
    "AuthorizationSourceIPMismatch": HOST_NOT_ALLOWED,
    "InsufficientAccountPermissions": FORBIDDEN,
    "AccountIsDisabled": ACCOUNT_LOCKED,
    "AccountBeingCreated": NOT_READY,
    "OperationTimedOut": REQUEST_TIMEOUT.reworded("{address} took too long over the request. Try again later."),
    "InvalidResourceName": MISCONFIGURED,
    "ServerBusy": THROTTLED,
    "IngressLimitExceeded": THROTTLED,
    "EgressLimitExceeded": THROTTLED,
}


class WasbNoAccountError(Exception):
    """Nothing in the connection says whose storage it is."""


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    if not (connection.host or connection.login or connection.extra.get("connection_string")):
        raise WasbNoAccountError
    return replace(connection, extra={**connection.extra, "retry_total": 0})


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    extra = connection.extra
    if extra.get("connection_string"):
        settings = dict(part.partition("=")[::2] for part in str(extra["connection_string"]).split(";"))
        account = settings.get("AccountName")
        default = f"https://{account}.blob.{settings.get('EndpointSuffix', 'core.windows.net')}" if account else ""
        return url_address(settings.get("BlobEndpoint", default))
    host = connection.host or ""
    if host:
        return url_address(host if "://" in host else f"https://{host}") if "." in host else None
    return url_address(f"https://{connection.login}.blob.core.windows.net") if connection.login else None


TYPE = HookType(
    conn_types=("wasb",),
    title="Azure Blob Storage",
    codes={
        "HttpResponseError": {**dict[Any, Fault](STATUSES), **_CODES},
        "WasbNoAccountError": MISCONFIGURED,
        # A key that is none; it is said to be a refusal.
        "AzureSigningError": MISCONFIGURED,
        # Of Entra ID, too: no such tenant or application, a wrong or expired secret; a status of 400 for most.
        "ClientAuthenticationError": {**dict[Any, Fault](STATUSES), **_CODES, 400: UNAUTHORIZED, ELSE: UNAUTHORIZED},
        "ServiceRequestTimeoutError": TIMED_OUT,
        "ServiceResponseTimeoutError": TIMED_OUT,
        "ServiceRequestError": {ELSE: RESET},
        "ServiceResponseError": {ELSE: RESET},
        "IncompleteReadError": RESET,
        "CredentialUnavailableError": NO_PASSWORD,
    },
    # Beside the code there is always a status, which says less.
    codes_at=("error_code", "status_code"),
    prepare=_once,
    endpoint=_endpoint,
    connect_first=True,
    host_is_url=True,
    evidence="imitation",
)
