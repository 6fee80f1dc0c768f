"""A checksum of a Parquet file's every byte, in its footer: pages have checksums of their own, and the footer has none.

Where a bit changes in the footer, there are fewer rows or columns of another type; and DuckDB verifies no page. The
file stays one of Parquet: the checksum is the value of a key that other readers pass over.
"""

from __future__ import annotations

import os
import re
import zlib
from typing import Any

_KEY = "osiris.crc32"
_OPEN = "0" * 8
"""In the place of the footer's own checksum while it is computed."""
# Key and value as Thrift's compact protocol writes them, each behind its length. The value is the checksum of what lies
# before the footer, and that of the footer.
_SEAL = re.compile(rb"\x0c" + re.escape(_KEY.encode()) + rb"\x18\x10([0-9a-f]{8})([0-9a-f]{8})")
_MAGIC = b"PAR1"
_TAIL = 8
"""Bytes behind the footer: its length, and the magic bytes."""
_READ_BYTES = 64 * 1024
_BLOCK_BYTES = 1024 * 1024
_DAMAGED = "its checksum is another one"


class SealedFile:
    """A file that takes the checksum of what is written to it into the footer.

    :param file: to write to.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._checksum = 0
        self._is_closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        """Write data; a footer gets its checksums."""
        if self._is_closing and (seal := _seal_in(data)):
            data = data[: seal.start(1)] + b"%08x" % self._checksum + data[seal.start(2) :]
            data = data[: seal.start(2)] + b"%08x" % zlib.crc32(data) + data[seal.end(2) :]
        self._checksum = zlib.crc32(data, self._checksum)
        return int(self._file.write(data))

    def close_with(self, writer: Any) -> None:
        """Have the footer, which a writer of Parquet writes next, take the checksums.

        :param writer: to this file, of pyarrow.
        """
        writer.add_key_value_metadata({_KEY: 2 * _OPEN})
        self._is_closing = True


def sealed_metadata(file: Any) -> Any:
    """Return the metadata of a Parquet file.

    :param file: open for reading.
    :raises ValueError: it is none, or its footer is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer, _ = _footer(file)
    return pq.read_metadata(pa.BufferReader(footer))


def verify(path: str) -> None:
    """Read a file and compare it with its checksum.

    :param path: on a mounted file system.
    :raises ValueError: a byte is not what was written.
    """
    with open(path, "rb") as file:
        footer, expected = _footer(file)
        rest = file.seek(0, os.SEEK_END) - len(footer)
        file.seek(0)
        actual = 0
        while block := file.read(min(rest, _BLOCK_BYTES)):
            actual = zlib.crc32(block, actual)
            rest -= len(block)
    if actual != expected:
        raise ValueError(_DAMAGED)


def _seal_in(data: bytes) -> re.Match[bytes] | None:
    """Return the last that looks like one: before it lie least and greatest values of columns, of any look."""
    seals = list(_SEAL.finditer(data))
    return seals[-1] if seals else None


def _footer(file: Any) -> tuple[bytes, int]:
    """Return the footer with what is behind it, and the checksum of what is before it."""
    size = file.seek(0, os.SEEK_END)
    end = _end(file, size, _READ_BYTES)
    length = int.from_bytes(end[-_TAIL:-4], "little") + _TAIL
    if length > len(end):
        end = _end(file, size, length)
    footer = end[-length:]
    seal = _seal_in(footer)
    if seal is not None and end.endswith(_MAGIC):
        actual = zlib.crc32(footer[: seal.start(2)] + _OPEN.encode() + footer[seal.end(2) : -_TAIL])
        if actual == int(seal[2], 16):
            return footer, int(seal[1], 16)
    raise ValueError(_DAMAGED)


def _end(file: Any, size: int, count: int) -> bytes:
    file.seek(max(0, size - count))
    return bytes(file.read(count))
