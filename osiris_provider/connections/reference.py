"""``@family.alias`` references (CONN-004)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from osiris_provider.errors import ConnectionConfigError

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""What a family or an alias may be called."""

MAX_LOCATION = 200
"""Characters of what says where: an Airflow connection id, or a path of fields."""

AIRFLOW_ID = re.compile(rf"(?!\.+$)[\w.-]{{1,{MAX_LOCATION}}}")
"""What Airflow's REST API, forms and command line take for a connection id."""

_LOGIN = re.compile(r"(?<=://)[^/@:]*:.*@", re.DOTALL)
_REFERENCE = re.compile(rf"@({NAME.pattern})(?:\.({NAME.pattern}))?")


@dataclass(frozen=True)
class ConnectionRef:
    """A reference to one connection; ``alias`` None means the family's default (CONN-003)."""

    family: str
    alias: str | None = None

    @classmethod
    def parse(cls, text: str) -> ConnectionRef:
        """Parse ``@family.alias`` or ``@family``.

        :param text: the reference as written in a DAG or on the command line.
        :raises ConnectionConfigError: says what is wrong with the text and what it should look like.
        """
        if not isinstance(text, str):
            message = f"A connection reference is a text such as @mysql.default, not {type(text).__name__}."
            raise ConnectionConfigError(message)
        match = _REFERENCE.fullmatch(text)
        if not match:
            message = f"'{shown(text)}' is not a connection reference: {_complaint(text)} Write it as @family.alias"
            alias = text.partition(".")[2] if text.startswith("@") else ""
            message += f", or an Airflow connection id alone: {alias}." if AIRFLOW_ID.fullmatch(alias) else "."
            raise ConnectionConfigError(message, reference=shown(text))
        return cls(match[1], match[2])

    def __str__(self) -> str:
        """Return the reference as it is written in a DAG."""
        return reference_to(self.family, self.alias)


def reference_to(family: str, alias: str | None) -> str:
    """Return how a connection is referred to: ``@family.alias``, or the bare alias if that cannot be written so.

    :param family: of the connection.
    :param alias: of the connection, or an Airflow connection id, which may have capitals, hyphens and dots.
    """
    if alias is None:
        return f"@{family}"
    return f"@{family}.{alias}" if NAME.fullmatch(alias) else shown(alias, MAX_LOCATION)


def shown(name: str, limit: int = 80) -> str:
    """Return a name that somebody wrote as it may stand in a message: short, printable, no square brackets.

    Of a URL where a name should be, such as one for SQLAlchemy, user and password are left out.

    :param name: a key of the file or a reference, right or wrong.
    :param limit: the most characters; longer names are cut.
    """
    name = _LOGIN.sub("***@", name) if "://" in name else name
    plain = "".join(char if char.isprintable() and char not in "[]" else "?" for char in name[: limit + 1])
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def _complaint(text: str) -> str:
    if not text.strip():
        return "it is empty."
    if text != text.strip():
        return "it has spaces around it."
    if not text.startswith("@"):
        return "it does not begin with @."
    if text != text.lower():
        return "it has capital letters."
    if "-" in text:
        return "it has a hyphen; names have letters, digits and underscores."
    if text.count(".") > 1:
        return "it has more than one dot."
    return "family and alias begin with a letter and have only a-z, 0-9 and _."
