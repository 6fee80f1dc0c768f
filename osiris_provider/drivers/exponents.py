"""Exponents that Arrow must not see: of ``1e-999999999`` it makes a decimal by reading beyond its tables, and crashes.

Texts come from files and peers; a process that dies by a signal tells no one which of them it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

DEEP = r"[eE]-[0-9]{4}"
"""In a text, as a regular expression; no decimal of Arrow has a thousandth of the digits."""
LOWER_CASE: Final = 0x20
NINE: Final = 9
PIECE: Final = 1 << 15
OVERLAP: Final = 5
"""Bytes of an exponent behind its letter."""


def are_deep(texts: pa.Array) -> pa.Array:
    """Return which texts are numbers that Arrow must not take for decimals; null where there is no text.

    :param texts: of a column.
    """
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, DEEP)


def has_exponents(block: bytes) -> bool:
    """Return whether a value in a block is such a number.

    :param block: lines of values with tabs between.
    """
    import numpy as np

    # A search for two letters or a regular expression takes as long as all else that is done with the texts. In pieces,
    # which stay in the processor's cache.
    data = np.frombuffer(block, dtype=np.uint8)
    for start in range(0, len(data), PIECE):
        for sign in _signs(data[start : start + PIECE + OVERLAP]):
            end = start + sign
            begin = max(block.rfind(b"\t", 0, end), block.rfind(b"\n", 0, end)) + 1
            # Parts of UUIDs look like it otherwise.
            if not block[begin : end - 1].strip(b"+-.0123456789"):
                return True
    return False


def _signs(data: NDArray[np.uint8]) -> list[int]:
    """Return where the signs of such exponents stand."""
    import numpy as np

    if len(data) <= OVERLAP:
        return []
    mask = data[1:-4] == ord("-")
    mask &= (data[:-5] | LOWER_CASE) == ord("e")
    mask &= data[2:-3] - ord("0") <= NINE
    if not mask.any():
        return []
    signs = np.flatnonzero(mask) + 1
    for offset in range(2, OVERLAP):
        signs = signs[data[signs + offset] - ord("0") <= NINE]
    return [int(sign) for sign in signs]


def decimals(texts: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Return texts as decimals.

    :param texts: of a column.
    :param dtype: a decimal.
    :raises pyarrow.ArrowInvalid: one of them is none of that type.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.any(are_deep(texts)).as_py():
        message = "a number has more digits than any decimal"
        raise pa.ArrowInvalid(message)
    return texts.cast(dtype)
