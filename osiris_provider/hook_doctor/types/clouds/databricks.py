"""Databricks: statuses of its REST API. The hook's own test makes a hook of its own, with its retries."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.http.faults import UNAUTHORIZED
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, url_address

# Everyone who is let in may ask for this; 403 is what an invalid token gets.
_REFUSED = UNAUTHORIZED.reworded("{address} does not accept this token, or not from this machine. Check both.")
_ANSWERS = {**STATUSES, 403: _REFUSED}


def _versions(hook: Any) -> Details:
    from airflow.providers.databricks.hooks.databricks import SPARK_VERSIONS_ENDPOINT

    hook._do_api_call(SPARK_VERSIONS_ENDPOINT)  # noqa: SLF001 - as the hook's test does
    return {}


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
    codes={**HTTP_CLASSES, "DatabricksApiError": _ANSWERS, "HTTPError": _ANSWERS},
    codes_at=("http_status_code", "response.status_code"),
    probe=_versions,
    hook_params={"retry_limit": 1},
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
