"""The line of a connection to PostgreSQL: what is carried over it, and how another thread breaks it."""

from __future__ import annotations

import os
import socket
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.postgres.client import hang_up
from osiris_provider.connectors.postgres.line import GSS_REQUEST, PIECE, Line, wait
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.net.deadline import Deadline
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE

from tests.security.postgres.rogue import message

ACCEPTED = message(b"R", bytes(4))


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_the_line_that_has_the_number_of_one_that_was_closed_meanwhile_stays(closed: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection: Any = SimpleNamespace(fileno=ours.fileno, closed=closed)
        hang_up(connection)
        theirs.setblocking(False)
        if closed:
            with pytest.raises(BlockingIOError):
                theirs.recv(1)
        else:
            assert theirs.recv(1) == b""


def test_a_line_carries_what_both_sides_say() -> None:
    line, deadline = Line(), Deadline(5)
    libpq, server = socket.socketpair()
    libpq.settimeout(2)
    server.settimeout(2)
    with libpq, server:
        line.wait(libpq.fileno(), POLL_WRITE, deadline)
        # A program that this process starts does not get it.
        assert not libpq.get_inheritable()
        for said in (GSS_REQUEST, b"x" * (PIECE + 1)):
            libpq.sendall(said)
            line.wait(libpq.fileno(), POLL_WRITE, deadline)
            assert server.recv(len(said), socket.MSG_WAITALL) == said
            assert line.asks_for_gss is (said is GSS_REQUEST)
        server.sendall(b"answer")
        libpq.sendall(b"more")
        line.wait(libpq.fileno(), POLL_READ, deadline)
        assert (libpq.recv(99), server.recv(99), line.ended) == (b"answer", b"more", False)
        server.shutdown(socket.SHUT_WR)
        line.wait(libpq.fileno(), POLL_READ, deadline)
        assert (libpq.recv(99), line.ended) == (b"", True)
        line.close()


def test_a_line_that_libpq_opens_instead_of_another_is_taken_over_too() -> None:
    line, deadline = Line(), Deadline(5)
    libpq, first = socket.socketpair()
    libpq.settimeout(2)
    with libpq, first:
        first.sendall(ACCEPTED)
        line.wait(libpq.fileno(), POLL_READ, deadline)
        assert (libpq.recv(99), line.messages.lacks_proof) == (ACCEPTED, True)
        libpq.sendall(b"last words")
        other, second = socket.socketpair()
        with second:
            with other:
                os.dup2(other.fileno(), libpq.fileno())
            second.sendall(b"answer")
            line.wait(libpq.fileno(), POLL_READ, deadline)
            assert (libpq.recv(99), line.messages.lacks_proof) == (b"answer", False)
        assert (first.recv(99), first.recv(99)) == (b"last words", b"")
        line.close()


# As a message of the login it asks for more hashes than a login may cost; in a row it is a text like any other.
EXPENSIVE = message(b"R", struct.pack("!I", 11) + b"r=a,s=b,i=2000000")


@pytest.mark.parametrize("logged_in", [False, True])
def test_only_what_comes_until_the_login_is_looked_at(logged_in: bool) -> None:
    line, deadline = Line(), Deadline(5)
    assert (line.logged_in, line.ended, line.asks_for_gss) == (False, False, False)
    if logged_in:
        accepted: Any = SimpleNamespace(line=line, poll=lambda: POLL_OK)
        wait(accepted, deadline)
    libpq, server = socket.socketpair()
    libpq.settimeout(2)
    with libpq, server:
        server.sendall(EXPENSIVE)
        if logged_in:
            line.wait(libpq.fileno(), POLL_READ, deadline)
            assert libpq.recv(99) == EXPENSIVE
        else:
            with pytest.raises(DiagnosedError):
                line.wait(libpq.fileno(), POLL_READ, deadline)
        line.close()


@pytest.mark.parametrize("closed", [True, False])
def test_what_libpq_has_said_last_is_sent_if_that_needs_no_waiting(closed: bool) -> None:
    line, deadline = Line(), Deadline(5)
    libpq, server = socket.socketpair()
    with libpq, server:
        line.wait(libpq.fileno(), POLL_WRITE, deadline)
        libpq.sendall(b"goodbye")
        if closed:
            libpq.shutdown(socket.SHUT_RDWR)
        line.close()
        assert (server.recv(99), server.recv(99)) == (b"goodbye", b"")
        # Once it is closed there is nothing to close.
        line.close()
