"""Tables of codes are walked whole: what an operator calls each of them, through the client's own exceptions or none.

The categories are written here once more, by lists of codes as their references have them.
"""

from __future__ import annotations

import errno
import ssl
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor import HookConnection, hook_type
from osiris_provider.hook_doctor.child import examine
from osiris_provider.hook_doctor.classify import classify
from osiris_provider.hook_doctor.faults import NO_HOST
from osiris_provider.hook_doctor.tables import answer_of, name_of, named, numbered
from osiris_provider.net.deadline import Deadline


def raised(kind: str, code: object, *bases: type[BaseException]) -> BaseException:
    """Return an exception of a class of this name, which has a code wherever a library may put one."""
    created = type(kind, bases or (Exception,), {})(code)
    for name in ("code", "errno", "error_name", "error_code", "smtp_code", "sqlstate", "at"):
        setattr(created, name, code)
    created.response = {"Error": {"Code": code}}
    return created  # type: ignore[no-any-return] # of a class that is made here


@pytest.mark.parametrize(
    ("responses", "answer"),
    [
        ([], (0, None)),
        ([None, SimpleNamespace(status_code=403, json=lambda: {"error": "x"})], (403, {"error": "x"})),
        ([SimpleNamespace(status_code=401), SimpleNamespace(status_code=403, json=dict)], (401, None)),
        ([SimpleNamespace(json=dict)], (0, {})),
    ],
)
def test_an_answer_is_that_of_the_nearest_error_that_has_one(responses: list[Any], answer: tuple[int, Any]) -> None:
    errors = [ValueError("x"), *map(OSError, range(len(responses)))]
    for error, response in zip(errors[1:], responses, strict=True):
        vars(error)["response"] = response
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    assert answer_of(errors[0]) == answer


def fault_of(error: BaseException, conn_type: str, host: str | None = None) -> Fault:
    return classify(error, hook_type(conn_type), HookConnection("c", conn_type, host), Deadline(2))


