"""The characters of CSV that have a meaning, and the lines of comment, which are none of the data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_NOTHING = rb"(?!)"


@dataclass(frozen=True)
class Syntax:
    """The characters that have a meaning."""

    delimiter: str
    quote: str | None
    escape: str | None
    comment: str | None
    newline: str


def without_comments(data: bytes, syntax: Syntax, *, last: bool) -> tuple[bytes, bytes]:
    """Return data without lines of comment, and what has to be looked at again: a comment that may not have ended.

    :param data: begins with a row.
    :param last: whether it is all that is left of the file.
    """
    if syntax.comment is None:
        return data, b""
    sign = syntax.comment.encode()
    ends = (b"\n", b"\r") if syntax.newline == "auto" else (syntax.newline.encode(),)
    if not data.startswith(sign) and not any(end + sign in data for end in ends):
        return data, b""
    patterns = _patterns(syntax)
    pieces: list[bytes] = []
    start = position = 0
    while match := patterns.outside.search(data, position):
        position = match.end()
        if match["quote"]:
            closing = (one.end() for one in patterns.within.finditer(data, position) if one["quote"])
            position = next(closing, len(data))
        elif match["comment"]:
            pieces.append(data[start : match.start()])
            start = position
            if position == len(data) and not last:
                return b"".join(pieces), match[0]
    return b"".join([*pieces, data[start:]]), b""


class _Patterns(NamedTuple):
    """What is looked for.

    :param outside: of cells that are quoted: where one begins, a comment, or what has no meaning.
    :param within: of a quoted cell: where it ends, or what has no meaning.
    """

    outside: re.Pattern[bytes]
    within: re.Pattern[bytes]


@lru_cache(maxsize=16)
def _patterns(syntax: Syntax) -> _Patterns:
    characters = (syntax.delimiter, syntax.quote, syntax.escape, syntax.comment)
    delimiter, quote, escape, sign = (re.escape((one or "").encode()) for one in characters)
    begin = end = re.escape(syntax.newline.encode())
    if syntax.newline == "auto":
        begin, end = rb"[\r\n]", rb"\r\n|[\r\n]"
    row = rb"\A|(?<=" + begin + rb")"
    comment = rb"(?:" + row + rb")" + sign + rb"(?s:.*?)(?:" + end + rb"|\Z)"
    # A quote in the middle of a cell is but a character.
    opening = rb"(?:" + row + rb"|(?<=" + delimiter + rb"))" + quote if quote else _NOTHING
    # An escaped delimiter or line break, or an LF behind an escaped CR, begins no cell and no row.
    escaped = escape + rb"(?s:.)" + (rb"\n?" if syntax.newline == "\r\n" else b"") if escape else _NOTHING
    outside = escaped + rb"[" + quote + sign + rb"]*|(?P<quote>" + opening + rb")|(?P<comment>" + comment + rb")"
    within = escaped + rb"|" + quote * 2 + rb"|(?P<quote>" + quote + rb")"
    return _Patterns(*map(re.compile, (outside, within)))
