"""The usual shape of a connections file, read line by line: the same entries as YAML gives, at a tenth of its cost.

That shape is a block of families, of aliases and of fields, each with its value on the same line. A file that is
written in another way, or looks wrong, is left to YAML (:mod:`osiris_provider.connections.yaml_loader`) as a whole:
only that knows all of the language, and finds the words for what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from osiris_provider.connections.yaml_loader import MAX_ITEMS, plain_scalar

_STRANGE = re.compile(r"[^\n\x20-\x7e\xa1-\u024f]")
"""Tabs, other line ends, and what YAML refuses; letters of other scripts are rare enough for the long way."""
_LINE = re.compile(
    r"( *)(?:([A-Za-z_][A-Za-z0-9_]*):(?: +(?:"
    # Within a plain scalar a colon before a space, or # behind one, would end it.
    r"([A-Za-z0-9_./$](?:[^\s:#]|:(?=\S)|(?<=\S)\#| (?=[^\s:#]))*)"
    r"|'((?:[^']|'')*)'"
    r'|"([^"\\]*)"'
    r"))? *(?: \#.*)?|(?:\#.*)?)"
)
_BEGINS_TEXT = frozenset("abcdeghijklmpqrsuvwxzABCDEGHIJKLMPQRSUVWXZ_/$")
"""No number, no truth value and no null begins with one of them."""
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
"""Those that YAML reads as people do, such as ports."""
_ITEMS_OF_A_LINE = 3
"""A key, its value, and the end of a mapping, as the parser counts."""
_HEAD = [("version", "1", 0), ("connections", None, 0)]


class Line(NamedTuple):
    """A line with a key.

    :param key: the name.
    :param text: the value as it is written, without quotes; None if nothing is written.
    :param indent: spaces before the key.
    :param number: of the line, from 1.
    :param value: as YAML reads it; None if nothing is written.
    """

    key: str
    text: str | None
    indent: int
    number: int
    value: Any


class Fields(NamedTuple):
    """A connection: the line of its alias, and its fields by name."""

    number: int
    by_name: dict[str, Line]


Connections = dict[tuple[str, str], Fields]
"""By family and alias."""


class _UnusualError(Exception):
    """The file is of another shape."""


def read_lines(text: str) -> Connections | None:
    """Return the connections of a file, none of them without fields; None if YAML has to read it.

    :param text: of the file.
    """
    if _STRANGE.search(text) or (text.count("\n") + 4) * _ITEMS_OF_A_LINE > MAX_ITEMS:
        return None
    try:
        return _connections(list(_lines(text)))
    except _UnusualError:
        return None


def _connections(lines: list[Line]) -> Connections:
    """Return what the lines hold; those of a level have the same indentation in the whole file."""
    depths = [line.indent for line in lines[2:5]]
    if [line[:3] for line in lines[:2]] != _HEAD or len(depths) < 3 or not 0 < depths[0] < depths[1] < depths[2]:
        raise _UnusualError
    of_field = depths[2]
    found: Connections = {}
    families: list[str] = []
    names: dict[str, Line] = {}
    # What has just been opened has something in it.
    awaited = depths[:1]
    for line in lines[2:]:
        if line.indent not in awaited or (line.indent != of_field and line.text is not None):
            raise _UnusualError
        if line.indent == of_field:
            _add(names, line.key, line)
            awaited = depths
        elif line.indent == depths[1]:
            names = {}
            _add(found, (families[-1], line.key), Fields(line.number, names))
            awaited = depths[2:]
        else:
            _add(dict.fromkeys(families), line.key, None)
            families.append(line.key)
            awaited = depths[1:2]
    if awaited is not depths:
        raise _UnusualError
    return found


def _add(known: dict[Any, Any], name: object, value: object) -> None:
    if name in known:
        raise _UnusualError
    known[name] = value


def _lines(text: str) -> Iterator[Line]:
    match_line = _LINE.fullmatch
    for number, written in enumerate(text.split("\n"), start=1):
        match = match_line(written)
        if match is None:
            raise _UnusualError
        indent, key, plain, single, double = match.groups()
        if key is None:
            continue
        if plain is not None:
            yield Line(key, plain, len(indent), number, _value(plain))
        else:
            quoted = double if single is None else single.replace("''", "'")
            yield Line(key, quoted, len(indent), number, quoted)


def _value(plain: str) -> Any:
    if plain[0] in _BEGINS_TEXT:
        return plain
    return int(plain) if _NUMBER.fullmatch(plain) else plain_scalar(plain)