CODES: dict[str, dict[str, tuple[str, str]]] = {
    "mssql": {
        "Error auth": ("18456 18470 18486 18487 18488 18450 18452 40532 18463 18468", "auth"),
        "Error permission": (
            "229 230 262 297 300 916 4060 4061 4064 17892 40615 40914 47073 942 976 982 3906",
            "permission",
        ),
        "Error network": (
            (
                "40197 40501 40613 10928 10929 49918 49919 49920 17142 17187 18461 18401 17809 922 921 6005 20002 "
                "20017 47072 924 927 952 983 988"
            ),
            "network",
        ),
        "Error timeout": ("1222 8645 20003", "timeout"),
    },
    "redis": {
        "RedisReplyError auth": ("NOAUTH WRONGPASS", "auth"),
        "RedisReplyError permission": ("NOPERM DENIED READONLY", "permission"),
        "RedisReplyError network": ("LOADING CLUSTERDOWN MASTERDOWN TRYAGAIN BUSY NOREPLICAS", "network"),
    },
    "mongo": {
        "OperationFailure auth": ("11 18 334 391 392 8000", "auth"),
        "OperationFailure permission": ("13 214 10107 13435", "permission"),
        "OperationFailure network": ("6 7 91 133 189 365 402 433 449 462 9001 11600 11602 13436 16500", "network"),
        "OperationFailure timeout": ("24 50 89 202 262 290", "timeout"),
    },
    "clickhouse": {
        "DatabaseError auth": ("192 193 194 516 532", "auth"),
        "DatabaseError permission": ("195 291 446 472 497 509 512 164", "permission"),
        "DatabaseError network": (
            "3 32 49 95 96 101 198 201 202 203 210 217 225 279 364 394 425 519 745 999 1000",
            "network",
        ),
        "DatabaseError timeout": ("159 160 209 410", "timeout"),
        "DatabaseError unknown": ("60 62 81 115 241 243", "unknown"),
    },
    "kafka": {
        "KafkaCodeError auth": ("-169 33 34 54 58 61 66", "auth"),
        "KafkaCodeError permission": ("29 30 31 44 53 65", "permission"),
        "KafkaCodeError network": ("-199 -196 -195 -193 -187 -181 2 5 6 8 9 13 14 15 16 35 41 89", "network"),
        "KafkaCodeError timeout": ("-192 -185 -166 7", "timeout"),
        "KafkaCodeError unknown": ("-189 -186 -170 -165", "unknown"),
    },
    "snowflake": {
        "SnowflakeLoginError auth": (
            (
                "-2 -1 390100 "
                "390101 390102 390106 390114 390120 390139 390140 390144 390190 390191 390192 390195 "
                "390197 390302 390303 390318 394300 394304 251006 251008 251018"
            ),
            "auth",
        ),
        "SnowflakeLoginError permission": (
            "390186 390189 390201 390317 390420 390422 390432 390913 606 2003 3001",
            "permission",
        ),
        "SnowflakeLoginError network": ("250002 251012 254007 290429 290503 300002 370001", "network"),
        "SnowflakeLoginError timeout": ("630 251016 290408", "timeout"),
        "SnowflakeLoginError unknown": ("290404 290513 251001 251005 251007", "unknown"),
    },
    "ssh": {
        "SSHSessionEndedError network": ("254", "network"),
        "SSHSessionEndedError permission": ("1 127 255", "permission"),
    },
    "smtp": {
        "SMTPRefusedError auth": ("432 500 501 503 504 525 534 535 550 554", "auth"),
        "SMTPRefusedError network": ("421 450 451 452 454 530 538", "network"),
        "SMTPConnectError network": ("-1 421 450 500", "network"),
        "SMTPConnectError permission": ("521 550 554", "permission"),
        "SMTPHeloError permission": ("550 554", "permission"),
    },
    "ftp": {
        "FTPReplyError auth": ("430 530 535", "auth"),
        "FTPReplyError permission": ("532 550 553", "permission"),
        "FTPReplyError network": ("421 425 431 450 499 522 534", "network"),
    },
    "postgres": {
        "Error auth": ("28P01 28000", "auth"),
        "Error permission": ("42501 55000 25006", "permission"),
        "Error network": ("53300 57P01 57P02 57P03 57P05 08006 08001", "network"),
        "Error timeout": ("57014 55P03", "timeout"),
        "Error unknown": ("3D000 53200", "unknown"),
    },
    "trino": {
        "TrinoUserError permission": ("PERMISSION_DENIED ROLE_NOT_FOUND", "permission"),
        "TrinoUserError network": (
            "QUERY_REJECTED QUERY_QUEUE_FULL SERVER_STARTING_UP EXTERNAL INTERNAL_ERROR",
            "network",
        ),
        "TrinoUserError timeout": ("EXCEEDED_TIME_LIMIT EXCEEDED_CPU_LIMIT OPTIMIZER_TIMEOUT", "timeout"),
        "TrinoUserError unknown": ("CATALOG_NOT_FOUND SCHEMA_NOT_FOUND MISSING_CATALOG_NAME", "unknown"),
    },
    "slack": {
        "SlackApiError auth": (
            (
                "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type "
                "invalid_token team_disabled two_factor_setup_required"
            ),
            "auth",
        ),
        "SlackApiError permission": (
            "missing_scope no_permission access_denied accesslimited restricted_action",
            "permission",
        ),
        "SlackApiError network": ("ratelimited rate_limited internal_error fatal_error service_unavailable", "network"),
        "SlackApiError timeout": ("request_timeout", "timeout"),
    },
    "aws": {
        "ClientError auth": (
            (
                "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException "
                "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed InvalidAccessKeyId "
                "MissingAuthenticationToken MissingAuthenticationTokenException IncompleteSignature "
                "IDPRejectedClaim InvalidIdentityToken"
            ),
            "auth",
        ),
        "ClientError permission": (
            (
                "AccessDenied AccessDeniedException UnauthorizedOperation RegionDisabledException OptInRequired "
                "NotAuthorized KMSAccessDeniedException"
            ),
            "permission",
        ),
        "ClientError network": (
            (
                "Throttling ThrottlingException RequestLimitExceeded SlowDown TooManyRequestsException "
                "InternalFailure ServiceUnavailable InternalServerError RequestThrottledException"
            ),
            "network",
        ),
        "ClientError timeout": ("RequestTimeout RequestTimeoutException", "timeout"),
        "NoAuthTokenError auth": ("-", "auth"),
        "TokenRetrievalError auth": ("-", "auth"),
    },
    "databricks": {
        "DatabricksRefusalError auth": ("UNAUTHENTICATED invalid_client unauthorized_client invalid_grant", "auth"),
        "DatabricksRefusalError permission": ("PERMISSION_DENIED CUSTOMER_UNAUTHORIZED access_denied", "permission"),
        "DatabricksRefusalError network": (
            "REQUEST_LIMIT_EXCEEDED RESOURCE_EXHAUSTED TEMPORARILY_UNAVAILABLE INTERNAL_ERROR UNAVAILABLE",
            "network",
        ),
        "DatabricksRefusalError timeout": ("DEADLINE_EXCEEDED", "timeout"),
    },
    "wasb": {
        "HttpResponseError auth": (
            (
                "AuthenticationFailed InvalidAuthenticationInfo NoAuthenticationInformation "
                "KeyBasedAuthenticationNotPermitted AccountIsDisabled"
            ),
            "auth",
        ),
        "HttpResponseError permission": (
            (
                "AuthorizationPermissionMismatch AuthorizationSourceIPMismatch InsufficientAccountPermissions "
                "AuthorizationServiceMismatch PublicAccessNotPermitted AuthorizationFailure"
            ),
            "permission",
        ),
        "HttpResponseError network": ("ServerBusy AccountRequiresHttps IngressLimitExceeded", "network"),
        "HttpResponseError timeout": ("OperationTimedOut", "timeout"),
        "ClientAuthenticationError auth": ("whatever 400", "auth"),
    },
}
CASES = [
    (conn_type, what.split()[0], code, category)
    for conn_type, groups in CODES.items()
    for what, (codes, category) in groups.items()
    for code in codes.split()
]


