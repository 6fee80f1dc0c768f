"""Breaking the line of a connection to PostgreSQL in another thread."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.postgres.client import hang_up


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
