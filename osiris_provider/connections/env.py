"""``${VAR}`` in the values of the connections file (CONN-002)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}|(?P<bad>\$\{[^}]{0,40}\}?)"
)


class EnvProblemError(ValueError):
    """A ``${…}`` that cannot be replaced. The text names the variable and the fix, never a value."""


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}``; ``$${`` stands for a literal ``${``.

    Replacement is never recursive: what a variable holds is taken as it is.

    :param text: a value of the connections file.
    :param environ: where the variables are looked up.
    :raises EnvProblemError: a variable is unset or empty and has no default, or a ``${`` is malformed.
    """

    def replace(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found["bad"] is not None:
            problem = "a ${ begins nothing like ${DB_PASSWORD} or ${DB_PASSWORD:-default}; write $${ for a literal ${"
            raise EnvProblemError(problem)
        value = environ.get(found["name"], "")
        if value:
            return value
        if found["default"] is not None:
            return found["default"]
        state = "empty" if found["name"] in environ else "not set"
        problem = f"environment variable {found['name']} is {state}; set it, or write ${{{found['name']}:-default}}"
        raise EnvProblemError(problem)

    return _TOKEN.sub(replace, text)