@pytest.mark.parametrize(("conn_type", "kind", "code", "category"), CASES)
def test_a_code_is_what_an_operator_calls_it(conn_type: str, kind: str, code: str, category: str) -> None:
    value: object = int(code) if code.lstrip("-").isdecimal() and conn_type != "postgres" else code
    bases = [type(name, (Exception,), {}) for name in hook_type(conn_type).codes if name in ("ClickHouseError",)]
    if conn_type == "trino":
        bases = [type("TrinoQueryError", (Exception,), {})]
    plain = raised(kind, value, *bases)
    if conn_type == "slack":
        plain.response = type("Response", (), {"data": {"error": code}})()  # type: ignore[attr-defined] # as it is there
    assert fault_of(plain, conn_type).category == category
    # As the cause of another one, as its context, and as one of several.
    wrapped = RuntimeError("x")
    wrapped.__cause__ = plain
    assert fault_of(wrapped, conn_type).category == category
    several = RuntimeError("x")
    several.exceptions = [RuntimeError("y"), wrapped]  # type: ignore[attr-defined] # as groups of exceptions have it
    assert fault_of(several, conn_type).category == category


ORACLE = {
    "auth": "ORA-01017 ORA-01005 ORA-28000 ORA-28001 ORA-28040 ORA-12638 ORA-12641 DPY-4001 DPY-3015 DPY-2033",
    "permission": "ORA-01045 ORA-01031 ORA-12506 ORA-12529 ORA-16000",
    "network": (
        "ORA-01035 ORA-12526 ORA-12527 "
        "ORA-00018 ORA-00020 ORA-00028 ORA-01012 ORA-01033 ORA-01034 ORA-01089 ORA-01090 ORA-02391 ORA-03113 ORA-03135 "
        "ORA-12516 ORA-12518 ORA-12519 ORA-12520 ORA-12528 ORA-12537 ORA-12541 ORA-12543 ORA-12545 ORA-12547 ORA-12560 "
        "ORA-12570 ORA-12660 ORA-29024 ORA-28860 DPY-4011 DPY-6000 DPY-6002 DPY-6006 DPY-5006"
    ),
    "timeout": "ORA-12170 ORA-12535 ORA-03136 ORA-12609 DPY-4024",
    "unknown": "DPI-1047 ORA-00942 ORA-12505 ORA-12514 ORA-12504 DPY-4000 DPY-4026 DPY-4027 DPY-3010 DPY-6001",
}


@pytest.mark.parametrize(("code", "category"), [(code, cat) for cat, codes in ORACLE.items() for code in codes.split()])
def test_oracle(code: str, category: str) -> None:
    assert of_oracle(code).category == category


def of_oracle(code: str) -> Fault:
    detail = type("Detail", (), {"full_code": code})()
    return fault_of(type("DatabaseError", (type("Error", (Exception,), {}),), {})(detail), "oracle")


@pytest.mark.parametrize("code", ["ORA-12505", "ORA-12514", "ORA-12521", "DPY-6001", "DPY-6003"])
def test_a_service_that_a_listener_of_oracle_does_not_have_now_may_come(code: str) -> None:
    """It forgets the services of a database that goes down."""
    assert of_oracle(code).is_transient


@pytest.mark.parametrize("code", ["ORA-12504", "ORA-65011", "ORA-01435"])
def test_what_is_written_wrong_for_oracle_does_not_mend_itself(code: str) -> None:
    assert not of_oracle(code).is_transient


