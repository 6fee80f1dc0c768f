"""Trino: names of query errors; statuses of HTTP from the answers themselves, its client has them in texts only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED
from osiris_provider.connectors.http.faults import SERVER_ERROR
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, named, url_address

_NAMES = named(
    (sql.DENIED, "PERMISSION_DENIED ROLE_NOT_FOUND INVALID_ROLE"),
    # The last is of USE.
    (sql.UNKNOWN_DATABASE, "CATALOG_NOT_FOUND SCHEMA_NOT_FOUND NOT_FOUND"),
    (sql.NO_DATABASE, "MISSING_CATALOG_NAME MISSING_SCHEMA_NAME"),
    (sql.NO_SUCH_TABLE, "TABLE_NOT_FOUND"),
    (sql.BAD_SQL, "SYNTAX_ERROR"),
    (sql.READ_ONLY, "READ_ONLY_VIOLATION"),
    (MISCONFIGURED, "INCOMPATIBLE_CLIENT INVALID_CATALOG_PROPERTY INVALID_SESSION_PROPERTY"),
    (
        sql.NOT_READY,
        (
            "CATALOG_NOT_AVAILABLE CATALOG_UNAVAILABLE CONFIGURATION_UNAVAILABLE NO_NODES_AVAILABLE REMOTE_HOST_GONE "
            "SERVER_SHUTTING_DOWN SERVER_STARTING_UP"
        ),
    ),
    (sql.TOO_MANY_CONNECTIONS, "QUERY_QUEUE_FULL QUERY_REJECTED"),
    (
        sql.STATEMENT_TIMEOUT,
        "EXCEEDED_CPU_LIMIT EXCEEDED_TIME_LIMIT OPTIMIZER_TIMEOUT PAGE_TRANSPORT_TIMEOUT",
    ),
    (sql.KILLED, "ABANDONED_QUERY ABANDONED_TASK ADMINISTRATIVELY_KILLED ADMINISTRATIVELY_PREEMPTED USER_CANCELED"),
    # Its types of errors, for whatever name it or one of its connectors has.
    (SERVER_ERROR, "INTERNAL_ERROR EXTERNAL"),
    (sql.SERVER_FULL, "INSUFFICIENT_RESOURCES"),
)
"""Of StandardErrorCode.java and ErrorType.java."""


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
        for question in ("SELECT 1", *_selections(hook.get_connection(hook.get_conn_id()))):
            cursor.execute(question)
            cursor.fetchall()
    except HttpError:
        raise TrinoStatusError(statuses[-1] if statuses else 0) from None
    return {"proven": bool(connection.auth)}


def _selections(connection: Any) -> Iterator[str]:
    """Yield what shows that there are the catalog and the schema of a connection: a session begins with any.

    Its hook takes catalog hive where there is none, which says nothing.
    """
    names = (connection.extra_dejson.get("catalog"), connection.schema)
    if all(names):
        yield "USE " + ".".join('"' + str(name).replace('"', '""') + '"' for name in names)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    if not connection.host:
        return None
    # Its client reads a URL as well; what that lacks is in the other fields.
    scheme, _, host = connection.host.rpartition("://")
    scheme = scheme or connection.extra.get("protocol", "http")
    port = connection.port or (443 if scheme == "https" else 8080)
    return url_address(f"{scheme}://{host}" if host.rpartition(":")[2].isdecimal() else f"{scheme}://{host}:{port}")


TYPE = HookType(
    conn_types=("trino",),
    title="Trino",
    codes={
        **HTTP_CLASSES,
        # 503 is what it answers while it starts.
        "TrinoStatusError": {**STATUSES, 503: sql.NOT_READY},
        "TrinoQueryError": _NAMES,
        # Why is in its cause, if anywhere.
        "TrinoConnectionError": {ELSE: GARBAGE},
        # Credentials without TLS; its client sends none then.
        "TrinoAuthError": MISCONFIGURED,
    },
    codes_at=("error_name", "error_type", "status", "response.status_code"),
    probe=_select,
    endpoint=_endpoint,
    connect_first=True,
    needs_host=True,
    host_is_url=True,
    evidence="imitation",
)
