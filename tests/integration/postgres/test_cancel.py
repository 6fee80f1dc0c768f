"""A statement of PostgreSQL's is ended by a request on a line of its own, which may be answered late, or never."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.drivers.postgres.copy_out.stream import open_stream

from tests.faults.peers import HOST, Manner, Peer, forward, hang_up, silent
from tests.integration.stopping import AT_ONCE
from tests.servers import Address

CANCEL = struct.pack("!I", 80877102)
"""What such a request begins with, behind its length."""
ROOT = Path(__file__).parents[3]
BEFORE = 0.3
TOO_LONG = 30

PROGRAM = """\
import json, signal, sys, time
from osiris_provider.connectors import get_connector

class OutOfTimeError(BaseException):
    pass

def handle(*_):
    raise OutOfTimeError

connection, before = json.loads(sys.argv[1])
client = get_connector("postgres").create_client(connection)
signal.signal(signal.SIGALRM, handle)
began = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, before)
try:
    client.cursor().execute("SELECT pg_sleep(60)")
except OutOfTimeError:
    print(time.monotonic() - began - before)
"""


def proxy(port: int, cancelling: Manner) -> Manner:
    """Be a proxy to a server, and treat requests to cancel in another manner.

    :param port: of the server.
    """
    to_server = forward(port)

    def manner(peer: Peer, client: socket.socket) -> None:
        cancels = client.recv(8, socket.MSG_PEEK | socket.MSG_WAITALL)[4:] == CANCEL
        (cancelling if cancels else to_server)(peer, client)

    return manner


def late(port: int, seconds: float) -> Manner:
    """Hand a request on when some time has passed, and hang up when the server does."""

    def manner(peer: Peer, client: socket.socket) -> None:
        if not peer.stopping.wait(seconds):
            with socket.create_connection((HOST, port)) as server:
                server.sendall(client.recv(64))
                server.recv(1)
            hang_up(peer, client)

    return manner


def by_way_of(peer: Peer, address: Address) -> dict[str, Any]:
    return {"family": "postgres", "alias": "test", **asdict(address), "host": HOST, "port": peer.port}


def test_a_request_that_is_not_answered_stops_no_other_thread(postgres_database: Address) -> None:
    """In a process of its own: where all threads stand still, none could say so."""
    with Peer(proxy(postgres_database.port, silent)) as peer:
        given = json.dumps([by_way_of(peer, postgres_database), BEFORE])
        command = [sys.executable, "-c", PROGRAM, given]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=TOO_LONG)
    assert float(done.stdout) < AT_ONCE


def left_half_way(connection: Any) -> None:
    """Leave a stream whose rest comes at once, before a request to cancel can."""
    stream = open_stream(connection, "SELECT generate_series(1, 300000) AS i", block_bytes=10_000)
    next(stream)
    stream.close()


def test_a_request_that_comes_late_ends_no_other_statement(postgres_database: Address) -> None:
    """Where a column turns out to need text, reading begins again on the same connection."""
    create_client = get_connector("postgres").create_client
    with (
        Peer(proxy(postgres_database.port, late(postgres_database.port, 0.3))) as peer,
        closing(create_client(by_way_of(peer, postgres_database))) as client,
    ):
        left_half_way(client)
        with client.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.6)::text, 1")
            assert cursor.fetchall() == [("", 1)]


def test_a_client_whose_request_may_still_come_is_not_used_again(postgres_database: Address) -> None:
    connector = get_connector("postgres")
    with Peer(proxy(postgres_database.port, late(postgres_database.port, 1.2))) as peer:
        connection = by_way_of(peer, postgres_database)
        client = connector.client(connection)
        began = time.monotonic()
        left_half_way(client)
        assert time.monotonic() - began < AT_ONCE
        with pytest.raises(psycopg2.Error), client.cursor() as cursor:
            cursor.execute("SELECT 1")
        other = connector.client(connection)
        assert other is not client
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)::text, 1")
            assert cursor.fetchall() == [("", 1)]
        connector.close_all()


def test_a_request_to_a_server_that_is_gone_says_so(postgres_database: Address) -> None:
    with Peer(proxy(postgres_database.port, silent)) as peer:
        client = get_connector("postgres").create_client(by_way_of(peer, postgres_database))
    with closing(client), pytest.raises(psycopg2.OperationalError, match="PQcancel"):
        client.cancel()
