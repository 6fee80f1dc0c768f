"""AWS: the codes that services answer with. The hook's test asks STS who it is, which needs no right."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.faults import FORBIDDEN, PROXY_FAILED, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import STATUSES

_NO_CREDENTIALS = NO_PASSWORD.reworded(
    "There are no credentials for {address}: neither the connection nor this machine has some. Set login and password."
)
_EXPIRED = UNAUTHORIZED.reworded("The token for {address} has expired. Get a new one.")
_CLOCK = UNAUTHORIZED.reworded("{address} refuses the time of the request. Set the clock of this machine.")

_CODES = {
    "InvalidClientTokenId": UNAUTHORIZED,
    "UnrecognizedClientException": UNAUTHORIZED,
    "InvalidAccessKeyId": UNAUTHORIZED,
    "SignatureDoesNotMatch": UNAUTHORIZED,
    "IncompleteSignature": UNAUTHORIZED,
    "AuthFailure": UNAUTHORIZED,
    "MissingAuthenticationToken": UNAUTHORIZED,
    "InvalidIdentityToken": UNAUTHORIZED,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "AccessDenied": FORBIDDEN,
    "AccessDeniedException": FORBIDDEN,
    "UnauthorizedOperation": FORBIDDEN,
    "RegionDisabledException": FORBIDDEN,
    "OptInRequired": FORBIDDEN,
    "Throttling": THROTTLED,
    "ThrottlingException": THROTTLED,
    "RequestLimitExceeded": THROTTLED,
    "SlowDown": THROTTLED,
    "InvalidToken": UNAUTHORIZED,
    "TokenRefreshRequired": UNAUTHORIZED,
    "IDPCommunicationError": SERVER_ERROR,
    "RequestThrottled": THROTTLED,
    "TooManyRequestsException": THROTTLED,
    "ServiceUnavailable": SERVER_ERROR,
    "InternalFailure": SERVER_ERROR,
    "InternalError": SERVER_ERROR,
}


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    config = dict(connection.extra.get("config_kwargs") or {})
    config["retries"] = {"total_max_attempts": 1}
    return replace(connection, extra={**connection.extra, "config_kwargs": config})


TYPE = HookType(
    conn_types=("aws",),
    title="Amazon Web Services",
    codes={
        "ClientError": {**dict[Any, Fault](STATUSES), **_CODES},
        "NoCredentialsError": _NO_CREDENTIALS,
        "PartialCredentialsError": _NO_CREDENTIALS,
        "CredentialRetrievalError": UNAUTHORIZED,
        "TokenRetrievalError": UNAUTHORIZED,
        "ProfileNotFound": MISCONFIGURED,
        "NoRegionError": MISCONFIGURED,
        "InvalidRegionError": MISCONFIGURED,
        "InvalidEndpointDiscoveryConfigurationError": MISCONFIGURED,
        "ProxyConnectionError": PROXY_FAILED,
        "ConnectTimeoutError": TIMED_OUT,
        "ReadTimeoutError": TIMED_OUT,
        "ConnectionClosedError": RESET,
        "NewConnectionError": {},
        # Of botocore's parsers: no XML, and XML that is another's.
        "ResponseParserError": GARBAGE,
        "KeyError": GARBAGE,
    },
    # Beside the code there is always a status, which says less.
    codes_at=("response.Error.Code", "response.ResponseMetadata.HTTPStatusCode"),
    prepare=_once,
    endpoint=lambda _: None,
    evidence="imitation",
)