@pytest.mark.parametrize(
    "alert", ["TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE"]
)
def test_a_server_that_refuses_our_certificate_refuses_our_credentials(alert: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {alert}]")
    error.reason = alert
    assert fault_of(error, "smtp").slug == "client_certificate_required"
    # As pyOpenSSL's wrapper makes it, without a reason.
    assert fault_of(ssl.SSLError("x"), "smtp").slug == "tls_failed"
    error.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    assert fault_of(error, "smtp").slug == "tls_version"


def test_groups_of_codes() -> None:
    one, two = Fault("one", "auth", "x."), Fault("two", "network", "y.")
    assert numbered((one, "1 3-5 -7"), (two, "4")) == {1: one, 3: one, 4: two, 5: one, -7: one}
    assert named((one, "A B"), (two, "C")) == {"A": one, "B": one, "C": two}


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def of(name: str, *args: object) -> BaseException:
    return type(name, (Exception,), {})(*args)  # type: ignore[no-any-return] # of a class that is made here


@pytest.mark.parametrize(
    ("conn_type", "error", "slug"),
    [
        # What the client's class stands for is for where its cause says nothing.
        ("aws", caused(of("HTTPClientError"), ValueError("Invalid header value")), "misconfigured"),
        ("aws", of("HTTPClientError"), "reset"),
        ("aws", caused(of("SSLError"), FileNotFoundError(errno.ENOENT, "x")), "misconfigured"),
        ("aws", caused(ssl.SSLError("x"), FileNotFoundError(errno.ENOENT, "x")), "misconfigured"),
        ("aws", EOFError(), "login_method"),
        ("smtp", EOFError(), "reset"),
        ("aws", caused(of("ProxyConnectionError"), OSError("Tunnel connection failed: 407 x")), "proxy_auth"),
        ("aws", caused(of("ProxyConnectionError"), OSError("Tunnel connection failed: 403 x")), "proxy_denied"),
        ("aws", caused(of("ProxyConnectionError"), OSError("Tunnel connection failed: 502 x")), "proxy_failed"),
        ("slack", caused(of("URLError"), OSError("Tunnel connection failed: 407 x")), "proxy_auth"),
        ("trino", caused(of("TrinoConnectionError"), ConnectionResetError(errno.ECONNRESET, "x")), "reset"),
        ("trino", of("TrinoConnectionError"), "garbage"),
        ("mssql", of("MSSQLDriverException", "Not connected"), "reset"),
        ("snowflake", caused(of("SnowflakeUnansweredError"), TimeoutError()), "timed_out"),
        ("imap", raised("IMAPLoginError", "LOGINDISABLED"), "login_method"),
        ("imap", raised("IMAPLoginError", "PRIVACYREQUIRED"), "tls_required"),
        ("imap", raised("IMAPMailboxError", ""), "denied"),
        ("imap", raised("IMAPMailboxError", "SERVERBUG"), "not_ready"),
        ("wasb", of("AzureSigningError"), "misconfigured"),
        ("wasb", of("WasbEmulatorKeyError"), "unauthorized"),
        ("databricks", caused(of("AirflowException"), of("ClientAuthenticationError")), "unauthorized"),
        ("databricks", of("CredentialUnavailableError"), "no_password"),
        ("google_cloud_platform", of("GoogleFieldError"), "misconfigured"),
        ("smtp", of("SMTPException"), "login_method"),
        ("ssh", of("SSHKeyFileError"), "misconfigured"),
        ("google_cloud_platform", KeyError("private_key"), "misconfigured"),
        ("mongo", of("MongoNoMemberError"), "misconfigured"),
        ("ssh", of("SSHHungUpError"), "reset"),
    ],
)
def test_what_says_most_wins(conn_type: str, error: BaseException, slug: str) -> None:
    assert fault_of(error, conn_type).slug == slug


@pytest.mark.parametrize(
    "conn_type",
    [
        "clickhouse",
        "databricks",
        "elasticsearch",
        "ftp",
        "imap",
        "mongo",
        "mssql",
        "redis",
        "sftp",
        "smtp",
        "ssh",
        "trino",
    ],
)
def test_without_a_host_nothing_is_sent_to_this_machine(conn_type: str) -> None:
    # Each of these libraries has a default: localhost, or none at all.
    answer = next(examine(HookConnection("c", conn_type, None, "loader", "secret"), Deadline(2)))
    assert answer["fault"] == name_of(NO_HOST, hook_type(conn_type))
