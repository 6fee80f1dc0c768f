"""The exceptions of the package, named by what the caller should do about them.

::

    OsirisError
    ├── ConnectionConfigError (ValueError)   mend the connections file or its environment; a retry never helps
    │   └── ConnectionNotFoundError (LookupError)   neither the file nor Airflow knows the reference
    ├── DriverConfigError (ValueError)       mend the step's config; a retry never helps
    ├── MissingPackageError (ImportError)    install the extra that the message names
    ├── DataError                            the data does not fit; nothing was written
    └── ConnectorError                       the peer said no, or said nothing
        ├── AuthError                        mend the credentials; a retry never helps
        ├── PermissionDeniedError            grant the right; a retry never helps
        ├── NetworkError                     retry
        ├── ConnectTimeoutError              retry
        └── UnknownConnectorError            look; retry if the task has retries

Every message is safe to print: it holds no secret. Every exception survives pickling, because Airflow moves them
between processes.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, get_args

Category = Literal["auth", "network", "permission", "timeout", "ok", "unknown"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The categories of CONN-010."""
TRANSIENT: frozenset[Category] = frozenset({"network", "timeout", "unknown"})
"""Categories of what may pass by itself: auth and permission never do, what nobody can classify may."""


_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, movements
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC and the like: titles, links
    r"|\x1b[ -/]*[0-~]?"
)


def printable(text: object) -> str:
    """Return a text of somebody else without what a terminal or a log would obey.

    Escape sequences go as a whole, then control, format (such as turns of the writing direction) and other characters
    that are not printed; line ends and tabs become spaces. Whatever a peer has said goes through here before a person,
    a log or an XCom gets it.

    :param text: as it came.
    """
    kept = (char if char.isprintable() else " " if char.isspace() else "" for char in _ESCAPES.sub("", str(text)))
    return "".join(kept).strip()


class OsirisError(Exception):
    """Base of all errors of this package.

    :param message: what happened, in words for the person who has to act. Never holds a secret; its lines are made
        :func:`printable`.
    :param facts: keyword facts about the place (``reference``, ``field``, ``file``, ``line`` …), kept as attributes.
    """

    category: ClassVar[Category] = "unknown"

    def __init__(self, message: str, **facts: Any) -> None:
        safe = "\n".join(_safe_line(line) for line in message.split("\n"))
        super().__init__(safe)
        self.message = safe
        self.facts = facts

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later without anybody mending anything: all retries are decided by this.

        Fact ``retryable`` says so, where it is known; else the category does.
        """
        return bool(self.facts.get("retryable", False))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle message and facts; ``Exception`` alone would lose the keywords."""
        return _rebuild, (type(self), self.message, self.facts)


def _safe_line(line: str) -> str:
    return line if line.isprintable() else line[: len(line) - len(line.lstrip(" "))] + printable(line)


def _rebuild(cls: type[OsirisError], message: str, facts: dict[str, Any]) -> OsirisError:
    return cls(message, **facts)


class ConnectionConfigError(OsirisError, ValueError):
    """The connections file, a reference, a field or an environment variable is wrong.

    ``facts`` has ``reference``, ``field``, ``file`` and ``line`` where they are known.
    """


class ConnectionNotFoundError(ConnectionConfigError, LookupError):
    """There is no such connection in the file, or there is no file; Airflow's connections may still know it."""


class DriverConfigError(OsirisError, ValueError):
    """A step's config, inputs or driver name is wrong. The message names the step."""


class MissingPackageError(OsirisError, ImportError):
    """An optional package is not installed. The message names the command that installs it."""


class DataError(OsirisError):
    """The data does not fit where it should go. The message names column and row where they are known."""


class ConnectorError(OsirisError):
    """The peer refused, failed or stayed silent; ``category`` says which (CONN-010).

    ``facts`` has ``reference``, ``fault`` (a stable slug such as ``wrong_password``), ``retryable`` (bool) and
    ``retry_after`` (seconds) where they are known.
    """

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later; see :attr:`OsirisError.is_transient`."""
        return bool(self.facts.get("retryable", self.category in TRANSIENT))


class AuthError(ConnectorError):
    """The peer does not accept these credentials."""

    category = "auth"


class PermissionDeniedError(ConnectorError):
    """The credentials are good, the right is missing."""

    category = "permission"


class NetworkError(ConnectorError):
    """The peer was not reached, or the line broke."""

    category = "network"


class ConnectTimeoutError(ConnectorError):
    """The peer did not answer in time."""

    category = "timeout"


class UnknownConnectorError(ConnectorError):
    """The peer answered something that fits no other category."""


ERROR_BY_CATEGORY: dict[Category, type[ConnectorError]] = {
    "auth": AuthError,
    "permission": PermissionDeniedError,
    "network": NetworkError,
    "timeout": ConnectTimeoutError,
    "unknown": UnknownConnectorError,
}


def did_you_mean(wrong: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, else an empty string.

    :param wrong: what was written.
    :param known: what could have been written.
    """
    import difflib

    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
