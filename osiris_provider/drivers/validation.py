"""What pydantic finds wrong, in words for the person who wrote it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from osiris_provider.messages import did_you_mean


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
    text = str(item["msg"]).removeprefix("Value error, ")
    return f"{what} {name}: {text}" if name else text
