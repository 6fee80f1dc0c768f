"""An API that answers from a list, one answer after the other, and records what it was asked."""

from __future__ import annotations

import json
import ssl
from typing import Any

from tests.servers.apis.http import HttpServer, RawReply, Reply, Request


class ScriptedApi(HttpServer):
    """Answers requests in order; behind the last answer everything is an error.

    In the texts of answers ``ORIGIN`` stands for the server's own.

    :param replies: bodies, or whole answers. A text is a body as it is, all else becomes JSON.
    :param tls: serves https with this context.
    """

    def __init__(self, *replies: Any, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._replies = list(replies)

    def answer(self, request: Request) -> Reply | RawReply:
        del request
        number = len(self.requests) - 1
        if number >= len(self._replies):
            return Reply.of_json({"why": "nobody should have asked for more"}, 418)
        reply = self._replies[number]
        if isinstance(reply, RawReply):
            return reply
        return self._with_origin(reply if isinstance(reply, Reply) else _json(reply))

    def _with_origin(self, reply: Reply) -> Reply:
        origin = self.origin
        headers = {name: value.replace("ORIGIN", origin) for name, value in reply.headers.items()}
        body = reply.body.replace(b"ORIGIN", origin.encode()) if isinstance(reply.body, bytes) else reply.body
        return Reply(reply.status, body, headers)


def _json(value: Any) -> Reply:
    body = value if isinstance(value, str) else json.dumps(value)
    return Reply(200, body.encode("utf-8", "surrogatepass"), {"Content-Type": "application/json"})
