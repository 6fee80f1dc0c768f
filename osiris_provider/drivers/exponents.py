"""Exponents that Arrow must not see: of ``1e-999999999`` it makes a decimal by reading beyond its tables, and crashes.

Texts come from files and peers; a process that dies by a signal tells no one which of them it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DEEP = r"[eE]-[0-9]{4}"
"""In a text, as a regular expression; no decimal of Arrow has a thousandth of the digits."""


def are_deep(texts: pa.Array) -> pa.Array:
    """Return which texts are numbers that Arrow must not take for decimals; null where there is no text.

    :param texts: of a column.
    """
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, DEEP)


def has_exponents(block: bytes) -> bool:
    """Return whether there is such a number somewhere in many texts, or what looks like it, such as a part of a UUID.

    :param block: of texts.
    """
    return any(_follows(block, sign) for sign in (b"e-", b"E-"))


def _follows(block: bytes, sign: bytes) -> bool:
    position = block.find(sign)
    while position >= 0:
        if block[position + 2 : position + 6].isdigit():
            return True
        position = block.find(sign, position + 2)
    return False


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
