"""Bodies that were packed on their way, read to their end: one that breaks off is not taken for a whole one.

urllib3 unpacks as much as there is. What was cut off is then missing without a word: of lines of JSON the last
ones.
"""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Iterable, Iterator

PIECE = 64 * 1024
ENCODINGS = ("gzip", "x-gzip", "deflate")
"""Content encodings that are unpacked here."""
# What zlib calls the size of the window, and the header.
_GZIP, _ZLIB, _RAW = 31, 15, -15
_MEMBER = b"\x1f"


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield a body as it was before it was packed, in pieces of at most 64 KiB.

    :param pieces: of the body, as they come.
    :param encoding: one of :data:`ENCODINGS`.
    :raises http.client.IncompleteRead: it breaks off.
    :raises urllib3.exceptions.DecodeError: it is not packed so.
    """
    from urllib3.exceptions import DecodeError

    try:
        yield from _unpacked(pieces, _ZLIB if encoding == "deflate" else _GZIP)
    except zlib.error as error:
        message = f"not a body of {encoding}"
        raise DecodeError(message) from error


def _unpacked(pieces: Iterable[bytes], wbits: int) -> Iterator[bytes]:
    unpacker = None
    for piece in filter(None, pieces):
        left, unpacker = piece, unpacker or _unpacker(piece, wbits)
        while left:
            if unpacker.eof:
                # Several members are one body; anything else behind the last one is padding.
                if wbits != _GZIP or not left.startswith(_MEMBER):
                    break
                unpacker = zlib.decompressobj(wbits)
            yield unpacker.decompress(left, PIECE)
            left = unpacker.unconsumed_tail or unpacker.unused_data
    if unpacker is None:
        return
    yield unpacker.flush()
    if not unpacker.eof:
        nothing = b""
        raise http.client.IncompleteRead(nothing)


def _unpacker(start: bytes, wbits: int) -> zlib._Decompress:
    if wbits == _ZLIB and start[0] & 0x0F != zlib.DEFLATED:
        # What some servers call deflate has no header.
        return zlib.decompressobj(_RAW)
    return zlib.decompressobj(wbits)
