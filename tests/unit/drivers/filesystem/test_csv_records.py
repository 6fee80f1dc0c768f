"""Rows of CSV beside what a loop over all characters says: at each border of blocks, with each kind of syntax."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, dropwhile, product
from typing import Final

import pytest
from osiris_provider.drivers.filesystem import csv_records
from osiris_provider.drivers.filesystem.csv_records import BrokenRowError, Rows, first_row, rows_of
from osiris_provider.drivers.filesystem.csv_syntax import Syntax

PLAIN: Final = Syntax(",", None, None, None, "auto")
QUOTES: Final = replace(PLAIN, quote='"')
ALL: Final = replace(QUOTES, escape="\\", comment="#")
SYNTAXES: Final = {
    "plain": PLAIN,
    "comments": replace(PLAIN, comment="#"),
    "escapes": replace(PLAIN, escape="\\"),
    "quotes": QUOTES,
    "quotes and escapes": replace(QUOTES, escape="\\"),
    "all": ALL,
    **{f"all, {newline!a}": replace(ALL, newline=newline) for newline in ("\n", "\r", "\r\n")},
    "breaks": replace(PLAIN, newline="\r\n"),
}


@dataclass
class Table:
    """What a file says: its rows with their line breaks, and which of their cells begin with a quote."""

    rows: list[str] = field(default_factory=list)
    quoted: list[list[bool]] = field(default_factory=list)
    is_broken: bool = False


def table_of(text: str, syntax: Syntax) -> Table:
    """Return what a text says, one character after the other."""
    table = Table()
    while text:
        if syntax.comment and text.startswith(syntax.comment):
            end = next((at for at in range(len(text)) if ending(text, at, syntax)), len(text))
            text = text[end + len(ending(text, end, syntax)) :]
            continue
        end, quoted = row_of(text, syntax)
        if end < 0:
            table.is_broken = True
            return table
        table.rows.append(text[:end])
        table.quoted.append(quoted)
        text = text[end:]
    return table


def ending(text: str, at: int, syntax: Syntax) -> str:
    """Return the line break that ends a row at a position, "" if there is none."""
    breaks = ("\r\n", "\n", "\r") if syntax.newline == "auto" else (syntax.newline,)
    return next((one for one in breaks if text.startswith(one, at)), "")


def row_of(text: str, syntax: Syntax) -> tuple[int, list[bool]]:
    """Return where the first row ends, -1 if it does not, and which of its cells begin with a quote."""
    at, begins, inside, quoted = 0, True, False, [False]
    while at < len(text):
        one, start, begins = text[at], begins, False
        if (one == syntax.escape and at + 1 < len(text)) or (
            inside and text.startswith(one * 2, at) and one == syntax.quote
        ):
            at += 1
        elif one == syntax.quote and (inside or start):
            inside = not inside
            quoted[-1] |= inside
        elif not inside and one == syntax.delimiter:
            begins = True
            quoted.append(False)
        elif not inside and ending(text, at, syntax):
            return at + len(ending(text, at, syntax)), quoted
        at += 1
    return -1 if inside else at, quoted


def texts(syntax: Syntax) -> list[str]:
    """Return short ones, and such as are longer than one or two words of 64 bits."""
    chance = random.Random(str(syntax))  # noqa: S311 - only examples
    alphabet = ["a", "a", ",", "\n", "\r", "\r\n", '"', '"', '""', ',"', '",', "\\", "#", "\n#", "\r#"]
    return ["".join(chance.choices(alphabet, k=chance.choice([3, 5, 8, 50, 150]))) for _ in range(120)]


def blocks(text: str, size: int) -> Iterator[bytes]:
    data = text.encode()
    return (data[at : at + size] for at in range(0, len(data), size))


def read(text: str, size: int, syntax: Syntax) -> str | None:
    """Return all rows, of which what they say of their cells is true, None if a quote is never closed."""
    try:
        return b"".join(checked(rows, syntax) for rows in rows_of(blocks(text, size), syntax)).decode()
    except BrokenRowError:
        return None


def split(text: str, size: int, syntax: Syntax, *, blank: bool) -> tuple[str, Table]:
    """Return the first row, and what is behind it; a first row that cannot be separated is none."""
    try:
        row, rest = first_row(blocks(text, size), syntax, blank=blank)
    except BrokenRowError:
        return "", Table(is_broken=True)
    return row.decode(), table_of(b"".join(rest).decode(), syntax)


def checked(rows: Rows, syntax: Syntax) -> bytes:
    """Return the data of some rows, of which what they say of their cells is true."""
    data = rows.data
    for stand_in, byte in rows.hidden:
        data = data.replace(stand_in, byte)
    quoted = table_of(data.decode(), replace(syntax, comment=None)).quoted
    if rows.quoted is None or rows.breaks is None:
        assert not any(map(any, quoted))
    else:
        assert rows.quoted.tolist() == list(chain.from_iterable(quoted))
        assert rows.breaks.tolist() == list(chain.from_iterable([False] * (len(row) - 1) + [True] for row in quoted))
    columns = max(map(len, quoted))
    assert rows.quoted_columns(columns) == [any(row[at] for row in quoted if at < len(row)) for at in range(columns)]
    return data


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_rows_are_those_that_a_loop_says(syntax: Syntax) -> None:
    for text in texts(syntax):
        table = table_of(text, syntax)
        for size in (1, 3, 70, 1000) if len(text) < 100 else (70, 1000):
            assert read(text, size, syntax) == (None if table.is_broken else "".join(table.rows)), (text, size)


@pytest.mark.parametrize("syntax", [one for one in SYNTAXES.values() if one.newline == "auto"], ids=str)
def test_the_first_row_is_split_from_those_behind_it(syntax: Syntax) -> None:
    for text, blank, size in product(texts(syntax), (True, False), (1, 3, 70)):
        table = table_of(text, syntax)
        rows = table.rows if blank else list(dropwhile(lambda row: not row.strip("\r\n"), table.rows))
        first, rest = split(text, size, syntax, blank=blank)
        assert first + "".join(rest.rows) == "".join(rows), (text, size)
        assert first.rstrip("\r\n") == "".join(rows[:1]).rstrip("\r\n"), (text, size)
        assert rest.is_broken == table.is_broken, (text, size)


@pytest.mark.parametrize(
    "needed", [[b"a,b\n1"], [b"a,b\r", b"\n"], [b'"a', b'\n",b\n"'], [b"\n\n", b"a\n"], [b"#\n", b"a\n"]]
)
def test_no_more_is_read_than_the_first_row_needs(needed: list[bytes]) -> None:
    read = iter([*needed, b"more"])
    first_row(read, ALL, blank=False)
    assert next(read) == b"more"


@pytest.mark.parametrize("begin", ["", "1\n", "1\n2\n"])
@pytest.mark.parametrize(("row", "said"), [("x" * 9, "has more than 8 bytes"), ('"' + "x" * 9 + '"', "opens a quote")])
def test_the_begin_of_a_row_has_fewer_bytes_than_a_row_may_have(
    begin: str, row: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "MAX_ROW_BYTES", 8)
    for size in (1, 2, 3, 5, 8):
        seen: list[Rows] = []
        # The end does not come before so many bytes have.
        text = begin + row[:8]
        with pytest.raises(BrokenRowError, match=said) as raised:
            seen.extend(rows_of(chain(blocks(text, size), [row[8:].encode()]), QUOTES))
        assert sum(one.data.count(b"\n") for one in seen) + raised.value.rows == begin.count("\n")
        seen = list(rows_of(blocks(f"{begin}{row[:6]}{row[-1]}\n", size), QUOTES))
        assert b"".join(one.data for one in seen).decode() == f"{begin}{row[:6]}{row[-1]}\n"
