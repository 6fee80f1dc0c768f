r"""Tab-delimited text: a line a row, tabs between its values, ``\N`` for NULL, and a backslash before what is special.

It is what MySQL's LOAD DATA reads. Bytes are ``\\x`` and hexadecimal digits, as PostgreSQL's COPY writes them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO, Final, cast

NULL: Final = rb"\N"
BATCH_ROWS: Final = 10_000
BATCH_BYTES: Final = 16 << 20
"""What is in memory of a file at a time, and one row more."""
_BLOCK: Final = 1 << 20
_ESCAPES: Final = {b"\\": rb"\\", b"\t": rb"\t", b"\n": rb"\n", b"\r": rb"\r", b"\0": rb"\0"}
_UNESCAPED: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_SPECIAL: Final = re.compile(rb"[\\\t\n\r\0]")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_CELLS: Final = re.compile(rb"(?:^|\t)((?:[^\t\\]+|\\.|\\\Z)*)", re.DOTALL)


@contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write it from its beginning: for its owner alone if it is new, and empty after an error.

    :param path: of a file, which stays the same file.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            yield cast("BinaryIO", file)
        except BaseException:
            file.seek(0)
            raise
        finally:
            file.truncate(file.tell())


def line_of(values: Iterable[bytes | None]) -> bytes:
    """Return a row as a line, its end included.

    :param values: as UTF-8; None is NULL.
    """
    return b"\t".join([NULL if value is None else _SPECIAL.sub(_escape, value) for value in values]) + b"\n"


def hexadecimal(value: bytes | None) -> bytes | None:
    """Return bytes as the text that stands for them.

    :param value: of a column of bytes.
    """
    return None if value is None else b"\\x" + value.hex().encode()


def batches_in(path: str | os.PathLike[str]) -> Iterator[list[list[bytes | None]]]:
    """Yield the rows of a file, some at a time.

    :param path: of a file; the end of its last line may be missing.
    :raises FileNotFoundError: there is none.
    """
    batch: list[list[bytes | None]] = []
    size = 0
    for row in rows_in(path):
        batch.append(row)
        size += sum(len(value) for value in row if value)
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def rows_in(path: str | os.PathLike[str]) -> Iterator[list[bytes | None]]:
    """Yield the rows of a file; the end of its last line may be missing.

    :param path: of a file.
    :raises FileNotFoundError: there is none.
    """
    with Path(path).open("rb") as file:
        pieces: list[bytes] = []
        for piece in file:
            pieces.append(piece)
            # A backslash before the end of a line makes it a part of the value.
            if not ends_in_value(piece):
                yield _values(b"".join(pieces).removesuffix(b"\n"))
                pieces.clear()
        if pieces:
            yield _values(b"".join(pieces))


def ends_in_value(text: bytes) -> bool:
    """Return whether the line end at the end of a text is a part of a value.

    :param text: of a file, from the beginning of a line.
    """
    if not text.endswith(b"\\\n"):
        return False
    before = text[:-1]
    return bool((len(before) - len(before.rstrip(b"\\"))) % 2)


def count_rows(text: mmap) -> int:
    """Return the number of rows in lines, of which the last may have no end.

    :param text: of a file.
    """
    return _count(text, b"\n") + (not ends_a_row(text))


def ends_a_row(text: mmap) -> bool:
    """Return whether the last line of a text has an end.

    :param text: of a file.
    """
    last = text[-_BLOCK:]
    return last.endswith(b"\n") and not ends_in_value(last)


def count_lines(path: str | os.PathLike[str]) -> int:
    """Return the number of rows of a file of COPY, those behind a mark of its end included.

    :param path: of a file.
    """
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return 0
        with mmap(file.fileno(), 0, access=ACCESS_READ) as text:
            ends = sum(1 for _ in re.finditer(rb"^\\\.\r?$", text, re.MULTILINE))
            return count_rows(text) - ends


def count_tabs(text: mmap) -> int:
    """Return how often a tab ends a value.

    :param text: of a file.
    """
    return _count(text, b"\t")


def _count(text: mmap, byte: bytes) -> int:
    count = sum(text[start : start + _BLOCK].count(byte) for start in range(0, len(text), _BLOCK))
    if text.find(b"\\" + byte) < 0:
        return count
    # An odd number of backslashes makes it a part of the value.
    return count - sum(1 for _ in re.finditer(rb"(?<!\\)(?:\\\\)*\\" + byte, text))


def _escape(match: re.Match[bytes]) -> bytes:
    return _ESCAPES[match[0]]


def _values(line: bytes) -> list[bytes | None]:
    cells = _CELLS.findall(line) if b"\\" in line else line.split(b"\t")
    return [None if cell == NULL else _value(cell) for cell in cells]


def _value(cell: bytes) -> bytes:
    return _ESCAPED.sub(lambda match: _UNESCAPED.get(match[1], match[1]), cell) if b"\\" in cell else cell
