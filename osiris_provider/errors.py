"""The exceptions of the package, named by what the caller should do about them.

::

    OsirisError
    ├── ConnectionConfigError (ValueError)   fix the connections file or its environment; a retry never helps
    │   └── ConnectionNotFoundError (LookupError)   neither the file nor Airflow knows the reference
    ├── DriverConfigError (ValueError)       fix the step's config; a retry never helps
    ├── PipelineConfigError (ValueError)     fix the pipeline's YAML; a retry never helps
    ├── MissingPackageError (ImportError)    install the extra that the message names
    ├── DataError                            the data does not fit; nothing was written
    └── ConnectorError                       the peer said no, or said nothing
        ├── AuthError                        fix the credentials; a retry never helps
        ├── PermissionDeniedError            grant the right; a retry never helps
        ├── NetworkError                     retry
        ├── ConnectTimeoutError              retry
        └── UnknownConnectorError            look; retry if the task has retries

Every message is safe to print: it holds no secret. Every exception survives pickling with all its attributes, because
Airflow moves them between processes. What happened at a peer is a :class:`Fault`, which the error carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, get_args

from osiris_provider.messages import printable

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = [
    "CATEGORIES",
    "AuthError",
    "Category",
    "ConnectTimeoutError",
    "ConnectionConfigError",
    "ConnectionNotFoundError",
    "ConnectorError",
    "DataError",
    "DriverConfigError",
    "Fault",
    "MissingPackageError",
    "NetworkError",
    "OsirisError",
    "PermissionDeniedError",
    "PipelineConfigError",
    "UnknownConnectorError",
]

# The categories of CONN-010.
Category = Literal["auth", "network", "permission", "timeout", "ok", "unknown"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
TRANSIENT: frozenset[Category] = frozenset({"network", "timeout", "unknown"})
"""Categories of what may pass by itself: auth and permission never do, what no one can classify may."""
MAX_MESSAGE = 299
"""Characters of a message that a fault makes."""


@dataclass(frozen=True)
class Fault:
    """One kind of failure. The same one in other words (:meth:`reworded`) is equal to it.

    :param slug: its stable name, for programs and tests; each is defined once in the whole package.
    :param category: of CONN-010.
    :param message: what happened, then what to do; ``{address}`` and ``{timeout}`` are filled in.
    :param permanent: waiting does not help, somebody has to correct something, although the category is one that is
        usually retried (an expired certificate is).
    """

    slug: str
    category: Category
    message: str = field(compare=False)
    permanent: bool = False

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later without anybody correcting anything.

        Doctor, sensor, operator, retry policy and drivers decide by this and by nothing else.
        """
        return self.category in TRANSIENT and not self.permanent

    @property
    def advice(self) -> str:
        """What to do about it: the message without its first sentence."""
        return self.message.partition(". ")[2]

    def reworded(self, message: str) -> Fault:
        """Return the same fault with a message that knows more.

        :param message: takes the place of the general one.
        """
        return replace(self, message=message)

    def text(self, address: str, timeout: float | None = None) -> str:
        """Return the message for a place; a long one loses its middle, so that what to do about it is still said.

        :param address: such as ``db.example.com:3306``; public and already free of secrets.
        :param timeout: seconds that were waited, where it matters.
        """
        waited = f"{timeout:g} s" if timeout else "the time given"
        said = self.message.replace("{timeout}", waited)
        room = max((MAX_MESSAGE - len(said.replace("{address}", ""))) // max(said.count("{address}"), 1), 3)
        if len(address) > room:
            address = f"{address[: room // 2]}…{address[len(address) - (room - 1) // 2 :]}"
        return said.replace("{address}", address)[:MAX_MESSAGE]

    def error(
        self,
        address: str,
        *,
        retry_after: float | None = None,
        cause: BaseException | None = None,
        **where: Unpack[Where],
    ) -> ConnectorError:
        """Return the exception to raise for this fault.

        :param address: see :meth:`text`.
        :param retry_after: see :class:`ConnectorError`.
        :param cause: see :class:`ConnectorError`; only the name of its class is kept.
        :param where: see :class:`Where`; ``reference`` is put before the message.
        """
        reference = where.get("reference")
        prefix = f"{reference}: " if reference else ""
        kind, named = ERROR_BY_CATEGORY[self.category], None if cause is None else type(cause).__name__
        return kind(prefix + self.text(address), fault=self, retry_after=retry_after, cause=named, **where)


UNKNOWN = Fault("unknown", "unknown", "{address} failed with an error that has no category yet. Please report it.")


class Where(TypedDict, total=False):
    """What an error is about, as far as it is known; each is an attribute of the error, None if it is not known."""

    reference: str | None
    """Of the connection: ``@mysql.default``, or the Airflow connection id."""
    field: str | None
    """Of the connection or of the step's config."""
    file: str | None
    line: int | None
    step: str | None
    table: str | None
    column: str | None
    row: int | None
    """Number of the row, from 1."""


class OsirisError(Exception):
    """Base of all errors of this package.

    :param message: what happened, in words for the person who has to act. Never holds a secret; its lines are made
        :func:`~osiris_provider.messages.printable`.
    :param where: see :class:`Where`.
    """

    category: Category = "unknown"
    message: str
    reference: str | None = None
    field: str | None = None
    file: str | None = None
    line: int | None = None
    step: str | None = None
    table: str | None = None
    column: str | None = None
    row: int | None = None

    def __init__(self, message: str, **where: Unpack[Where]) -> None:
        unknown = where.keys() - Where.__annotations__
        if unknown:
            problem = f"{type(self).__name__} has no attribute {min(unknown)}"
            raise TypeError(problem)
        safe = "\n".join(_safe_line(line) for line in message.split("\n"))
        super().__init__(safe)
        self.message = safe
        vars(self).update(where)

    @classmethod
    def in_step(cls, step_id: str, problem: str, driver: str = "", **where: Unpack[Where]) -> Self:
        """Return an error of a step, with which its message begins.

        :param step_id: its id.
        :param problem: the rest of the message.
        :param driver: its name, where it is not clear whose problem it is.
        :param where: is known beside it.
        """
        where["step"] = step_id
        named = f" ({driver})" if driver else ""
        return cls(f"Step {step_id}{named}: {problem}", **where)

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later without anybody correcting anything: all retries are decided by this."""
        return False

    def restated(self, message: str, **where: Unpack[Where]) -> Self:
        """Return this error in other words, for somebody who knows more about where it happened.

        :param message: takes the place of the message.
        :param where: is added to what is known already.
        """
        again = copy(self)
        OsirisError.__init__(again, message, **where)
        return again


def _safe_line(line: str) -> str:
    return line if line.isprintable() else line[: len(line) - len(line.lstrip(" "))] + printable(line)


class ConnectionConfigError(OsirisError, ValueError):
    """The connections file, a reference, a field or an environment variable is wrong.

    ``reference``, ``field``, ``file`` and ``line`` say where, as far as it is known.
    """


class ConnectionNotFoundError(ConnectionConfigError, LookupError):
    """There is no such connection in the file, or there is no file; Airflow's connections may still know it."""


class DriverConfigError(OsirisError, ValueError):
    """A step's config, inputs or driver name is wrong. The message names the step."""


class PipelineConfigError(OsirisError, ValueError):
    """A pipeline's YAML, or a ``.sql`` file beside it, is wrong: a line of the message for each problem.

    ``file``, ``line``, ``step`` and ``field`` are those of the first one.

    :param problems: all of them, each as a dict of ``file``, ``line``, ``step``, ``field`` and ``message``.
    """

    problems: tuple[dict[str, Any], ...]

    def __init__(self, message: str, *, problems: Iterable[dict[str, Any]] = (), **where: Unpack[Where]) -> None:
        super().__init__(message, **where)
        self.problems = tuple(problems)


class MissingPackageError(OsirisError, ImportError):
    """An optional package is not installed. The message names the command that installs it."""


class DataError(OsirisError):
    """The data does not fit where it should go. ``column`` and ``row`` say where, as far as it is known."""


class ConnectorError(OsirisError):
    """The peer refused, failed or stayed silent; ``category`` says which (CONN-010).

    :param fault: what it was. Not given, it is the one of the class, whose slug is the category.
    :param retry_after: seconds after which the peer wants to be asked again, if it said so.
    :param cause: name of the client library's exception class. The exception itself is not kept: its text and its
        arguments may hold a secret.
    :raises ValueError: the fault is of another category than the class; :meth:`Fault.error` takes the right class.
    """

    default: ClassVar[Fault] = UNKNOWN
    fault: Fault
    retry_after: float | None
    cause: str | None

    def __init__(
        self,
        message: str,
        *,
        fault: Fault | None = None,
        retry_after: float | None = None,
        cause: str | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(message, **where)
        self.fault = self.default if fault is None else fault
        self.retry_after = retry_after
        self.cause = cause
        if self.fault.category != self.category:
            problem = f"{type(self).__name__} cannot carry fault {self.fault.slug} of category {self.fault.category}"
            raise ValueError(problem)

    @property
    def is_transient(self) -> bool:
        """Whether the same may succeed later; see :attr:`Fault.is_transient`."""
        return self.fault.is_transient


class AuthError(ConnectorError):
    """The peer does not accept these credentials."""

    category = "auth"
    default = Fault("auth", "auth", "{address} does not accept these credentials. Check them.")


class PermissionDeniedError(ConnectorError):
    """The credentials are good, the right is missing."""

    category = "permission"
    default = Fault(
        "permission", "permission", "{address} accepts these credentials, but a right is missing. Grant it."
    )


class NetworkError(ConnectorError):
    """The peer was not reached, or the line broke."""

    category = "network"
    default = Fault("network", "network", "{address} was not reached, or the line broke. Check the network between.")


class ConnectTimeoutError(ConnectorError):
    """The peer did not answer in time."""

    category = "timeout"
    default = Fault(
        "timeout", "timeout", "{address} did not answer in time. Check firewall and load, or allow more time."
    )


class UnknownConnectorError(ConnectorError):
    """The peer answered something that fits no other category."""


_KINDS = (AuthError, PermissionDeniedError, NetworkError, ConnectTimeoutError, UnknownConnectorError)
ERROR_BY_CATEGORY: dict[Category, type[ConnectorError]] = {kind.category: kind for kind in _KINDS}
