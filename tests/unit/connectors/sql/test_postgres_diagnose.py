"""Why a login to PostgreSQL failed, asked with a socket of our own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from osiris_provider.connectors.postgres import diagnose as asking
from osiris_provider.connectors.postgres.faults import AUTH_NOT_ALLOWED
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.net.deadline import Deadline

from tests.security.postgres.rogue import MD5, message

OTHER_VERSION = message(b"v", struct.pack("!II", 196608, 0))


class Line:
    """A line on which little arrives at a time, and more than is asked for is there."""

    def __init__(self, said: bytes, at_once: int) -> None:
        self.said, self.at_once = said, at_once

    def sendall(self, data: bytes) -> None:
        assert data

    def recv(self, size: int) -> bytes:
        size = min(size, self.at_once)
        piece, self.said = self.said[:size], self.said[size:]
        return piece

    def close(self) -> None:
        pass


@pytest.mark.parametrize("at_once", [1, 3, 4, 99])
@pytest.mark.parametrize("before", [b"", OTHER_VERSION])
def test_messages_are_read_to_their_ends_and_no_further(
    before: bytes, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    line: Any = Line(before + message(b"R", MD5) + b"more", at_once)
    monkeypatch.setattr(asking, "open_socket", lambda *_: line)
    known = {"host": "h", "port": "5432", "user": "u", "sslmode": "disable", "require_auth": "scram-sha-256"}
    assert asking.diagnose(Parameters(known), Deadline(5)) is AUTH_NOT_ALLOWED
    assert line.said == b"more"
