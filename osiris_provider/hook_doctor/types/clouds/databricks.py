"""Databricks: statuses of its REST API. The hook's own test makes a hook of its own, with its retries."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, THROTTLED
from osiris_provider.connectors.http.faults import FORBIDDEN, REQUEST_TIMEOUT, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.faults import NO_HOST
from osiris_provider.hook_doctor.tables import (
    ENTRA_CLASSES,
    HTTP_CLASSES,
    OAUTH_ERRORS,
    STATUSES,
    answer_of,
    named,
    url_address,
)


class DatabricksRefusalError(Exception):
    """An answer that is a refusal, or none of Databricks; or a connection that has nothing to log in with.

    :param code: of the answer, else one of those below.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class DatabricksNoHostError(Exception):
    """There is no host, neither in its field nor in extra."""


_NO_LOGIN, _OTHER_SERVER = "no login", "other server"
"""No codes of Databricks, which have no blanks and no small letters."""
_LOGINS = (
    "token",
    "azure_tenant_id",
    "use_azure_managed_identity",
    "use_default_azure_credential",
    "service_principal_oauth",
    "federated_token_provider",
    "federated_aws",
    "federated_k8s",
)
"""Entries of ``extra`` that say how to log in."""
# Everyone who is let in may ask for this; 403 is what an invalid token gets, as JSON, as a text and as a page.
_REFUSED = UNAUTHORIZED.reworded("{address} does not accept this token, or not from this machine. Check both.")
_ANSWERS = {**STATUSES, 403: _REFUSED}
_CODES = {
    # Of the token endpoint, for a service principal.
    **OAUTH_ERRORS,
    **named(
        (UNAUTHORIZED, "INVALID_TOKEN UNAUTHENTICATED UNAUTHORIZED"),
        (FORBIDDEN, "CUSTOMER_UNAUTHORIZED PERMISSION_DENIED PRIVILEGE_NOT_GRANTED"),
        (
            THROTTLED,
            "MAX_REQUESTS_EXCEEDED QUOTA_EXCEEDED REQUEST_LIMIT_EXCEEDED RESOURCE_EXHAUSTED RESOURCE_LIMIT_EXCEEDED",
        ),
        (REQUEST_TIMEOUT, "DEADLINE_EXCEEDED DEPLOYMENT_TIMEOUT TIMEOUT"),
        (
            SERVER_ERROR,
            (
                "ABORTED CANCELLED DATA_LOSS INTERNAL INTERNAL_ERROR IO_ERROR SERVICE_UNDER_MAINTENANCE "
                "TEMPORARILY_UNAVAILABLE UNAVAILABLE UNKNOWN WORKSPACE_TEMPORARILY_UNAVAILABLE"
            ),
        ),
    ),
}


def _versions(hook: Any) -> Details:
    from airflow.providers.databricks.hooks.databricks import SPARK_VERSIONS_ENDPOINT

    known = hook.databricks_conn
    extra = known.extra_dejson
    if not (known.login or known.password or any(extra.get(name) for name in _LOGINS)):
        raise DatabricksRefusalError(_NO_LOGIN)
    if extra.get("use_azure_managed_identity") and not extra.get("token"):
        _ask_metadata(hook)
    try:
        answer = hook._do_api_call(SPARK_VERSIONS_ENDPOINT)  # noqa: SLF001 - as the hook's test does
    except Exception as error:
        code = _code_in(answer_of(error)[1])
        if code in _CODES:
            raise DatabricksRefusalError(code) from None
        raise
    if not isinstance(answer, dict) or "versions" not in answer:
        raise DatabricksRefusalError(_OTHER_SERVER)
    return {}


def _ask_metadata(hook: Any) -> None:
    try:
        hook._check_azure_metadata_service()  # noqa: SLF001 - the hook does it next, and hides what it was
    except OSError:
        raise DatabricksRefusalError(_NO_LOGIN) from None


def _code_in(said: Any) -> str:
    """Return the code in the body of a refusal, empty if there is none."""
    return str(said.get("error_code") or said.get("error")) if isinstance(said, dict) else ""


def _checked(connection: HookConnection) -> HookConnection:
    if not _host(connection):
        raise DatabricksNoHostError
    return connection


def _host(connection: HookConnection) -> str:
    """Return the host as the hook takes it: that in ``extra`` first."""
    return str(connection.extra.get("host") or connection.host or "")


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    host = _host(connection)
    if connection.extra.get("proxies"):
        return None
    port = f":{connection.port}" if connection.port else ""
    scheme = "" if "://" in host else f"{connection.schema or 'https'}://"
    return url_address(f"{scheme}{host.rstrip('/')}{port}")


TYPE = HookType(
    conn_types=("databricks",),
    title="Databricks",
    codes={
        **HTTP_CLASSES,
        **ENTRA_CLASSES,
        "DatabricksRefusalError": {
            **_CODES,
            _NO_LOGIN: NO_PASSWORD,
            _OTHER_SERVER: GARBAGE,
        },
        "DatabricksNoHostError": NO_HOST,
        "DatabricksApiError": _ANSWERS,
        "HTTPError": _ANSWERS,
    },
    codes_at=("code", "http_status_code", "status_code", "response.status_code"),
    probe=_versions,
    prepare=_checked,
    hook_params={"retry_limit": 1},
    endpoint=_endpoint,
    connect_first=True,
    host_is_url=True,
    evidence="imitation",
)
