"""Azure Blob Storage: the error codes that the service answers with, else its status."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, THROTTLED, TLS_REQUIRED
from osiris_provider.connectors.http.faults import FORBIDDEN, REQUEST_TIMEOUT, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import (
    ACCOUNT_LOCKED,
    HOST_NOT_ALLOWED,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
)
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import ENTRA_CLASSES, ENTRA_REFUSALS, NO_ANSWERS, url_address

_NO_KEYS = LOGIN_METHOD.reworded(
    "The storage account of {address} takes no account keys or signatures of them. Log in with an identity of Entra ID."
)
_CODES = {
    "AuthenticationFailed": UNAUTHORIZED,
    "InvalidAuthorization": UNAUTHORIZED,
    "UnsupportedAuthorization": _NO_KEYS,
    "InvalidAuthenticationInfo": UNAUTHORIZED,
    "NoAuthenticationInformation": NO_PASSWORD,
    "KeyBasedAuthenticationNotPermitted": _NO_KEYS,
    # Of its firewall.
    "AuthorizationFailure": HOST_NOT_ALLOWED,
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


class WasbEmulatorKeyError(Exception):
    """Azurite does not accept the key, and has the code of a firewall for that."""


class WasbInClearError(Exception):
    """The address begins with http://, and the login is one of Entra ID."""


class WasbOtherServerError(Exception):
    """What answers is no storage of Azure."""


_EMULATOR = "Azurite"
"""With which its name in the header ``Server`` begins."""


def _ask_account(hook: Any) -> Details:
    errors = import_module("azure.core.exceptions")
    try:
        account = hook.get_conn().get_account_information()
    except errors.HttpResponseError as error:
        server = str(error.response.headers.get("Server")) if error.response else ""
        if getattr(error, "error_code", None) == "AuthorizationFailure" and server.startswith(_EMULATOR):
            raise WasbEmulatorKeyError from None
        raise
    except errors.ServiceRequestError as error:
        # Nothing was sent, and nothing was tried: a token of Entra ID goes over TLS only.
        if error.inner_exception is None:
            raise WasbInClearError from None
        raise
    # Its client takes any answer of status 200.
    if not account.get("version"):
        raise WasbOtherServerError
    return {}


def _field(connection: HookConnection, name: str) -> str:
    return str(connection.extra.get(name) or connection.extra.get(f"extra__wasb__{name}") or "")


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    names = (connection.host, connection.login, _field(connection, "connection_string"), _address(connection))
    if not any(names):
        raise WasbNoAccountError
    return replace(connection, extra={**connection.extra, "retry_total": 0, "permit_redirects": False})


def _address(connection: HookConnection) -> str:
    """Return a signature that is an address with it; empty if it is none."""
    token = _field(connection, "sas_token")
    return token if token.startswith("https") else ""


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    if connection.extra.get("proxies"):
        return None
    if joined := _field(connection, "connection_string"):
        parts = (part.partition("=") for part in joined.split(";"))
        settings = {name.upper(): value for name, _, value in parts}
        account = settings.get("ACCOUNTNAME")
        default = f"https://{account}.blob.{settings.get('ENDPOINTSUFFIX', 'core.windows.net')}" if account else ""
        return url_address(settings.get("BLOBENDPOINT", default))
    host = _address(connection) or connection.host or ""
    if host:
        return url_address(host if "://" in host else f"https://{host}") if "." in host else None
    return url_address(f"https://{connection.login}.blob.core.windows.net") if connection.login else None


TYPE = HookType(
    conn_types=("wasb",),
    title="Azure Blob Storage",
    codes={
        "HttpResponseError": {**dict[Any, Fault](NO_ANSWERS), **_CODES},
        "WasbNoAccountError": MISCONFIGURED,
        "WasbEmulatorKeyError": UNAUTHORIZED,
        "WasbInClearError": MISCONFIGURED.reworded(
            "The address of {address} begins with http://, and a login of Entra ID is sent over TLS only. Correct it."
        ),
        "WasbOtherServerError": GARBAGE,
        # A key that is none; it is said to be a refusal.
        "AzureSigningError": MISCONFIGURED,
        **ENTRA_CLASSES,
        "ClientAuthenticationError": {**ENTRA_REFUSALS, **_CODES},
    },
    # Beside the code there is always a status, which says less.
    codes_at=("error_code", "status_code"),
    probe=_ask_account,
    prepare=_once,
    endpoint=_endpoint,
    connect_first=True,
    host_is_url=True,
    evidence="imitation",
)
