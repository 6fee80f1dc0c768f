"""A server that has the password hashed without end: libpq would do it, and nothing else would go on meanwhile."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.postgres.auth import without
from osiris_provider.connectors.postgres.login_messages import LoginMessages
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import ConnectorError, NetworkError
from osiris_provider.net.deadline import Deadline

from tests.security.postgres.rogue import ACCEPTED, MD5, SCRAM, RoguePostgres, message

POSTGRES: Any = get_connector("postgres")
MANY = 30_000_000
"""Takes longer than any check here, and yet ends."""
SECONDS = 2.0


def fields_of(rogue: RoguePostgres, **fields: Any) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": "c4nary-pa55word", "database": "d"}
    return {"family": "postgres", "alias": "x", **where, **fields}


@pytest.fixture(params=[b"N", "tls", "small records"])
def tls(request: pytest.FixtureRequest) -> Any:
    """Return what a server answers to the request for TLS, and whether it says each byte on its own."""
    if request.param == b"N":
        return b"N", False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context, request.param == "small records"


class Slicing(RoguePostgres):
    """Sends each byte of a login in a record of its own."""

    def _login(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send = sock.sendall
        sock.sendall = lambda data: [send(bytes([byte])) for byte in data]  # type: ignore[assignment, misc] # a socket is to slice
        super()._login(sock)


class Changing(RoguePostgres):
    """Lets the first login in, and has the next one hash."""

    def _login(self, sock: socket.socket) -> None:
        if len(self.startups) > 1:
            self._asks = SCRAM
        super()._login(sock)


@contextmanager
def soon() -> Iterator[None]:
    started, cpu = time.monotonic(), time.process_time()
    yield
    assert time.monotonic() - started < SECONDS + 0.25
    assert time.process_time() - cpu < SECONDS


def test_a_hash_without_end_is_not_computed(tls: Any) -> None:
    rogue_class = Slicing if tls[1] else RoguePostgres
    with rogue_class(SCRAM, tls=tls[0], iterations=MANY) as rogue:
        with soon():
            ok, verdict = POSTGRES.doctor(fields_of(rogue), SECONDS)
        with soon(), pytest.raises(NetworkError, match="more than a million iterations"):
            POSTGRES.create_client(fields_of(rogue))
    assert (ok, verdict["details"]) == (False, {"fault": "too_many_iterations", "retryable": False})


@pytest.mark.parametrize("asks", [ACCEPTED, MD5], ids=["nothing", "md5"])
def test_nor_at_the_second_login(asks: bytes, tls: Any) -> None:
    with Changing(asks, tls=tls[0], iterations=MANY) as rogue, soon(), pytest.raises(ConnectorError):
        POSTGRES.create_client(fields_of(rogue))
    assert len(rogue.startups) > 1


def test_there_is_time_for_what_is_left_only() -> None:
    cpu = time.process_time()
    with RoguePostgres(SCRAM, iterations=1_000_000) as rogue:
        _, verdict = POSTGRES.doctor(fields_of(rogue), 0.5)
    assert verdict["category"] == "timeout"
    assert time.process_time() - cpu < 0.3


def take_in_bytes(said: bytes) -> None:
    seen = LoginMessages()
    for byte in said:
        seen.take(bytes([byte]), Deadline(5))


@pytest.mark.parametrize("iterations", [b"2147483647", b" \t+2147483647", b"4294971392", b"1,i=2147483647"])
def test_what_libpq_reads_as_a_number_is_one(iterations: bytes) -> None:
    challenge = message(b"R", b"\0\0\0\x0br=nonce,s=c2FsdA==,i=" + iterations)
    # What libpq leaves of a message is the beginning of the next one to it.
    for said in (challenge, message(b"R", b"\0\0\0\x03" + challenge)):
        with pytest.raises(DiagnosedError):
            take_in_bytes(said)


def test_require_auth_without_a_way() -> None:
    assert without("", "scram-sha-256") == "!scram-sha-256"
    assert without("!password", "scram-sha-256") == "!password,!scram-sha-256"
    assert without("md5,scram-sha-256", "scram-sha-256") == "md5"
    assert without("md5", "scram-sha-256") == "md5"
    assert without("password", "password") == "!password"
