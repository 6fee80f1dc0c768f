"""As much of MongoDB as a ping needs: OP_MSG, and a login with SASL PLAIN."""

from __future__ import annotations

import struct
from io import BufferedIOBase
from typing import Any

from tests.hooks.servers.tcp import Imitation, exactly

_HEADER = struct.Struct("<iiii")
_OP_QUERY, _OP_MSG = 2004, 2013


class MongoServer(Imitation):
    """Takes one password.

    :param password: of any user.
    """

    def __init__(self, password: str) -> None:
        super().__init__()
        self._password = password

    def talk(self, incoming: BufferedIOBase, outgoing: BufferedIOBase) -> None:
        """Serve one client."""
        while True:
            size, request, _, operation = _HEADER.unpack(exactly(incoming, _HEADER.size))
            outgoing.write(self._answer(request, operation, exactly(incoming, size - _HEADER.size)))

    def _answer(self, request: int, operation: int, body: bytes) -> bytes:
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
