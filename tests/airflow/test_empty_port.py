"""The middleware that takes port 0 out of tests of connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from importlib.metadata import entry_points
from typing import Any

import pytest
from osiris_provider.plugins.connection_test import EmptyPortMiddleware, OsirisPlugin

Message = MutableMapping[str, Any]
TEST = "/api/v2/connections/test"


def passed_on(messages: list[Message], path: str = TEST, method: str = "POST") -> tuple[bytes, list[Message], Message]:
    """What the application behind the middleware gets: the body, all messages, and the scope."""
    seen: list[Message] = []
    scopes: list[Message] = []
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    async def app(scope: Message, receive: Any, _: Any) -> None:
        scopes.append(scope)
        while True:
            seen.append(await receive())
            if not seen[-1].get("more_body"):
                return

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"content-length", b"999"), (b"x", b"y")]}
    asyncio.run(EmptyPortMiddleware(app)(scope, receive, send))
    return b"".join(message.get("body", b"") for message in seen), seen, scopes[0]


def request(body: Any) -> list[Message]:
    return [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]


def test_port_0_of_our_connections_is_taken_out() -> None:
    body, _, scope = passed_on(request({"conn_type": "osiris_mysql", "port": 0, "host": "ü"}))
    assert json.loads(body) == {"conn_type": "osiris_mysql", "host": "ü"}
    assert dict(scope["headers"]) == {b"content-length": str(len(body)).encode(), b"x": b"y"}


@pytest.mark.parametrize(
    "body",
    [
        {"conn_type": "osiris_mysql", "port": 1},
        {"conn_type": "osiris_mysql", "port": None},
        {"conn_type": "mysql", "port": 0},
        {"port": 0},
        [0],
        "text",
    ],
)
def test_all_else_is_passed_on_as_it_is(body: Any) -> None:
    assert json.loads(passed_on(request(body))[0]) == body


@pytest.mark.parametrize(
    ("path", "method"), [("/api/v2/connections", "POST"), (f"{TEST}s", "POST"), (TEST, "GET"), ("/", "POST")]
)
def test_other_requests_are_not_read(path: str, method: str) -> None:
    messages = request({"conn_type": "osiris_mysql", "port": 0})
    assert passed_on(messages, path, method)[1] == messages


def test_behind_a_prefix_and_in_pieces() -> None:
    whole = b'{"conn_type": "osiris_api", "port": 0}'
    pieces: list[Message] = [
        {"type": "http.request", "body": whole[:9], "more_body": True},
        {"type": "http.request", "body": whole[9:]},
    ]
    assert json.loads(passed_on(pieces, f"/team{TEST}")[0]) == {"conn_type": "osiris_api"}


def test_what_is_not_json_is_left_to_airflow() -> None:
    assert passed_on([{"type": "http.request", "body": b"\xff{", "more_body": False}])[0] == b"\xff{"


def test_a_client_that_hangs_up_is_told_so() -> None:
    gone: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    _, seen, _ = passed_on(gone)
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]


def test_airflow_finds_the_plugin() -> None:
    (found,) = entry_points(group="airflow.plugins", name="osiris")
    plugin = found.load()
    assert plugin is OsirisPlugin
    assert [one["middleware"] for one in plugin.fastapi_root_middlewares] == [EmptyPortMiddleware]
