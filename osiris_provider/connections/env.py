"""``${VAR}`` in the values of the connections file (CONN-002)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}|(?P<bad>\$\{[^}]{0,40}\}?)"
)

_SURROGATE = re.compile("[\ud800-\udfff]")
"""What Python has in place of bytes that are not UTF-8."""


class EnvProblemError(ValueError):
    """A ``${…}`` that cannot be replaced. The text names the variable and the fix, never a value."""


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}``; ``$${`` stands for a literal ``${``.

    Replacement is never recursive: what a variable holds is taken as it is.

    :param text: a value of the connections file.
    :param environ: where the variables are looked up.
    :raises EnvProblemError: a variable is unset or empty and has no default, or is not UTF-8; or a ``${`` is malformed.
    """

    if "${" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        if match["bad"] is not None:
            # Where a default with braces ends cannot be seen.
            ends = "; a default has no braces" if ":-" in match["bad"] else ""
            problem = (
                "a ${ begins nothing like ${DB_PASSWORD} or ${DB_PASSWORD:-default}; write $${ for a literal ${" + ends
            )
            raise EnvProblemError(problem)
        name, value = match["name"], environ.get(match["name"], "")
        if _SURROGATE.search(value):
            problem = f"environment variable {name} is not UTF-8; set it to text in UTF-8"
            raise EnvProblemError(problem)
        if value:
            return value
        if match["default"] is not None:
            return match["default"]
        state = "empty" if name in environ else "not set"
        problem = f"environment variable {name} is {state}; set it, or write ${{{name}:-default}}"
        raise EnvProblemError(problem)

    return _TOKEN.sub(replace, text)


def substitute_all(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a value with the variables in each of its texts replaced; see :func:`substitute`.

    :param value: of the connections file: a scalar, or what JSON can hold.
    :param environ: where the variables are looked up.
    :raises EnvProblemError: as :func:`substitute`.
    """
    if isinstance(value, str):
        return substitute(value, environ)
    if isinstance(value, dict):
        return {name: substitute_all(item, environ) for name, item in value.items()}
    if isinstance(value, list):
        return [substitute_all(item, environ) for item in value]
    return value


def without_variables(text: str) -> str:
    """Return what stands in a text beside its variables: each is replaced by its default, or by ``0``.

    :param text: a value of the connections file.
    """
    return _TOKEN.sub(lambda match: match["default"] or match["bad"] or "0", text)


def variables_in(text: str) -> Iterator[str]:
    """Yield the names of the variables that :func:`substitute` would look up.

    :param text: a value of the connections file.
    """
    return (match["name"] for match in _TOKEN.finditer(text) if match["name"])
