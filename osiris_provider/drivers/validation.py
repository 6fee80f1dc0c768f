"""What pydantic finds wrong, in words for the person who wrote it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from osiris_provider.messages import did_you_mean, what_is_wrong

M = TypeVar("M", bound=BaseModel)

_BUILDING = threading.Lock()


def validated(model: type[M], value: Mapping[str, Any]) -> M:
    """Return what a model makes of a value.

    A model with ``defer_build`` is built here when it is first needed, by one thread: in the meantime, pydantic before
    2.14 may have another thread check by the rules of the parent class.

    :raises ValidationError: something is wrong.
    """
    if not model.__pydantic_complete__:
        with _BUILDING:
            model.model_rebuild()
    return model.model_validate(value)


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


def explain(item: Mapping[str, Any], known: Collection[str], what: str = "config field") -> str:
    """Return one error of pydantic as a sentence; it never quotes the value.

    :param item: of ``ValidationError.errors``.
    :param known: names that could have been written.
    :param what: a field is called.
    """
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{what} {name} is unknown.{did_you_mean(str(item['loc'][-1]), list(known))}"
    if item["type"] == "missing":
        return f"{what} {name} is required"
    text = what_is_wrong(item)
    return f"{what} {name}: {text}" if name else text
