"""Encryption by Kerberos, which libpq asks for before all else where there is a ticket."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors import get_connector

from tests.faults.peers import Peer, hang_up
from tests.security.postgres.rogue import GSS_REQUEST, MD5, RoguePostgres

PASSWORD = "c4nary-pa55word"
REALM = b"EXAMPLE.COM"
HOUR = 3600


def _text(text: bytes) -> bytes:
    return struct.pack("!I", len(text)) + text


def _principal(*names: bytes) -> bytes:
    return struct.pack("!II", 1, len(names)) + _text(REALM) + b"".join(map(_text, names))


@pytest.fixture(autouse=True)
def ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a ticket that looks good until somebody opens it, in a cache of version 4."""
    now = int(time.time())
    user = _principal(b"ann")
    key = struct.pack("!H", 18) + _text(b"k" * 32)
    times = struct.pack("!IIII", now, now, now + HOUR, now + HOUR)
    nothing = bytes(1 + 4 + 4 + 4)
    ticket = user + _principal(b"krbtgt", REALM) + key + times + nothing + _text(b"\x61\x03\x30\x01\x00") + _text(b"")
    (tmp_path / "tickets").write_bytes(b"\5\4\0\0" + user + ticket)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'tickets'}")


def verdict_of(port: int, **fields: Any) -> tuple[str, str]:
    where = {"host": "127.0.0.1", "port": port, "user": "u", "password": PASSWORD}
    ok, verdict = get_connector("postgres").doctor({"family": "postgres", "alias": "x", **where, **fields}, 10)
    return ("ok", "") if ok else (verdict["details"]["fault"], verdict["message"])


def test_a_server_that_breaks_off_when_it_is_asked_for_kerberos_is_told_from_a_broken_one() -> None:
    with RoguePostgres(MD5, gss=b"") as server:
        fault, message = verdict_of(server.port)
        assert verdict_of(server.port, gssencmode="disable") == ("ok", "")
    assert server.requests[0] == GSS_REQUEST
    assert fault == "gss_refused"
    assert "gssencmode: disable" in message
    with Peer(hang_up) as broken:
        assert verdict_of(broken.port)[0] == "reset"


def test_a_server_without_kerberos_is_asked_on() -> None:
    with RoguePostgres(MD5) as server:
        assert verdict_of(server.port) == ("ok", "")
    assert GSS_REQUEST in server.requests


@pytest.mark.parametrize(
    ("answer", "fault"),
    [(b"N", "gss_refused"), (b"E", "gss_refused"), (b"G", "gss_failed"), (b"", "reset"), (b"H", "garbage")],
)
@pytest.mark.parametrize("by", ["field", "environment"])
def test_where_kerberos_is_required_nothing_is_said_without(
    answer: bytes, fault: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "environment":
        monkeypatch.setenv("PGGSSENCMODE", "require")
    with RoguePostgres(MD5, gss=answer) as server:
        assert verdict_of(server.port, **({"gssencmode": "require"} if by == "field" else {}))[0] == fault
    assert set(server.requests) == {GSS_REQUEST}
    assert server.startups == []


def test_a_ticket_that_is_missing_is_no_mistake_in_another_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", "FILE:/nowhere/tickets")
    with RoguePostgres(MD5, gss=b"G") as server:
        fault, message = verdict_of(server.port, gssencmode="require")
        assert verdict_of(server.port) == ("ok", "")
    assert (fault, "klist" in message) == ("gss_failed", True)
