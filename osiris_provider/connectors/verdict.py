"""What doctor says of a connection: one typed thing inside, the forms of the contract at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from osiris_provider.connections.reference import reference_to
from osiris_provider.connectors.faults import MISCONFIGURED, NO_SUCH_CONNECTION
from osiris_provider.errors import MAX_MESSAGE, Category, ConnectionNotFoundError, ConnectorError, Fault, OsirisError
from osiris_provider.messages import printable

UNTESTED = "untestable"
"""Slug of the fault that says that nothing was tried, because nothing can be tried safely."""


class DoctorDetails(TypedDict):
    """The second part of what ``doctor()`` returns (CONN-009)."""

    latency_ms: float | None
    category: Category
    message: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a check has found.

    :param message: for people; free of secrets.
    :param fault: what is wrong; None if the connection is healthy.
    :param latency_ms: milliseconds that reaching it took; None unless it is healthy.
    :param server: what is worth showing of a healthy server, as JSON-able values.
    :param family: of the connection, as far as it is known.
    :param alias: of the connection, as far as it is known.
    """

    message: str
    fault: Fault | None = None
    latency_ms: float | None = None
    server: Mapping[str, Any] = field(default_factory=dict)
    family: str = ""
    alias: str | None = None

    @classmethod
    def healthy(cls, latency_ms: float, server: Mapping[str, Any]) -> Verdict:
        """Return the verdict on a connection whose identity can work there.

        :param latency_ms: milliseconds.
        :param server: see :class:`Verdict`; its texts, which came from a peer, are shortened and made printable.
        """
        return cls("Connection successful", None, latency_ms, _printable_inside(server))

    @classmethod
    def of(cls, fault: Fault, message: str) -> Verdict:
        """Return the verdict for a fault.

        :param fault: what is wrong.
        :param message: the filled-in message.
        """
        return cls(printable(message)[:MAX_MESSAGE], fault)

    @classmethod
    def misconfigured(cls, message: str) -> Verdict:
        """Return the verdict on a connection that cannot even be tried: a mistake in the file or in a call.

        :param message: what to correct; free of secrets.
        """
        return cls.of(MISCONFIGURED, message)

    @classmethod
    def unresolved(cls, error: OsirisError) -> Verdict:
        """Return the verdict on a reference that leads to no connection.

        :param error: of resolving it. Fault ``no_such_connection`` tells what no one knows from what is wrong.
        """
        if isinstance(error, ConnectorError):
            return cls.of(error.fault, str(error))
        return cls.of(NO_SUCH_CONNECTION if isinstance(error, ConnectionNotFoundError) else MISCONFIGURED, str(error))

    @property
    def ok(self) -> bool:
        """Whether the connection is healthy."""
        return self.fault is None

    @property
    def unhealthy(self) -> bool:
        """Whether something is wrong. Of a connection that cannot be tested nothing is said, neither this nor ok."""
        return self.fault is not None and self.fault.slug != UNTESTED

    @property
    def category(self) -> Category:
        """Category of CONN-010."""
        return "ok" if self.fault is None else self.fault.category

    @property
    def is_transient(self) -> bool:
        """Whether an unhealthy connection may become healthy by itself; see :attr:`Fault.is_transient`."""
        return self.fault is not None and self.fault.is_transient

    @property
    def reference(self) -> str:
        """The connection's reference, or what was asked for if that is none."""
        return reference_to(self.family, self.alias) if self.alias else str(self.family)

    @property
    def details(self) -> dict[str, Any]:
        """What is worth showing of a healthy server; else the fault's slug, and whether a retry can help."""
        if self.fault is None:
            return dict(self.server)
        return {"fault": self.fault.slug, "retryable": self.is_transient}

    def at(self, family: str, alias: str | None) -> Verdict:
        """Return the verdict with the connection that it is about.

        :param family: of the connection.
        :param alias: of the connection.
        """
        return replace(self, family=family, alias=alias)

    def as_tuple(self) -> tuple[bool, DoctorDetails]:
        """Return what ``doctor()`` returns (CONN-009)."""
        details: DoctorDetails = {
            "latency_ms": self.latency_ms,
            "category": self.category,
            "message": self.message,
            "details": self.details,
        }
        return self.ok, details

    def as_dict(self) -> dict[str, Any]:
        """Return the report of CONN-020, as JSON-able values: for the command line, XCom, events and callbacks."""
        ok, details = self.as_tuple()
        return {"family": self.family, "alias": self.alias, "ok": ok, **details}

    @classmethod
    def from_dict(cls, report: Mapping[str, Any]) -> Verdict:
        """Return the verdict of a report that has come from another process.

        :param report: of :meth:`as_dict`.
        """
        family, alias, details = report["family"], report["alias"], report["details"]
        if report["ok"]:
            return cls(report["message"], None, report["latency_ms"], details, family, alias)
        fault = Fault(details["fault"], report["category"], report["message"], not details["retryable"])
        return cls(report["message"], fault, family=family, alias=alias)


def _printable_inside(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)[:MAX_MESSAGE]
    if isinstance(value, dict):
        return {_printable_inside(str(name)): _printable_inside(item) for name, item in value.items()}
    return [_printable_inside(item) for item in value] if isinstance(value, (list, tuple)) else value
