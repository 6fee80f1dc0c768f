"""Bodies that were packed, in whatever pieces they come."""

from __future__ import annotations

import gzip
import zlib

import pytest
from osiris_provider.connectors.http.unpack import unpacked
from urllib3.exceptions import DecodeError

# Two processes that collect tests have the same, whenever they do.
PACKED = gzip.compress(b"one", mtime=0)
RAW = zlib.compress(b"one")[2:-4]


@pytest.mark.parametrize(
    ("encoding", "pieces", "body"),
    [
        ("gzip", [], b""),
        # An answer to HEAD has the header, and no body.
        ("gzip", [b"", b""], b""),
        ("gzip", [b"", PACKED[:5], b"", PACKED[5:], b""], b"one"),
        ("x-gzip", [PACKED + PACKED], b"oneone"),
        ("gzip", [PACKED, PACKED], b"oneone"),
        ("gzip", [PACKED + b"\0" * 9, b"\0"], b"one"),
        ("deflate", [zlib.compress(b"one")], b"one"),
        ("deflate", [RAW], b"one"),
        # Only gzip has members.
        ("deflate", [RAW + b"\x1f", PACKED], b"one"),
    ],
)
def test_all_that_was_packed_comes_and_nothing_else(encoding: str, pieces: list[bytes], body: bytes) -> None:
    assert b"".join(unpacked(pieces, encoding)) == body


def test_a_piece_that_unpacks_to_much_comes_in_pieces() -> None:
    sizes = [len(piece) for piece in unpacked([gzip.compress(b" " * 1_000_000)], "gzip")]
    assert (sum(sizes), max(sizes)) == (1_000_000, 65536)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b"{}"), ("gzip", PACKED[:-8] + b"\0" * 8), ("gzip", zlib.compress(b"one")), ("deflate", PACKED)],
)
def test_what_is_not_packed_so_is_said(encoding: str, body: bytes) -> None:
    with pytest.raises(DecodeError, match=f"not a body of {encoding}"):
        list(unpacked([body], encoding))
