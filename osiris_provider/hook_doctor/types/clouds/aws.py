"""AWS: the codes that services answer with. STS says who one is, which needs no right.

The hook's own test asks the same, but without the proxy, the authority and the retries of the connection.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, RESET, THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.faults import FORBIDDEN, PROXY_FAILED, REQUEST_TIMEOUT, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import LOGIN_METHOD, NO_PASSWORD
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.faults import PROVIDER_BROKEN
from osiris_provider.hook_doctor.tables import STATUSES, named

_NO_CREDENTIALS = NO_PASSWORD.reworded(
    "There are no credentials for {address}: neither the connection nor this machine has some. Set login and password."
)
_SECOND_FACTOR = LOGIN_METHOD.reworded(
    "The profile for {address} asks for a second factor, and no one is there to give it. Use another."
)
_EXPIRED = UNAUTHORIZED.reworded("The token for {address} has expired. Get a new one.")
_CLOCK = UNAUTHORIZED.reworded("{address} refuses the time of the request. Set the clock of this machine.")

_CODES = named(
    (
        UNAUTHORIZED,
        (
            "AuthFailure AuthorizationHeaderMalformed IDPRejectedClaim IncompleteSignature "
            "IncompleteSignatureException InvalidAccessKeyId InvalidClientTokenId InvalidIdentityToken "
            "InvalidIdentityTokenException InvalidSecurity InvalidSignature InvalidSignatureException "
            "InvalidToken MalformedSecurityHeader MissingAuthenticationToken MissingAuthenticationTokenException "
            "NotAuthorizedException SignatureDoesNotMatch SignatureValidationException TokenRefreshRequired "
            "UnrecognizedClientException"
        ),
    ),
    (_EXPIRED, "ExpiredToken ExpiredTokenException ExpiredTrustAnchorException"),
    (_CLOCK, "RequestExpired RequestInTheFuture RequestTimeTooSkewed"),
    (
        FORBIDDEN,
        (
            "AccessDenied AccessDeniedException AccountProblem AllAccessDisabled AuthorizationError "
            "AuthorizationErrorException Blocked ForbiddenException InsufficientPrivilegesException InvalidPayer "
            "KMSAccessDeniedException NotAuthorized NotSignedUp OptInRequired PendingVerification "
            "RegionDisabledException SubscriptionRequiredException UnauthorizedException UnauthorizedOperation"
        ),
    ),
    (
        THROTTLED,
        (
            "BandwidthLimitExceeded EC2ThrottledException LimitExceededException PriorRequestNotComplete "
            "ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled "
            "RequestThrottledException SlowDown Throttled ThrottledException Throttling ThrottlingException "
            "TooManyRequests TooManyRequestsException TransactionInProgressException"
        ),
    ),
    (REQUEST_TIMEOUT, "RequestTimeout RequestTimeoutException"),
    (
        SERVER_ERROR,
        (
            "IDPCommunicationError InternalError InternalFailure InternalFailureException InternalServerError "
            "InternalServerException InternalServiceError ServerException ServiceFailure ServiceUnavailable "
            "ServiceUnavailableException Unavailable"
        ),
    ),
)


_OF_AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def _ask_identity(hook: Any) -> Details:
    address = hook.conn_config.get_service_endpoint_url("sts", sts_test_connection=True)
    storage = hook.conn_config.get_service_endpoint_url("s3")
    # As the hook makes its clients.
    config, verify = hook._get_config(), hook.verify  # noqa: SLF001 - there is no other way to it
    client = partial(hook.get_session().client, config=config, verify=verify)
    if address is None and storage and not (urlsplit(storage).hostname or "").endswith(_OF_AMAZON):
        return _list_buckets(client("s3", endpoint_url=storage))
    client("sts", endpoint_url=address).get_caller_identity()
    return {}


def _list_buckets(client: Any) -> Details:
    """Ask a storage that speaks S3 and is none of Amazon's, such as MinIO: its keys are unknown to Amazon's STS."""
    from botocore.exceptions import ClientError

    try:
        client.list_buckets()
    except ClientError as error:
        # A key that is for some buckets only; some say so of one that they do not know, too.
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return {"proven": False}
    return {}


def _once(connection: HookConnection) -> HookConnection:
    from dataclasses import replace

    config = dict(connection.extra.get("config_kwargs") or {})
    config["retries"] = {"total_max_attempts": 1}
    return replace(connection, extra={**connection.extra, "config_kwargs": config})


def _read_models() -> None:
    """Read once what a client reads each time: the endpoints of all services alone take 15 MiB."""
    import boto3
    from botocore.loaders import JSONFileLoader

    read = cache(JSONFileLoader().load_file)
    # In processes of this type only.
    JSONFileLoader.load_file = lambda _, path: read(path)
    boto3.Session("-", "-", region_name="us-east-1").client("sts")


TYPE = HookType(
    conn_types=("aws",),
    title="Amazon Web Services",
    codes={
        "ClientError": {**dict[Any, Fault](STATUSES), **_CODES},
        "NoCredentialsError": _NO_CREDENTIALS,
        "PartialCredentialsError": _NO_CREDENTIALS,
        "CredentialRetrievalError": UNAUTHORIZED,
        "TokenRetrievalError": UNAUTHORIZED,
        "NoAuthTokenError": _NO_CREDENTIALS,
        "MetadataRetrievalError": _NO_CREDENTIALS,
        # Of IAM Identity Center and of aws login.
        "SSOError": _EXPIRED,
        "LoginInsufficientPermissions": FORBIDDEN,
        "LoginError": _EXPIRED,
        "RefreshWithMFAUnsupportedError": _SECOND_FACTOR,
        # Of the prompt for it.
        "EOFError": _SECOND_FACTOR,
        "ProfileNotFound": MISCONFIGURED,
        "NoRegionError": MISCONFIGURED,
        "InvalidRegionError": MISCONFIGURED,
        **dict.fromkeys(
            (
                "ConfigNotFound",
                "ConfigParseError",
                "DataNotFoundError",
                "EndpointProviderError",
                "EndpointVariantError",
                "InvalidConfigError",
                "InvalidDefaultsMode",
                "InvalidEndpointConfigurationError",
                "InvalidEndpointDiscoveryConfigurationError",
                "InvalidIMDSEndpointError",
                "InvalidProxiesConfigError",
                "InvalidRetryConfigurationError",
                "InvalidSTSRegionalEndpointsConfigError",
                "ParamValidationError",
                "ServiceNotInRegionError",
                "UnknownCredentialError",
                "UnknownEndpointError",
                "UnknownRegionError",
                "UnknownSignatureVersionError",
                "UnknownTokenProviderError",
                "UnsupportedSignatureVersionError",
                "ValidationError",
            ),
            MISCONFIGURED,
        ),
        "MissingDependencyException": PROVIDER_BROKEN,
        "ProxyConnectionError": PROXY_FAILED,
        "ConnectTimeoutError": TIMED_OUT,
        "ReadTimeoutError": TIMED_OUT,
        "ConnectionClosedError": RESET,
        "HTTPClientError": {ELSE: RESET},
        "NewConnectionError": {},
        # Of botocore's parsers: no XML, and XML that is another's.
        "ResponseParserError": GARBAGE,
        "KeyError": GARBAGE,
    },
    # Beside the code there is always a status, which says less.
    codes_at=("response.Error.Code", "response.ResponseMetadata.HTTPStatusCode"),
    probe=_ask_identity,
    prepare=_once,
    warm=_read_models,
    endpoint=lambda _: None,
    evidence="imitation",
)
