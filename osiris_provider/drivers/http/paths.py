"""Paths into JSON: dotted, with list indexes, and with names that hold dots themselves.

``data.items`` goes from name to name, ``links.0.href`` and ``links[0].href`` into a list, ``items.-1.id`` to its last
value. Where an object has a name with dots, such as ``@odata.nextLink``, that name is found as it is written;
``['a.b'].c`` says it outright. ``links[rel=next].href`` takes the value of a list whose ``rel`` is ``next``, as JSON
writes it. A leading ``$.`` is allowed. ``header:X-Next`` names a header of the answer instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator

from osiris_provider.drivers.http.json.values import text_of

HEADER = "header:"

_PART = re.compile(
    r"\[(?P<index>-?\d+)\]|\[(?P<key>[\w@$:-]+)=(?P<wanted>[^\]]*)\]|"
    r"\[(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\]|\.?(?P<name>[^.\[\]]+)"
)
_INDEX = re.compile(r"-?\d+")


class Missing(Enum):
    """There is nothing at a path; null is something."""

    MISSING = "missing"


MISSING = Missing.MISSING


@dataclass(frozen=True)
class Part:
    """A piece of a path.

    :param name: a name or an index.
    :param plain: whether it may be a piece of a name with dots.
    :param wanted: what ``name`` has to be in the value of a list that is meant; None if this is not a filter.
    """

    name: str
    plain: bool = False
    wanted: str | None = None


@lru_cache(maxsize=256)
def parts_of(path: str) -> tuple[Part, ...]:
    """Return the parts of a path.

    :param path: such as ``data.items``; empty for the whole.
    :raises ValueError: it is not a path.
    """
    text = path[1:] if path == "$" or path.startswith(("$.", "$[")) else path
    parts: list[Part] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            problem = f"'{path}' is not a path such as data.items, links.0.href or ['a.b'].c"
            raise ValueError(problem)
        if match["key"] is not None:
            parts.append(Part(match["key"], wanted=match["wanted"].strip("'\"")))
        else:
            name = match["name"]
            parts.append(Part(match["index"] or match["quoted"] or "") if name is None else Part(name, plain=True))
        position = match.end()
    return tuple(parts)


def _checked(path: str) -> str:
    if path.startswith(HEADER):
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", path.removeprefix(HEADER)):
            problem = f"'{path}' is not the name of a header such as header:X-Next-Cursor"
            raise ValueError(problem)
        return path
    parts_of(path)
    return path


def _checked_in_body(path: str) -> str:
    if path.startswith(HEADER):
        problem = "is a path in the answer's JSON, not a header"
        raise ValueError(problem)
    return _checked(path)


AnswerPath = Annotated[str, AfterValidator(_checked)]
"""A path in an answer's JSON, or ``header:NAME``."""

BodyPath = Annotated[str, AfterValidator(_checked_in_body)]
"""A path in JSON."""


def get_path(value: Any, path: str) -> Any:
    """Return what lies at a path, :data:`MISSING` if there is nothing; behind null there is null.

    :param value: parsed JSON.
    :param path: such as ``data.items``; empty for the whole.
    """
    return _walk(value, parts_of(path))


def _walk(value: Any, parts: tuple[Part, ...]) -> Any:
    if not parts or value is None:
        return value
    if parts[0].wanted is not None:
        return _walk_filter(value, parts)
    if isinstance(value, Mapping):
        return _walk_names(value, parts)
    if isinstance(value, list) and _INDEX.fullmatch(parts[0].name):
        index = int(parts[0].name)
        return _walk(value[index], parts[1:]) if -len(value) <= index < len(value) else MISSING
    return MISSING


def _walk_filter(value: Any, parts: tuple[Part, ...]) -> Any:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, Mapping) and text_of(item.get(parts[0].name)) == parts[0].wanted:
            return _walk(item, parts[1:])
    return MISSING


def _walk_names(value: Mapping[str, Any], parts: tuple[Part, ...]) -> Any:
    # Names with dots first: the longest one that is there.
    dotted = next((number for number, part in enumerate(parts) if not part.plain), len(parts))
    for end in range(max(dotted, 1), 0, -1):
        name = ".".join(part.name for part in parts[:end])
        if name in value:
            return _walk(value[name], parts[end:])
    return MISSING


def with_value(body: Any, path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a JSON object with a value at a path; objects on the way are made where there are none.

    :param body: the object, or None for an empty one.
    :param path: names only, such as ``page.number``.
    :param value: to put there.
    :raises ValueError: it is no such path, or something on the way is not an object.
    """
    parts = parts_of(path)
    if not parts or any(part.wanted is not None for part in parts):
        problem = f"'{path}' is not a path of names such as page.number"
        raise ValueError(problem)
    return _with_value(body, [part.name for part in parts], value, path)


def _with_value(body: Any, names: list[str], value: Any, path: str) -> dict[str, Any]:
    if body is not None and not isinstance(body, Mapping):
        problem = f"there is something else than an object on the way to '{path}' in the body"
        raise ValueError(problem)
    copied = dict(body or {})
    name, *rest = names
    copied[name] = _with_value(copied.get(name), rest, value, path) if rest else value
    return copied
