"""Cuts the rows of a result out of the bytes that come over the line, a block at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.connectors.mysql.login import HEADER
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.drivers.mysql.protocol.packet_index import packet_starts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARGIN: Final = 32
"""Bytes behind the last packet that may be looked at, though they mean nothing."""
MAX_PAYLOAD: Final = 0xFFFFFF
"""Length of a packet that goes on in the next one."""
MAX_ROW: Final = (1 << 31) - 1
"""Bytes of a row, as many as Arrow can point into."""
READ_BYTES: Final = 4 << 20
TERMINATORS: Final = (0xFE, 0xFF)
"""First bytes of the packets that end a result, EOF and ERR; a row starts with 0."""


class MalformedError(DiagnosedError):
    """The bytes are not what MySQL's protocol asks for.

    :param detail: what is wrong with them, for developers.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(GARBAGE)
        self.detail = detail


@dataclass(frozen=True)
class Rows:
    """Rows as they came: the bytes, and where in them each row's payload starts and ends."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)


class RowPackets:
    """Cuts a result into blocks of rows, until the packet that ends it; that one is then in :attr:`last`.

    :param read_into: puts what has come into a buffer and returns the number of bytes; 0 if the line was closed.
    :param max_rows: of a block.
    :param max_bytes: of a block; a row that is bigger is a block of its own.
    :param more: whether there is more to read right now, or in a moment.
    """

    def __init__(
        self,
        read_into: Callable[[memoryview], int],
        max_rows: int,
        max_bytes: int,
        more: Callable[[], bool] = lambda: False,
    ) -> None:
        self.last = b""
        self._read_into = read_into
        self._more = more
        self._max_rows = max_rows
        self._use(bytearray(max_bytes + MARGIN))
        self._filled = 0
        self._scanned = 0
        self._headers: list[NDArray[np.int64]] = []
        self._lengths = _short_lengths
        self._typical = max_bytes
        self._number: int | None = None

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows, some at a time. Their bytes are overwritten when the next ones are asked for.

        :raises MalformedError: this is not MySQL's protocol.
        :raises EOFError: the line was closed.
        :raises OSError: the line broke.
        """
        while not self.last:
            self._scan()
            giant = self._next_length() == MAX_PAYLOAD
            if not (self.last or giant or self._full()):
                self._read()
                continue
            yield from self._batches(everything=bool(self.last or giant))
            if giant:
                yield self._giant()
            self._make_room()

    def _use(self, buffer: bytearray) -> None:
        import numpy as np

        self._buffer = buffer
        self._data = np.frombuffer(buffer, dtype=np.uint8)

    def _scan(self) -> None:
        """Find the packets that are there as a whole."""
        import numpy as np

        starts = packet_starts(self._data, self._scanned, self._filled, self._typical)
        lengths = self._lengths(self._buffer, int(starts[-1]), self._filled)
        rest = np.cumsum(np.concatenate((starts[-1:], lengths.astype(np.int64) + HEADER)))
        if self._lengths is _short_lengths and (self._data[rest[:-1] + 1] | self._data[rest[:-1] + 2]).any():
            self._lengths = _long_lengths
            return self._scan()
        bounds = np.concatenate((starts[:-1], rest))
        complete = (rest[1:] <= self._filled) & (lengths != MAX_PAYLOAD)
        count = len(starts) - 1 + (len(lengths) if complete.all() else int(complete.argmin()))
        self._headers.append(bounds[:count])
        begun, self._scanned = self._scanned, int(bounds[count])
        if count:
            self._typical = (self._scanned - begun) // count
            self._note_last(bounds[count - 1] + HEADER)
        return None

    def _note_last(self, start: int) -> None:
        if start < self._scanned and self._buffer[start] in TERMINATORS:
            self.last = bytes(self._buffer[start : self._scanned])

    def _next_length(self) -> int:
        if self._filled - self._scanned < HEADER:
            return 0
        return int.from_bytes(self._buffer[self._scanned : self._scanned + 3], "little")

    def _full(self) -> bool:
        return sum(map(len, self._headers)) >= self._max_rows or self._filled == len(self._buffer) - MARGIN

    def _read(self) -> None:
        """Read until there is enough to be worth looking at, or nothing more comes for now."""
        end = min(len(self._buffer) - MARGIN, self._filled + READ_BYTES)
        with memoryview(self._buffer) as view:
            self._filled += self._received(view[self._filled : end])
            while self._filled < end and self._more():
                self._filled += self._received(view[self._filled : end])

    def _received(self, view: memoryview) -> int:
        count = self._read_into(view)
        if not count:
            message = "The server closed the line before the end of the result."
            raise EOFError(message)
        return count

    def _batches(self, *, everything: bool) -> Iterator[Rows]:
        """Yield the packets found; if not everything, then no batch that is smaller than it must be."""
        import numpy as np

        headers = np.concatenate([*self._headers, [self._scanned]])
        count = len(headers) - 1 - bool(self.last)
        if not everything and count > self._max_rows:
            count -= count % self._max_rows
        self._headers.clear()
        self._scanned = int(headers[count])
        self._check(self._data[headers[:count] + HEADER - 1])
        for first in range(0, count, self._max_rows):
            bounds = headers[first : min(first + self._max_rows, count) + 1]
            yield Rows(self._data, bounds[:-1] + HEADER, bounds[1:])

    def _check(self, numbers: Any) -> None:
        """A gap in the packets' numbers means that bytes got lost or that these are no packets."""
        import numpy as np

        if not len(numbers):
            return
        first, last = int(numbers[0]), int(numbers[-1])
        expected = first if self._number is None else (self._number + 1) & 0xFF
        if first != expected or (np.diff(numbers) != 1).any():
            message = "The packets of the result do not follow one another."
            raise MalformedError(message)
        self._number = last

    def _giant(self) -> Rows:
        """Put a row together that came in several packets, 16 MiB each."""
        import numpy as np

        payload = bytearray()
        length = MAX_PAYLOAD
        while length == MAX_PAYLOAD:
            header = self._exactly(HEADER)
            length = int.from_bytes(header[:3], "little")
            self._check(np.frombuffer(header, dtype=np.uint8)[3:])
            if len(payload) + length > MAX_ROW:
                message = "A row is longer than any row can be."
                raise MalformedError(message)
            payload += self._exactly(length)
        end = len(payload)
        payload += bytes(MARGIN)
        return Rows(np.frombuffer(payload, dtype=np.uint8), np.array([0]), np.array([end]))

    def _exactly(self, size: int) -> bytearray:
        piece = self._buffer[self._scanned : min(self._scanned + size, self._filled)]
        self._scanned += len(piece)
        have = len(piece)
        piece += bytes(size - have)
        with memoryview(piece) as view:
            while have < size:
                have += self._received(view[have:])
        return piece

    def _make_room(self) -> None:
        """Move what is left to the front of a buffer that has room for more."""
        rest = self._buffer[self._scanned : self._filled]
        if len(rest) == len(self._buffer) - MARGIN:
            self._use(bytearray(2 * len(self._buffer)))
        self._buffer[: len(rest)] = rest
        self._scanned, self._filled = 0, len(rest)


# The next two run once a row, so they check nothing; what they find is checked for all rows at once.


def _short_lengths(buffer: bytearray, position: int, filled: int) -> NDArray[Any]:
    """Return the lengths of packets, taking for granted that they are below 256."""
    import numpy as np

    lengths = bytearray()
    append, last_header = lengths.append, filled - HEADER
    while position <= last_header:
        length = buffer[position]
        append(length)
        position += HEADER + length
    return np.frombuffer(lengths, dtype=np.uint8)


def _long_lengths(buffer: bytearray, position: int, filled: int) -> NDArray[Any]:
    """Return the lengths of packets; the last one may not be there as a whole."""
    import numpy as np

    lengths = array("I")
    append, last_header = lengths.append, filled - HEADER
    while position <= last_header:
        length = buffer[position] | buffer[position + 1] << 8 | buffer[position + 2] << 16
        append(length)
        position += HEADER + length
    return np.frombuffer(lengths, dtype=np.uint32)
