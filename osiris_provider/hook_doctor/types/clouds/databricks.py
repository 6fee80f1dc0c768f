"""Databricks: statuses of its REST API. The hook's own test makes a hook of its own, with its retries."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import THROTTLED, chain
from osiris_provider.connectors.http.faults import FORBIDDEN, REQUEST_TIMEOUT, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, OAUTH_ERRORS, STATUSES, named, url_address


class DatabricksRefusalError(Exception):
    """An answer that is a refusal, or a connection that has nothing to log in with.

    :param code: of the answer, else its status; 0 of the latter.
    """

    def __init__(self, code: str | int) -> None:
        super().__init__(code)
        self.code = code


# Everyone who is let in may ask for this; 403 is what an invalid token gets.
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

    try:
        hook._do_api_call(SPARK_VERSIONS_ENDPOINT)  # noqa: SLF001 - as the hook's test does
    except ValueError:
        if hook.databricks_conn.login or hook.databricks_conn.password:
            raise
        raise DatabricksRefusalError(0) from None
    except Exception as error:
        code = _code_of(error)
        if code not in _CODES:
            raise
        raise DatabricksRefusalError(code) from None
    return {}


def _code_of(error: BaseException) -> str:
    """Return the code in the body of a refusal, empty if there is none."""
    responses = (getattr(one, "response", None) for one in chain(error))
    response = next((one for one in responses if one is not None), None)
    try:
        body = None if response is None else response.json()
    except ValueError:
        body = None
    return str(body.get("error_code") or body.get("error")) if isinstance(body, dict) else ""


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    host = connection.host or ""
    if not host:
        return None
    port = f":{connection.port}" if connection.port else ""
    scheme = "" if "://" in host else f"{connection.schema or 'https'}://"
    return url_address(f"{scheme}{host}{port}")


TYPE = HookType(
    conn_types=("databricks",),
    title="Databricks",
    codes={
        **HTTP_CLASSES,
        "DatabricksRefusalError": {**_CODES, 0: NO_PASSWORD},
        "DatabricksApiError": _ANSWERS,
        "HTTPError": _ANSWERS,
    },
    codes_at=("code", "http_status_code", "response.status_code"),
    probe=_versions,
    hook_params={"retry_limit": 1},
    endpoint=_endpoint,
    connect_first=True,
    host_is_url=True,
    needs_host=True,
    evidence="imitation",
)
