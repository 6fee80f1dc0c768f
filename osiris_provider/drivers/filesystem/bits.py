"""Sets of positions in some bytes, 64 of them in a word: what is true of each byte is asked of all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint64]
    Positions = npt.NDArray[np.int64]


def bits(mask: npt.NDArray[np.bool_]) -> Bits:
    """Return the positions of what is true.

    :param mask: a truth value of each byte.
    """
    import numpy as np

    packed = np.packbits(mask, bitorder="little")
    padded = np.zeros(-(-len(packed) // 8) * 8, np.uint8)
    padded[: len(packed)] = packed
    return padded.view(np.uint64)


def positions(bits: Bits, count: int) -> Positions:
    """Return the positions as numbers.

    :param count: only those below it.
    """
    import numpy as np

    return np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little", count=count).view(np.bool_))


def between(quotes: Bits) -> Bits:
    """Return which bytes have an odd number of quotes up to them: a prefix sum modulo two."""
    import numpy as np

    inside = quotes.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(shift)
    carry = np.bitwise_xor.accumulate(inside >> np.uint64(63))
    inside[1:] ^= np.uint64(0) - carry[:-1]
    return inside


def before(bits: Bits) -> Bits:
    """Return which bytes come right after one that is set."""
    import numpy as np

    moved = bits << np.uint64(1)
    moved[1:] |= bits[:-1] >> np.uint64(63)
    return moved


def after(bits: Bits) -> Bits:
    """Return which bytes come right before one that is set."""
    import numpy as np

    moved = bits >> np.uint64(1)
    moved[:-1] |= bits[1:] << np.uint64(63)
    return moved


def bit(bits: Bits, position: int) -> bool:
    """Return whether a position is in the set."""
    return bool(bits[position // 64] & one(position))


def one(position: int) -> np.uint64:
    """Return the word, of those that have a position, in which only that is set."""
    import numpy as np

    return np.uint64(1) << np.uint64(position % 64)
