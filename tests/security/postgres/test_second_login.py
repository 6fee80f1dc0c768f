"""A client logs in twice, and goes the same way again; what has let it in is then no longer looked at as a login."""

from __future__ import annotations

import socket
import struct
from contextlib import closing
from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.faults import TLS_REQUIRED
from osiris_provider.connectors.postgres.login_messages import MAX_ITERATIONS
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from tests.faults.peers import shut
from tests.security.postgres.rogue import ACCEPTED, MD5, RoguePostgres, error, message

POSTGRES: Any = get_connector("postgres")


def fields_of(rogue: RoguePostgres, **fields: Any) -> dict[str, Any]:
    where = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": "c4nary-pa55word"}
    return {"family": "postgres", "alias": "x", **where, **fields}


@pytest.mark.parametrize(
    ("asks", "given", "ways"),
    [
        (ACCEPTED, {}, "!password,!scram-sha-256"),
        (MD5, {}, "!password,!scram-sha-256"),
        (MD5, {"require_auth": "md5,scram-sha-256"}, "md5"),
        (ACCEPTED, {"require_auth": "!md5"}, "!md5,!password,!scram-sha-256"),
    ],
)
def test_the_second_login_gives_away_no_more_than_the_first(asks: bytes, given: dict[str, str], ways: str) -> None:
    with RoguePostgres(asks) as rogue, closing(POSTGRES.create_client(fields_of(rogue, **given))) as client:
        known = client.get_dsn_parameters()
        assert (known["require_auth"], known["sslmode"], known["hostaddr"]) == (ways, "disable", "127.0.0.1")
        # It has the time that the first has left, in seconds.
        assert 1 <= int(known["connect_timeout"]) <= 10
        assert rogue.startups[0] == rogue.startups[1]


class Reciting(RoguePostgres):
    """Has rows that look like a challenge of a login."""

    row = message(b"R", struct.pack("!I", 11) + b"r=nonce,s=c2FsdA==,i=%d" % (MAX_ITERATIONS + 1))


def test_what_a_server_says_after_the_login_is_no_challenge() -> None:
    with Reciting(MD5) as rogue:
        ok, verdict = POSTGRES.doctor(fields_of(rogue), 5)
    assert ok, verdict


class Leaving(RoguePostgres):
    """Refuses the first login and is gone by the second."""

    def _login(self, sock: socket.socket) -> None:
        shut(self._listener)
        super()._login(sock)


def test_a_server_that_has_gone_has_not_asked_for_tls() -> None:
    with Leaving(error(b"no entry", b"28000")) as rogue:
        _, verdict = POSTGRES.doctor(fields_of(rogue, sslmode="disable"), 5)
    assert verdict["details"]["fault"] not in ("ok", TLS_REQUIRED.slug)


class Unwatching(RoguePostgres):
    """Cannot look at a line while it works, as on some systems."""

    def _answered(self, asked: bytes) -> bytes:
        if asked.startswith(b"SET"):
            return error(b"no", b"22023") + message(b"Z", b"E")
        return message(b"C", b"ROLLBACK\0") + message(b"Z", b"I" if asked.startswith(b"ROLLBACK") else b"T")


def test_a_server_that_cannot_watch_the_line_leaves_no_transaction_behind() -> None:
    with Unwatching(MD5) as rogue, closing(POSTGRES.create_client(fields_of(rogue))) as client:
        assert client.info.transaction_status == TRANSACTION_STATUS_IDLE
    assert b"SET client_connection_check_interval" in rogue.received
