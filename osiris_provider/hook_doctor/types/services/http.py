"""HTTP: statuses of one request. The connection says no path, so "ok" is any answer of the peer, and proves nothing."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.http.faults import (
    BAD_REQUEST,
    FORBIDDEN,
    GONE,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    REDIRECTED,
    REFUSED_REQUEST,
    UNAUTHORIZED,
    WRONG_METHOD,
    status_fault,
)
from osiris_provider.connectors.http.http_hook import has_credentials
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.tables import HTTP_CLASSES

_ANSWERED = (BAD_REQUEST, GONE, NOT_ACCEPTABLE, NOT_FOUND, REDIRECTED, REFUSED_REQUEST, WRONG_METHOD)
"""What an API may say to a request that is none of its own; it is there, and has refused no credentials."""
_FOR_OTHERS = (FORBIDDEN, UNAUTHORIZED)
"""And to who says nothing of himself: tasks may bring a token, or a class that logs in."""


def _ask(hook: Any) -> Details:
    # Its own test is a POST, which may change something. Credentials do not follow to another address.
    hook.method = "GET"
    # Of the answer its status is enough; what else a peer sends would all be read into memory.
    response = hook.run(extra_options={"check_response": False, "allow_redirects": False, "stream": True})
    known = hook.get_connection(hook.http_conn_id)
    extra = known.extra_dejson
    is_named = extra.get("cert") or has_credentials(known.login, known.password, extra)
    if status_fault(response.status_code) not in (None, *_ANSWERED, *(() if is_named else _FOR_OTHERS)):
        response.raise_for_status()
    return {}


TYPE = HookType(
    conn_types=("http",),
    title="HTTP",
    codes=HTTP_CLASSES,
    codes_at=("response.status_code",),
    probe=_ask,
    proves_login=False,
    endpoint=lambda _: None,
    host_is_url=True,
    evidence="real server",
)
