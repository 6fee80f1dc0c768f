"""Cutting CSV at the ends of rows, and seeing which cells are quoted.

Arrow's parser works on what is cut here, a whole number of rows at a time: by itself it loses the LF of a CR LF at the
border of two blocks, and lets a quote that is never closed swallow the rest of a file. It does not tell either which
cells were quoted, without which ``"007"`` and ``007`` are the same.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from osiris_provider.drivers.filesystem.bits import after, before, between, bit, bits, one, positions
from osiris_provider.drivers.filesystem.csv_syntax import Syntax, without_comments

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from osiris_provider.drivers.filesystem.bits import Bits

MAX_ROW_BYTES = 64 * 1024 * 1024
_LF, _CR = 10, 13


class BrokenRowError(Exception):
    """A row cannot be separated from the next; ``rows`` are between it and those that were yielded last."""

    def __init__(self, problem: str, rows: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.rows = rows


@dataclass(frozen=True)
class Rows:
    """Some whole rows.

    :param data: their bytes.
    :param quoted: of all cells, in order, whether they begin with a quote; None: none does.
    :param breaks: which of the cells end a row.
    :param hidden: line breaks that belong to cells, as which bytes they stand in ``data``.
    """

    data: bytes
    quoted: npt.NDArray[np.bool_] | None = None
    breaks: npt.NDArray[np.bool_] | None = None
    hidden: tuple[tuple[bytes, bytes], ...] = ()

    def quoted_columns(self, count: int) -> list[bool]:
        """Return of each column whether a cell of it is quoted.

        :param count: how many columns there are.
        """
        import numpy as np

        if self.quoted is None or self.breaks is None or not self.quoted.any():
            return [False] * count
        if len(self.quoted) % count == 0 and self.breaks[count - 1 :: count].sum() == self.breaks.sum():
            return [bool(one) for one in np.logical_or.reduce(self.quoted.reshape(-1, count))]
        # There are rows of other lengths: blank ones, or bad ones.
        ends = np.flatnonzero(self.breaks)
        row = np.searchsorted(ends, np.arange(len(self.quoted)))
        begins = np.concatenate([np.zeros(1, np.int64), ends + 1])
        column = np.arange(len(self.quoted)) - begins[row]
        quoted = set(column[self.quoted].tolist())
        return [number in quoted for number in range(count)]


def rows_of(blocks: Iterator[bytes], syntax: Syntax) -> Iterator[Rows]:
    """Yield whole rows.

    :param blocks: of the file, in UTF-8.
    :raises BrokenRowError: a quote is never closed.
    """
    rest = b""
    for block in blocks:
        data = rest + block
        if len(data) < len(rest) * 2 and len(data) < MAX_ROW_BYTES:
            # A long row: look again when there is twice as much.
            rest = data
            continue
        rows, rest = _cut(data, syntax, last=False)
        if rows is not None:
            yield rows
        check_size(rest)
    rows, _ = _cut(rest, syntax, last=True)
    if rows is not None:
        yield rows


def check_size(row: bytes) -> None:
    """Check that the begin of a row, whose end is not there yet, is no longer than a row may be.

    :raises BrokenRowError: it is.
    """
    if len(row) >= MAX_ROW_BYTES:
        message = f"has more than {MAX_ROW_BYTES:,} bytes; is it a CSV file?"
        raise BrokenRowError(message)


def first_row(blocks: Iterator[bytes], syntax: Syntax, *, blank: bool) -> tuple[bytes, Iterator[bytes]]:
    """Return the first row with its line break, and the blocks behind it.

    :param blank: whether it may be blank; else blank lines before it are dropped.
    :raises BrokenRowError: a quote in it is never closed, or it is too long.
    """
    data = b""
    for block in itertools.chain(blocks, [None]):
        last = block is None
        data, kept = without_comments(data + (block or b""), syntax, last=last)
        data = data if blank else data.lstrip(b"\r\n")
        end = _Scan(data, syntax, last=last).first_end() if data else 0
        if end or last:
            return data[:end], itertools.chain([data[end:] + kept], blocks)
        data += kept
        check_size(data)
    return b"", iter(())


def _cut(data: bytes, syntax: Syntax, *, last: bool) -> tuple[Rows | None, bytes]:
    data, kept = without_comments(data, syntax, last=last)
    if not data:
        return None, kept
    plain = syntax.quote is None or syntax.quote.encode() not in data
    if plain and syntax.escape is None and syntax.newline == "auto":
        end = len(data) if last else _last_break(data)
        return (Rows(data[:end]) if end else None), data[end:] + kept
    return _Scan(data, syntax, last=last).cut(kept)


def _last_break(data: bytes) -> int:
    """Return where the last row ends that is whole; a CR at the very end may have its LF in the next block."""
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1


class _Scan:
    """Looks at all bytes at once, 64 of them in a word: a bit says whether a byte is something.

    :param data: at least one byte.
    """

    def __init__(self, data: bytes, syntax: Syntax, *, last: bool) -> None:
        import numpy as np

        self._data = data
        self._last = last
        self._quote = ord(syntax.quote) if syntax.quote else -1
        self._newline = syntax.newline
        escape = syntax.escape.encode() if syntax.escape else b""
        # What is escaped has no meaning: it stands here as two letters.
        seen = re.sub(re.escape(escape) + rb"[\s\S]", b"xx", data) if escape else data
        self._bytes = np.frombuffer(seen, np.uint8)
        self._delimiter = ord(syntax.delimiter)
        self._breaks = self._row_breaks()
        self._cells = bits(self._bytes == self._delimiter) | self._breaks
        self._quotes = bits(self._bytes == self._quote)
        self._inside = between(self._quotes)
        if self._has_stray_quotes():
            self._quotes = self._true_quotes()
            self._inside = between(self._quotes)

    def cut(self, kept: bytes) -> tuple[Rows | None, bytes]:
        import numpy as np

        count = len(self._bytes)
        cells = positions(self._cells & ~self._inside, count)
        is_break = self._bytes[cells] != self._delimiter
        ends = np.flatnonzero(is_break)
        ended = int(cells[ends[-1]]) + 1 if len(ends) else 0
        if bit(self._inside, count - 1) and (self._last or count - ended >= MAX_ROW_BYTES):
            raise self._never_closed()
        end = count if self._last else ended
        if not end:
            return None, self._data + kept
        keep = len(cells) if self._last else int(ends[-1]) + 1
        cells, is_break = cells[:keep], is_break[:keep]
        if ended < end:
            # The last row of the file has no line break.
            cells, is_break = np.append(cells, count), np.append(is_break, True)
        starts = np.concatenate([np.zeros(1, np.int64), cells[:-1] + 1])
        # The last cell of the file may be empty.
        quoted = self._bytes[np.minimum(starts, count - 1)] == self._quote
        quoted[-1] &= starts[-1] < count
        data, hidden = self._hide_breaks(end)
        return Rows(data, quoted, is_break, hidden), self._data[end:] + kept

    def first_end(self) -> int:
        """Return where the first row ends; 0 if it does not yet."""
        count = len(self._bytes)
        ends = positions(self._breaks & ~self._inside, count)
        if len(ends):
            return int(ends[0]) + 1
        if self._last and bit(self._inside, count - 1):
            raise self._never_closed()
        return count if self._last else 0

    def _row_breaks(self) -> Bits:
        lf, cr = (bits(self._bytes == byte) for byte in (_LF, _CR))
        if self._newline == "\n":
            return lf
        if self._newline == "\r":
            return cr
        if self._newline == "\r\n":
            return lf & before(cr)
        lone = cr & ~after(lf)
        # A CR at the very end may have its LF in the next block; at the end of the file a row ends with or without one.
        lone[-1] &= ~one(len(self._bytes) - 1)
        return lf | lone

    def _has_stray_quotes(self) -> bool:
        """Return whether a quote opens in the middle of a cell, where it is but a character."""
        opening = self._quotes & self._inside
        allowed = before(self._cells | self._quotes)
        allowed[0] |= one(0)
        return bool((opening & ~allowed).any())

    def _true_quotes(self) -> Bits:
        """Return the quotes that open or close a cell, one after the other."""
        import numpy as np

        real: list[int] = []
        inside, skip = False, -1
        quotes = positions(self._quotes, len(self._bytes)).tolist()
        for number, at in enumerate(quotes):
            if at == skip:
                continue
            if inside and quotes[number + 1 : number + 2] == [at + 1]:
                # A doubled one.
                skip = at + 1
            elif inside or at == 0 or bit(self._cells, at - 1):
                inside = not inside
                real.append(at)
        mask = np.zeros(len(self._bytes), np.bool_)
        mask[real] = True
        return bits(mask)

    def _hide_breaks(self, end: int) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
        """Return the data with line breaks outside of quotes that end no row as bytes that do not occur otherwise."""
        import numpy as np

        if self._newline == "auto":
            return self._data[:end], ()
        ends = self._breaks | (after(self._breaks) if self._newline == "\r\n" else self._breaks)
        free = [byte for byte in (*range(1, 9), *range(14, 32)) if byte not in self._data]
        if len(free) < 2:
            message = "has, or one of the rows after it, too many control characters for field newline"
            raise BrokenRowError(message)
        copy = np.frombuffer(bytearray(self._data[:end]), np.uint8)
        hidden: list[tuple[bytes, bytes]] = []
        for byte in (_LF, _CR):
            at = positions(bits(self._bytes == byte) & ~ends & ~self._inside, len(self._bytes))
            at = at[at < end]
            if len(at):
                stand_in = free.pop()
                copy[at] = stand_in
                hidden.append((bytes([stand_in]), bytes([byte])))
        return copy.tobytes(), tuple(hidden)

    def _never_closed(self) -> BrokenRowError:
        opening = positions(self._quotes & self._inside, len(self._bytes))[-1]
        before = positions(self._breaks & ~self._inside, int(opening))
        message = "opens a quote that is never closed; correct the file, or set quote to '' if quotes mean nothing"
        return BrokenRowError(message, len(before))
