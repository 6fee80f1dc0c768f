"""What a server says until it has let a client in, seen before libpq acts on it.

With scram-sha-256 a server says how often the password is to be hashed. libpq does that at once, for twenty minutes
where the number is high, and psycopg2 lets nothing else in this process go on meanwhile.
"""

from __future__ import annotations

import ctypes
import re
import struct
from typing import TYPE_CHECKING, Final

from osiris_provider.connectors.postgres.faults import TOO_MANY_ITERATIONS
from osiris_provider.connectors.postgres.library import libpq, tls_handle
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.net.deadline import Deadline

if TYPE_CHECKING:
    from psycopg2 import extensions

MAX_ITERATIONS: Final = 1_000_000
"""Of the hash. Servers ask for 4,096 unless their ``scram_iterations`` says otherwise."""
PER_SECOND: Final = 400_000
"""That a machine computes which has other work, too."""
LONGEST: Final = 2_000
"""Bytes of a message that asks for a login; libpq takes no longer ones."""
RECORD: Final = 1 << 14
"""Bytes of TLS that belong together, at the most."""

_SASL, _CONTINUE, _FINAL = 10, 11, 12
# Anywhere: what libpq leaves of a message is the beginning of the next one to it.
_CHALLENGE: Final = re.compile(rb"R(?=(.{4})\0\0\0\x0b)", re.DOTALL)
_ITERATIONS: Final = re.compile(rb"i=\s*\+?(\d+)")


class LoginMessages:
    """What a server has said on one line, inside TLS if that is used."""

    def __init__(self) -> None:
        self._plain = _Said()
        self._encrypted = _Said()

    def take(self, data: bytes, deadline: Deadline) -> None:
        """Look at what has arrived before libpq gets it.

        :param data: as it arrived; of TLS nothing can be seen in it.
        :param deadline: of the login.
        :raises DiagnosedError: the server asks for a hash that takes too long.
        :raises TimeoutError: there is no time for it any more.
        """
        self._plain.take(data, deadline)

    def peek(self, connection: extensions.connection, deadline: Deadline) -> None:
        """Look at what libpq would read next inside TLS, and leave it there.

        :param connection: of psycopg2.
        :param deadline: of the login.
        :raises DiagnosedError: as :meth:`take`.
        :raises TimeoutError: as :meth:`take`.
        """
        library, handle = libpq(), tls_handle(connection)
        if handle and library.SSL_is_init_finished(handle) and not library.SSL_pending(handle):
            buffer = ctypes.create_string_buffer(RECORD)
            size = library.SSL_peek(handle, buffer, RECORD)
            # What went wrong goes wrong for libpq again.
            library.ERR_clear_error()
            self._encrypted.take(buffer.raw[: max(size, 0)], deadline)

    @property
    def lacks_proof(self) -> bool:
        """Whether the server was seen to log somebody in without a proof that it knows the password."""
        said = self._encrypted if self._encrypted.head else self._plain
        asked = said.asked()
        return bool(asked) and asked[:3] != [_SASL, _CONTINUE, _FINAL]


class _Said:
    """A stream of messages.

    :ivar head: its beginning, in which a login has room.
    """

    def __init__(self) -> None:
        self.head = b""
        self._tail = b""

    def take(self, data: bytes, deadline: Deadline) -> None:
        self.head += data[: 8 * LONGEST - len(self.head)]
        self._tail += data
        for challenge in _CHALLENGE.finditer(self._tail):
            (length,) = struct.unpack("!I", challenge[1])
            text = self._tail[challenge.start() + 9 : challenge.start() + 1 + length]
            if length <= LONGEST and len(text) == length - 8:
                _check(text, deadline)
        self._tail = self._tail[-LONGEST:]

    def asked(self) -> list[int]:
        """Return the numbers of what the server has asked for, as far as they are beyond doubt."""
        said = self.head.lstrip(b"N")
        asked: list[int] = []
        while said[:1] == b"R" and len(said) >= 9:
            length, number = struct.unpack("!II", said[1:9])
            body, said = said[9 : 1 + length], said[1 + length :]
            is_list = body.endswith(b"\0\0") and body.index(b"\0\0") == len(body) - 2
            asked.append(-1 if number == _SASL and not is_list else number)
        return asked


def _check(text: bytes, deadline: Deadline) -> None:
    numbers = [int(number[1]) for part in text.split(b",") if (number := _ITERATIONS.match(part))]
    iterations = max(numbers, default=0)
    if iterations > MAX_ITERATIONS:
        raise DiagnosedError(TOO_MANY_ITERATIONS)
    if iterations > deadline.remaining() * PER_SECOND:
        message = "the hash that the server asks for takes longer than there is time"
        raise TimeoutError(message)
