"""Exponents that Arrow must not see: of ``1e-999999999`` it makes a decimal by reading beyond its tables, and crashes.

Texts come from files and peers; a process that dies by a signal tells no one which of them it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

DEEP = r"[eE]-[0-9]{4}"
"""In a text, as a regular expression; no decimal of Arrow has a thousandth of the digits."""
LOWER_CASE: Final = 0x20
NINE: Final = 9
DIGITS: Final = 4
NUMERALS: Final = b".0123456789"
SEPARATORS: Final = b"\t\n"
_REST_OF_NUMBER: Final = re.compile(rb"[0-9]+(?=[\t\n]|\Z)")


def are_deep(texts: pa.Array) -> pa.Array:
    """Return which texts are numbers that Arrow must not take for decimals; null where there is no text.

    :param texts: of a column.
    """
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, DEEP)


def has_exponents(block: bytes | memoryview) -> bool:
    """Return whether a value in a block is such a number.

    :param block: lines of values with tabs between.
    """
    import numpy as np

    # A search for two letters or a regular expression takes as long as all else that is done with the texts.
    data = np.frombuffer(block, dtype=np.uint8)
    signs = np.flatnonzero(data[1:-DIGITS] == ord("-")) + 1
    signs = signs[data[signs - 1] | LOWER_CASE == ord("e")]
    for offset in range(1, 1 + DIGITS):
        signs = signs[data[signs + offset] - ord("0") <= NINE]
    return any(_is_number(block, sign) for sign in signs.tolist())


def _is_number(block: bytes | memoryview, sign: int) -> bool:
    """Return whether the value around the sign of an exponent is a number: parts of UUIDs look like it otherwise."""
    begin = sign - 1
    while begin and block[begin - 1] in NUMERALS:
        begin -= 1
    if begin and block[begin - 1] in b"+-":
        begin -= 1
    is_begin = not begin or block[begin - 1] in SEPARATORS
    return is_begin and _REST_OF_NUMBER.match(block, sign + 1) is not None


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
