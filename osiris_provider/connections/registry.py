"""Which families there are: the entry points of group ``osiris_provider.connectors``.

The package's own families are registered the same way as those of third parties.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any, Protocol, cast

from osiris_provider.connections.reference import shown
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import did_you_mean

GROUP = "osiris_provider.connectors"
_PACKAGE = "airflow-provider-osiris"


class Field(Protocol):
    """What the file reader needs to know of one declared field."""

    name: str
    secret: bool
    public: bool
    verbatim: bool
    is_json: bool


class Family(Protocol):
    """What a connector class tells about the connections of its family."""

    family: str
    model: type[Any]
    aliases: re.Pattern[str]

    @classmethod
    def airflow_id(cls, alias: str) -> str:
        """Return the Airflow connection id of a connection of the family."""

    @classmethod
    def secret_texts(cls, fields: Mapping[str, Any]) -> Iterable[str]:
        """Return every text of a connection, valid or not, that may be secret."""

    @classmethod
    def remarks(cls, fields: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        """Return what a check of the file has to say of fields that are valid, as (field, message)."""

    @classmethod
    def declared(cls) -> Mapping[str, Field]:
        """Return the declared fields by name; an alias such as ``username`` leads to its field."""

    @classmethod
    def coerce(cls, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]], list[str]]:
        """Return the coerced fields, the problems as (field, message), and the unknown fields."""


@cache
def own_points(group: str) -> dict[str, EntryPoint]:
    """Return the package's own entry points of a group; no other distribution can replace them.

    To look through all that is installed takes a task longer than anything else before its work.

    :param group: such as ``osiris_provider.drivers``.
    """
    try:
        points = distribution(_PACKAGE).entry_points
    except PackageNotFoundError:
        return {}
    return {point.name: point for point in points.select(group=group)}


@cache
def all_points(group: str) -> dict[str, EntryPoint]:
    """Return all installed entry points of a group, by name."""
    return {**{point.name: point for point in sorted(entry_points(group=group))}, **own_points(group)}


def find_point(group: str, name: str) -> EntryPoint | None:
    """Return the entry point of that name, None if there is none."""
    return own_points(group).get(name) or all_points(group).get(name)


def family_names() -> list[str]:
    """Return the names of all installed families, sorted."""
    return list(all_points(GROUP))


def is_family(name: str) -> bool:
    """Return whether there is a family of that name."""
    return find_point(GROUP, name) is not None


def unknown_family(name: str) -> ConnectionConfigError:
    """Return the error of a name that no family has, with those that there are.

    :param name: as somebody has written it.
    """
    names = family_names()
    listed = ", ".join(names) or "none; reinstall airflow-provider-osiris"
    return ConnectionConfigError(f"Unknown family '{shown(name)}'.{did_you_mean(name, names)} Known are {listed}.")


@cache
def load_family(family: str) -> type[Family]:
    """Import and return the connector class of a family.

    :param family: such as ``mysql``.
    :raises ConnectionConfigError: there is no such family, or the package that has it cannot be imported.
    """
    point = find_point(GROUP, family)
    if point is None:
        raise unknown_family(family)
    try:
        return cast("type[Family]", point.load())
    except Exception as error:  # noqa: BLE001 - importing somebody's package may raise anything
        cause = f"{type(error).__name__}: {error}"
    package = point.dist.name if point.dist else "its package"
    message = f"Family '{family}' cannot be loaded from {point.value} ({cause}). Reinstall {package}."
    raise ConnectionConfigError(message)


def declared_fields(family: str) -> Mapping[str, Field]:
    """Return the fields of a family by their names, none if its package is broken.

    :param family: its name.
    """
    try:
        return load_family(family).declared()
    except ConnectionConfigError:
        # Doctor and validate say so. Nothing is known to be public.
        return {}
