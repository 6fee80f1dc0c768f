"""Why a login to PostgreSQL failed, asked with a socket of our own."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from osiris_provider.connectors.faults import GARBAGE, RESET, TLS_REFUSED
from osiris_provider.connectors.postgres import diagnose as asking
from osiris_provider.connectors.postgres.faults import (
    AUTH_NOT_ALLOWED,
    CLEAR_PASSWORD,
    DATABASE_DENIED,
    NO_CHANNEL_BINDING,
)
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline

from tests.security.postgres.rogue import MD5, message

OTHER_VERSION = message(b"v", struct.pack("!II", 196608, 0))


class Line:
    """A line on which little arrives at a time, and more than is asked for is there."""

    def __init__(self, said: bytes, at_once: int) -> None:
        self.said, self.at_once, self.heard = said, at_once, b""

    def sendall(self, data: bytes) -> None:
        self.heard += data

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


@pytest.mark.parametrize("database", [{}, {"dbname": ""}, {"dbname": "d"}])
def test_a_server_is_told_who_is_there_and_no_more(database: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    line: Any = Line(message(b"R", MD5), 99)
    monkeypatch.setattr(asking, "open_socket", lambda *_: line)
    known = {"host": "h", "port": "5432", "user": "ann", "sslmode": "disable", "password": "right", **database}
    assert asking.diagnose(Parameters(known), Deadline(5)) is RESET
    said = b"user\0ann\0database\0" + (database.get("dbname") or "ann").encode() + b"\0\0"
    assert line.heard == struct.pack("!II", 8 + len(said), 196608) + said


@pytest.mark.parametrize(
    ("host", "path"),
    [("/run", "/run/.s.PGSQL.5432"), ("/a@b", "/a@b/.s.PGSQL.5432"), ("@abstract", "\0abstract/.s.PGSQL.5432")],
)
def test_a_server_on_this_machine_is_asked_at_its_socket(host: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: Any = {path: Line(message(b"R", MD5), 99)}
    monkeypatch.setattr(asking, "open_local", lambda path, _: lines[path])
    known = {"host": host, "port": "5432", "user": "u", "sslmode": "require", "require_auth": "scram-sha-256"}
    assert asking.diagnose(Parameters(known), Deadline(5)) is AUTH_NOT_ALLOWED


PLUS, SCRAM = b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"


def asks(number: int, *names: bytes) -> bytes:
    """Return the message with which a server asks for a way to log in."""
    return message(b"R", struct.pack("!I", number) + b"".join(name + b"\0" for name in (*names, b"")))


@pytest.mark.parametrize(
    ("said", "fields", "fault"),
    [
        (asks(10, PLUS, SCRAM), {"channel_binding": "require"}, RESET),
        (asks(10, SCRAM, PLUS), {"channel_binding": "require"}, RESET),
        (asks(10, SCRAM), {"channel_binding": "require"}, NO_CHANNEL_BINDING),
        (asks(10, SCRAM), {}, RESET),
        (asks(5), {"channel_binding": "require"}, NO_CHANNEL_BINDING),
        (asks(3), {"require_auth": "!password"}, CLEAR_PASSWORD),
        (asks(3), {"require_auth": "!password", "sslmode": "prefer"}, AUTH_NOT_ALLOWED),
        (asks(9), {"require_auth": "!password"}, RESET),
        (asks(4711), {"require_auth": "md5"}, AUTH_NOT_ALLOWED),
        (message(b"R", struct.pack("!I", 3)), {"require_auth": "!password"}, CLEAR_PASSWORD),
        (message(b"v", b"") + asks(3), {"require_auth": "!password"}, CLEAR_PASSWORD),
        (message(b"E", b"SFATAL\0C42501\0C53300\0Msecret\0\0"), {}, DATABASE_DENIED),
        (message(b"E", b"Msecret\0\0"), {}, RESET),
        (message(b"E", b"C\xff\xff\0\0"), {}, RESET),
        (message(b"R", b"abc"), {}, GARBAGE),
        (message(b"H", b"abc"), {}, GARBAGE),
        (b"R\0\0\0\3", {}, GARBAGE),
        (b"R\0\0\0", {}, RESET),
        (b"", {}, RESET),
    ],
)
def test_what_a_server_asks_for_says_why(
    said: bytes, fields: dict[str, str], fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "N": it has no TLS.
    line: Any = Line(b"N" * ("sslmode" in fields) + said, 99)
    monkeypatch.setattr(asking, "open_socket", lambda *_: line)
    known = {"host": "h", "port": "5432", "user": "u", "sslmode": "disable", **fields}
    assert asking.diagnose(Parameters(known), Deadline(5)) is fault


@pytest.mark.parametrize(
    ("answer", "mode", "fault"),
    [
        (b"", "prefer", RESET),
        (b"", "require", RESET),
        (b"E", "prefer", GARBAGE),
        (b"H", "require", GARBAGE),
        (b"N", "prefer", AUTH_NOT_ALLOWED),
        (b"N", "require", TLS_REFUSED),
        (b"N", "verify-ca", TLS_REFUSED),
        (b"N", "verify-full", TLS_REFUSED),
    ],
)
def test_a_server_is_asked_whether_it_has_tls(
    answer: bytes, mode: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    line: Any = Line(answer + message(b"R", MD5) * (answer == b"N"), 99)
    monkeypatch.setattr(asking, "open_socket", lambda *_: line)
    known = {"host": "h", "port": "5432", "user": "u", "sslmode": mode, "require_auth": "scram-sha-256"}
    assert asking.diagnose(Parameters(known), Deadline(5)) is fault
    asked, said = line.heard[:8], line.heard[8:]
    assert asked == struct.pack("!II", 8, 80877103)
    assert bool(said) is (fault is AUTH_NOT_ALLOWED)


WAYS = {0: "none", 3: "password", 5: "md5", 7: "gss", 9: "sspi", 10: "scram-sha-256"}


@pytest.mark.parametrize("number", WAYS)
def test_a_way_to_log_in_is_allowed_by_its_name(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for allowed, fault in ((WAYS[number], RESET), (f"!{WAYS[number]}", AUTH_NOT_ALLOWED)):
        line: Any = Line(b"N" + asks(number), 99)
        monkeypatch.setattr(asking, "open_socket", lambda *_, line=line: line)
        known = {"host": "h", "port": "5432", "user": "u", "sslmode": "prefer", "require_auth": allowed}
        assert asking.diagnose(Parameters(known), Deadline(5)) is fault
