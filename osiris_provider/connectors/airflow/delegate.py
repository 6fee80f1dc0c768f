"""Which of our families checks an Airflow connection of another provider's type."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from osiris_provider.connections.registry import family_names
from osiris_provider.connectors.airflow_form import connection_type_of, from_airflow
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.http.connection import is_loopback
from osiris_provider.connectors.model import SLOTS
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.hook_doctor import HookConnection, hook_type


@dataclass(frozen=True)
class Delegate:
    """A family's connector, the connection in its fields, and what counts as an answer; see ``OtherType``."""

    connector: Connector[Any, Any]
    connection: Mapping[str, Any] = field(repr=False)
    answered: frozenset[str] = frozenset()


def delegate_of(attributes: Mapping[str, Any], connection_id: str) -> Delegate | None:
    """Return who checks a connection, None for its own hook.

    :param attributes: ``conn_type``, the slots, and ``extra``, a dict.
    :param connection_id: for messages.
    :raises ConnectionConfigError: it is of one of our own types, and wrong.
    """
    conn_type = attributes["conn_type"]
    for family in family_names():
        # A type "osiris_airflow" would be handed to itself for ever.
        if family == "airflow":
            continue
        with suppress(_BrokenPackageError):
            connector = _connector(family)
            if conn_type == connection_type_of(family):
                return Delegate(connector, from_airflow(family, attributes, connection_id, connection_id=connection_id))
            other = connector.other_types.get(conn_type)
            fields = other.fields(attributes) if other else None
            if other is not None and fields is not None:
                given = {name: value for name, value in fields.items() if value not in (None, "")}
                return Delegate(connector, {"family": family, **given}, other.answered(attributes))
    return None


def note_on(attributes: Mapping[str, Any]) -> str | None:
    """Return what is to be said of a connection: by a family that knows its type, see ``OtherType``, or by its hook's.

    :param attributes: as of :func:`delegate_of`.
    """
    for family in family_names():
        with suppress(_BrokenPackageError):
            other = _connector(family).other_types.get(attributes["conn_type"])
            if other is not None:
                return other.note(attributes)
    given = {name: attributes[name] for name in ("conn_type", "extra", *SLOTS)}
    connection = HookConnection("", **given)
    return None if is_loopback(connection.host) else hook_type(connection.conn_type).note(connection)


class _BrokenPackageError(Exception):
    """A family's package cannot be imported; what it could check is not known."""


def _connector(family: str) -> Connector[Any, Any]:
    try:
        return get_connector(family)
    except ConnectionConfigError as error:
        raise _BrokenPackageError from error
