"""Name servers that say nothing, or that they cannot."""

from __future__ import annotations

import functools
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest import mock

import pycares

HOST = "127.0.0.1"
NAME = "db.example.com"
SERVFAIL = 2
NXDOMAIN = 3
REFUSED = 5


@contextmanager
def name_server(answers: bool, code: int = SERVFAIL) -> Iterator[None]:
    """Have c-ares ask a name server of ours in the place of the system's.

    :param answers: False does not answer at all.
    :param code: that it answers; it says that it failed, unless something else is wanted.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        address = f"{HOST}:{server.getsockname()[1]}"
        thread = threading.Thread(target=_fail, args=(server, code), daemon=True)
        if answers:
            thread.start()
        # The rest of c-ares is real; only where it asks is ours, because resolv.conf belongs to the machine.
        with mock.patch("pycares.Channel", functools.partial(pycares.Channel, servers=[address])):
            yield
        # Wakes the thread; a datagram socket that is not connected complains about it.
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _fail(server: socket.socket, code: int) -> None:
    with suppress(OSError):
        while True:
            query, client = server.recvfrom(512)
            if not query:
                return
            flags = struct.pack("!H", 0x8180 | code)
            server.sendto(query[:2] + flags + query[4:], client)
