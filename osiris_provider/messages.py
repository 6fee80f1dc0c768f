"""What goes into messages: texts of somebody else, and guesses at what was meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["did_you_mean", "printable"]

MAX_SAID = 500
_ROUND = str.maketrans("[]", "()")
_NEAR_CHARS = 100_000
"""That difflib compares with each other in some milliseconds; it takes minutes for hundreds of long names."""
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, movements
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)

_WANTED = {
    "bool": "is true or false",
    "dataclass": "is a mapping of names to values",
    "date": "is a date such as 2026-01-31",
    "datetime": "is a date such as 2026-01-31, or a time such as 2026-01-31T06:00:00Z",
    "decimal": "is a number",
    "dict": "is a mapping of names to values",
    "float": "is a number",
    "int": "is a whole number",
    "list": "is a list",
    "mapping": "is a mapping of names to values",
    "model": "is a mapping of names to values",
    "string": "is a text; put it in quotes",
}
"""What a field is that holds something else, by the beginning of the type of pydantic's error."""


def what_is_wrong(item: Mapping[str, Any]) -> str:
    """Return one error of pydantic in words that go behind the name of a field; the value is not among them.

    :param item: of ``ValidationError.errors``.
    """
    subject, _, problem = str(item["type"]).partition("_")
    if subject in _WANTED and problem.rpartition("_")[2] in ("float", "parsing", "type"):
        return _WANTED[subject]
    return re.sub(r"^\w+ should ", "has to ", str(item["msg"]).removeprefix("Value error, "))


def errors_of(error: ValidationError, value: Any) -> list[Mapping[str, Any]]:
    """Return the errors of pydantic, one for each mistake; where each stands in the value is their ``loc``.

    What may be of several types has an error for each of them, with the type's name in its location.

    :param error: that was raised.
    :param value: that was checked.
    """
    by_location: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    for item in error.errors(include_input=False, include_url=False):
        by_location.setdefault(_location(item, value), []).append(item)
    # What is of none of the types is of the one that has it further within.
    outer = {location[:end] for location in by_location for end in range(len(location))}
    return [_merged(items, location) for location, items in by_location.items() if location not in outer]


def _location(item: Mapping[str, Any], value: Any) -> tuple[str | int, ...]:
    location: list[str | int] = []
    for part in item["loc"]:
        if part in value if isinstance(value, Mapping) else isinstance(value, list) and isinstance(part, int):
            value = value[part]
            location.append(part)
    return (*location, item["loc"][-1]) if item["type"] == "missing" else tuple(location)


def _merged(items: list[Mapping[str, Any]], location: tuple[str | int, ...]) -> Mapping[str, Any]:
    if len(items) == 1:
        return {**items[0], "loc": location}
    return {"type": "union", "loc": location, "msg": ", or ".join(dict.fromkeys(map(what_is_wrong, items)))}


def printable(text: object) -> str:
    """Return a text of somebody else without what a terminal or a log would obey.

    Escape sequences go as a whole, then control, format (such as turns of the writing direction) and other characters
    that are not printed; line ends and tabs become spaces. Whatever a peer has said goes through here before a person,
    a log or an XCom gets it.

    :param text: as it came.
    """
    said = str(text)
    if said.isprintable():
        return said.strip()
    kept = (char if char.isprintable() else " " if char.isspace() else "" for char in _ESCAPES.sub("", said))
    return "".join(kept).strip()


def without_brackets(text: str) -> str:
    """Return a text with round brackets for square ones, which rich and Airflow's command line take for markup."""
    return text.translate(_ROUND)


def one_line(text: str) -> str:
    """Return a text of somebody else on one line, without square brackets, of at most 500 characters and a sign."""
    line = without_brackets(" ".join(printable(text).split()))
    return line if len(line) <= MAX_SAID else line[:MAX_SAID] + " …"


def did_you_mean(wrong: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, else an empty string.

    :param wrong: what was written.
    :param known: what could have been written.
    """
    import difflib

    names: list[str] | tuple[str, ...] = known
    if len(wrong) * sum(map(len, names)) > _NEAR_CHARS:
        names = _of_like_letters(wrong, known)
    near = difflib.get_close_matches(wrong, names, n=1) or difflib.get_close_matches(wrong.lower(), names, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _of_like_letters(wrong: str, known: list[str] | tuple[str, ...]) -> list[str]:
    """Return the few names that are worth a closer look."""
    import heapq

    letters, length = set(wrong), len(wrong)
    names = heapq.nlargest(
        3, known[:5000], key=lambda name: 2 * len(letters.intersection(name)) - abs(len(name) - length)
    )
    return [name for name in names if len(name) * length <= _NEAR_CHARS // 10]
