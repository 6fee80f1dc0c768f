"""Trino: names of query errors; statuses of HTTP from the answers themselves, its client has them in texts only."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED
from osiris_provider.connectors.http.faults import SERVER_ERROR
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, url_address


class TrinoStatusError(Exception):
    """An answer that is no result.

    :param status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _select(hook: Any) -> Details:
    from trino.exceptions import HttpError

    statuses: list[int] = []
    connection = hook.get_conn()
    session = connection._http_session  # noqa: SLF001 - no other way to it
    session.hooks["response"].append(lambda response, *_, **__: statuses.append(response.status_code))
    connection.max_attempts = 1
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchall()
    except HttpError:
        raise TrinoStatusError(statuses[-1] if statuses else 0) from None
    return {"proven": bool(connection.auth)}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    scheme = connection.extra.get("protocol", "http")
    return url_address(f"{scheme}://{connection.host}:{connection.port or 8080}") if connection.host else None


TYPE = HookType(
    conn_types=("trino",),
    title="Trino",
    codes={
        **HTTP_CLASSES,
        # 503 is what it answers while it starts.
        "TrinoStatusError": {**STATUSES, 503: sql.NOT_READY},
        "TrinoQueryError": {
            "PERMISSION_DENIED": sql.DENIED,
            "CATALOG_NOT_FOUND": sql.UNKNOWN_DATABASE,
            "SCHEMA_NOT_FOUND": sql.UNKNOWN_DATABASE,
            "MISSING_CATALOG_NAME": sql.NO_DATABASE,
            "INVALID_SESSION_PROPERTY": MISCONFIGURED,
            "SERVER_STARTING_UP": sql.NOT_READY,
            "SERVER_SHUTTING_DOWN": sql.NOT_READY,
            "NO_NODES_AVAILABLE": sql.NOT_READY,
            "REMOTE_HOST_GONE": sql.NOT_READY,
            "REMOTE_TASK_ERROR": SERVER_ERROR,
            "REMOTE_TASK_MISMATCH": SERVER_ERROR,
            "PAGE_TRANSPORT_ERROR": SERVER_ERROR,
            "TOO_MANY_REQUESTS_FAILED": SERVER_ERROR,
            "GENERIC_INTERNAL_ERROR": SERVER_ERROR,
            "QUERY_QUEUE_FULL": sql.TOO_MANY_CONNECTIONS,
            "QUERY_REJECTED": sql.TOO_MANY_CONNECTIONS,
            "CLUSTER_OUT_OF_MEMORY": sql.SERVER_FULL,
            "EXCEEDED_GLOBAL_MEMORY_LIMIT": sql.SERVER_FULL,
            "EXCEEDED_LOCAL_MEMORY_LIMIT": sql.SERVER_FULL,
            "EXCEEDED_TIME_LIMIT": sql.STATEMENT_TIMEOUT,
            "EXCEEDED_CPU_LIMIT": sql.STATEMENT_TIMEOUT,
            "PAGE_TRANSPORT_TIMEOUT": sql.STATEMENT_TIMEOUT,
            "ABANDONED_QUERY": sql.KILLED,
            "ADMINISTRATIVELY_KILLED": sql.KILLED,
            "ADMINISTRATIVELY_PREEMPTED": sql.KILLED,
            "USER_CANCELED": sql.KILLED,
        },
        "TrinoConnectionError": GARBAGE,
        # Credentials without TLS; its client sends none then.
        "TrinoAuthError": MISCONFIGURED,
    },
    codes_at=("error_name", "status", "response.status_code"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
