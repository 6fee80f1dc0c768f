"""Lets the Test button work on connections that have no port.

For an empty port Airflow's UI sends 0, and its API refuses to test a stored connection at another port than the stored
one: "Bad Request". Here the API server takes 0 for what it means, which is what later versions of Airflow do too.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from osiris_provider.connectors.airflow_form import connection_type_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PATH = "/api/v2/connections/test"
OURS = connection_type_of("")


class EmptyPortMiddleware:
    """Takes port 0 out of the requests that test a connection of this package; passes on all others as they are.

    :param app: the ASGI application behind it.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(PATH):
            body, ending = await _read(receive)
            body = without_empty_port(body)
            headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
            scope = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
            receive = _replay({"type": "http.request", "body": body, "more_body": ending is not None}, ending, receive)
        await self.app(scope, receive, send)


def without_empty_port(body: bytes) -> bytes:
    """Return the body of a test request without its port, if that is 0 and the connection is of this package.

    :param body: anything; what is not such a request is returned as it is.
    """
    try:
        asked = json.loads(body)
    except ValueError:
        return body
    if not isinstance(asked, dict) or asked.get("port") != 0 or not str(asked.get("conn_type")).startswith(OURS):
        return body
    return json.dumps({name: value for name, value in asked.items() if name != "port"}).encode()


class OsirisPlugin(AirflowPlugin):
    """What Airflow loads at its start."""

    name = "osiris"
    fastapi_root_middlewares = [  # noqa: RUF012 - the base class says so
        {"middleware": EmptyPortMiddleware, "args": [], "kwargs": {}, "name": "Osiris: empty port in connection tests"}
    ]


async def _read(receive: Receive) -> tuple[bytes, Message | None]:
    """Return the body, and the message that cut it short if one did."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(pieces), message
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces), None


def _replay(first: Message, second: Message | None, receive: Receive) -> Receive:
    waiting = [message for message in (first, second) if message is not None]

    async def replay() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return replay
