"""What pydantic finds wrong, in words for the person who wrote it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

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
