"""As much of MongoDB as a ping needs: OP_MSG, and a login with SASL PLAIN."""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any

from typing_extensions import Self

from tests.servers.process import HOST

_HEADER = struct.Struct("<iiii")
_OP_QUERY, _OP_MSG = 2004, 2013


class MongoServer:
    """Takes one password, and counts those that it refuses; use it as a context manager."""

    def __init__(self, password: str) -> None:
        server = self
        self.refused = 0
        self._password = password

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while len(head := self.rfile.read(16)) == 16:
                    size, request, _, operation = _HEADER.unpack(head)
                    body = self.rfile.read(size - 16)
                    self.wfile.write(server.answer(request, operation, body))

        self._server = socketserver.ThreadingTCPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: int, operation: int, body: bytes) -> bytes:
        """Return the reply to a message."""
        from bson import decode, encode

        if operation == _OP_QUERY:
            document = decode(body[body.index(b"\0", 4) + 9 :])
            reply: bytes = struct.pack("<iqii", 8, 0, 0, 1) + encode(self._said(document))
            return _HEADER.pack(16 + len(reply), 1, request, 1) + reply
        reply = struct.pack("<iB", 0, 0) + encode(self._said(decode(body[5:])))
        return _HEADER.pack(16 + len(reply), 1, request, _OP_MSG) + reply

    def _said(self, command: dict[str, Any]) -> dict[str, Any]:
        if "saslStart" in command:
            if bytes(command["payload"]) == f"\0loader\0{self._password}".encode():
                return {"conversationId": 1, "done": True, "payload": b"", "ok": 1.0}
            self.refused += 1
            return {"ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed"}
        wire = {"minWireVersion": 0, "maxWireVersion": 25}
        limits = {"maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000}
        return {"helloOk": True, "isWritablePrimary": True, **limits, **wire, "ok": 1.0}
