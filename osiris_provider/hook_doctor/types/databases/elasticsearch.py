"""Elasticsearch: classes and statuses of its client. Who it takes us for proves the login, where security is on."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT, TLS_FAILED
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import STATUSES, url_address

_UNAUTHORIZED = 401


def _ask(hook: Any) -> Details:
    from elasticsearch import ApiError

    client = hook.get_conn().es.options(max_retries=0)
    client.info()
    login = hook.connection.login
    try:
        answer = client.security.authenticate()
    except ApiError as error:
        # Without security there is no one to be.
        if login and error.status_code == _UNAUTHORIZED:
            raise
        return {"proven": False}
    return {"proven": bool(login) and answer.get("username") == login}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    scheme = connection.schema or "http"
    return url_address(f"{scheme}://{connection.host}:{connection.port or 9200}") if connection.host else None


def _in_clear(connection: HookConnection) -> str | None:
    return "set the schema to https" if connection.password and (connection.schema or "http") == "http" else None


TYPE = HookType(
    conn_types=("elasticsearch",),
    title="Elasticsearch",
    codes={
        "ConnectionTimeout": TIMED_OUT,
        # Why is in what they hold, if anywhere.
        "TlsError": {ELSE: TLS_FAILED},
        "ConnectionError": {ELSE: RESET},
        "SniffingError": {ELSE: RESET},
        "UnsupportedProductError": GARBAGE,
        "SerializationError": GARBAGE,
        "ApiError": STATUSES,
    },
    codes_at=("status_code",),
    probe=_ask,
    endpoint=_endpoint,
    connect_first=True,
    without=("numpy", "pandas", "pyarrow"),
    needs_host=True,
    in_clear=_in_clear,
    evidence="imitation",
)
