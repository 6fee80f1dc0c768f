"""What the author of a DAG gives a task: as it is wanted, or an error that names the argument and says what it is."""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Collection, Mapping
from typing import Any

from osiris_provider._airflow.compat import AirflowFailException
from osiris_provider.net.deadline import checked_timeout

_TEMPLATE = ("{{", "{%", "{#")


class ArgumentError(AirflowFailException, ValueError):
    """An argument is not what it has to be.

    It breaks the DAG; where the value comes from another task it fails this one, whatever its retries.
    """


def require(name: str, is_right: bool, expected: str) -> None:
    """Do nothing if an argument is right.

    :param name: of the argument.
    :param is_right: whether it is.
    :param expected: what it has to be, behind "is".
    :raises ArgumentError: it is not.
    """
    if not is_right:
        message = f"{name} is {expected}"
        raise ArgumentError(message)


def check_seconds(value: Any) -> float:
    """Return the argument ``check_timeout`` of an operator, sensor or trigger.

    :raises ArgumentError: it is no number of seconds that can be waited for.
    """
    try:
        return checked_timeout(value, "check_timeout")
    except ValueError as error:
        message = str(error)
    raise ArgumentError(message)


def is_integer(value: Any, least: int) -> bool:
    """Return whether a value is a whole number, and no less than another."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_duration(value: Any) -> bool:
    """Return whether a value is a number of seconds that can be slept."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def is_several(value: Any) -> bool:
    """Return whether a value is a list or the like, which can be gone through more than once."""
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)


def as_list(value: Any) -> list[Any]:
    """Return what an argument has that takes one, or several, or None."""
    return [] if value is None else list(value) if is_several(value) else [value]


def is_name(value: Any) -> bool:
    """Return whether a value is a text that is not empty."""
    return isinstance(value, str) and value != ""


def is_path(value: Any) -> bool:
    """Return whether a value is a path of a file, as text or as an object."""
    return isinstance(value, str | os.PathLike)


def is_known_later(value: Any) -> bool:
    """Return whether a value is a template, a function or another task's result, of which a task gets what it gives."""
    if isinstance(value, str):
        return any(begin in value for begin in _TEMPLATE)
    # As Airflow itself knows its placeholders. A templated field may be a function, too: it calls that.
    return callable(value) or (hasattr(value, "resolve") and not isinstance(value, os.PathLike))


def literal(text: str) -> Any:
    """Return the value whose text a template has rendered to: a list, a dict, None.

    :raises ValueError: it is the text of no value.
    """
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        message = "no text of a value"
    raise ValueError(message)
