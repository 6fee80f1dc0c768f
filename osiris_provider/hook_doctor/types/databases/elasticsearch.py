"""Elasticsearch: classes and statuses of its client. Who it takes us for proves the login, where security is on."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT, TLS_FAILED
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import STATUSES, url_address

_UNAUTHORIZED, _FORBIDDEN = 401, 403


class ElasticsearchStatusError(Exception):
    """A refusal that its client cannot read.

    :param status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status_code = status


def _ask(hook: Any) -> Details:
    from elastic_transport import SerializationError, Urllib3HttpNode
    from elasticsearch import ApiError

    statuses: list[int] = []
    ask = Urllib3HttpNode.perform_request

    def note(node: Any, *args: Any, **options: Any) -> Any:
        answer = ask(node, *args, **options)
        statuses.append(answer.meta.status)
        return answer

    # In this process only; of a refusal that is not in JSON, the client only says that it is not.
    Urllib3HttpNode.perform_request = note
    client = hook.get_conn().es.options(max_retries=0)
    is_refused = False
    try:
        client.info()
    except SerializationError:
        if statuses[-1] not in STATUSES:
            raise
        raise ElasticsearchStatusError(statuses[-1]) from None
    except ApiError as error:
        # Only those may ask for this who may monitor the cluster, which work in an index does not need.
        is_refused = error.status_code == _FORBIDDEN
        if not is_refused:
            raise
    login = hook.connection.login
    try:
        answer = client.security.authenticate()
    except ApiError as error:
        # Without security there is no one to be.
        if is_refused or (login and error.status_code == _UNAUTHORIZED):
            raise
        return {"proven": False}
    return {"proven": bool(login) and answer.get("username") == login}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    # Without a port, the hook makes a URL that is none.
    scheme, host, port = connection.schema or "http", connection.host, connection.port
    return url_address(f"{scheme}://{host}:{port}") if host and port else None


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
        "ElasticsearchStatusError": STATUSES,
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
