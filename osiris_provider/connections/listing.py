"""What is public of each connection of a file (CONN-021), and which variables its secrets come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from osiris_provider.connections.env import EnvProblemError, substitute_all, variables_in, without_variables
from osiris_provider.connections.file import ConnectionsFile, Entry
from osiris_provider.connections.find import default_alias
from osiris_provider.connections.load import FileArgument, files_read, load_connections, read_connections
from osiris_provider.connections.redact import MASK, Redactor, public_value, secret_texts, secrets_in, texts
from osiris_provider.connections.registry import declared_fields, load_family
from osiris_provider.errors import ConnectionConfigError


def list_connections(file: FileArgument = None) -> list[dict[str, Any]]:
    """List the connections of the file with what is public of each (CONN-021).

    :param file: path of the connections file; None looks in the standard locations.
    :return: a dict a connection: ``family``, ``alias``, the public fields that are given, ``***`` for a field that
        the family does not know, and ``default: True`` on the family's default. A public ``${VAR}`` that is not set
        stays as written, or is ``***`` if a login or a secret stands beside it.
    :raises ConnectionConfigError: there is no file, it cannot be read, or its structure is wrong.
    """
    known = load_connections(file)
    environ = dict(os.environ)
    families = {family: _Family(known, family, environ) for family in {family for family, _ in known.entries}}
    return [_public(entry, families[entry.family]) for entry in known.entries.values()]


class _Family:
    """What the connections of a family in a file have in common.

    :param known: the file.
    :param family: its name.
    :param environ: the variables; a plain dict is asked much faster than ``os.environ``.
    """

    def __init__(self, known: ConnectionsFile, family: str, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.default = default_alias(known, family)
        self.declared = declared_fields(family)
        self.public = {name for name, field in self.declared.items() if field.public}
        # Whether the other fields of a connection say what in it is secret, as conn_type does for extra.
        self.form_decides = any(field.is_json for field in self.declared.values())
        self._name = family
        self._redactors: dict[tuple[tuple[str, Any], ...], Redactor] = {}

    def redactor(self, given: Mapping[str, Any]) -> Redactor:
        """Return the redactor of a connection; many have the same secrets, or none that is known.

        :param given: what in the connection may be secret, variables replaced.
        """
        key = tuple(given.items())
        try:
            redactor = self._redactors.get(key)
        except TypeError:
            # An object of JSON cannot be a key.
            return Redactor(_secret_texts(self._name, given))
        if redactor is None:
            redactor = self._redactors[key] = Redactor(_secret_texts(self._name, given) if given else ())
        return redactor


def _public(entry: Entry, family: _Family) -> dict[str, Any]:
    """Return what is public of an entry."""
    redactor = family.redactor(_may_be_secret(entry, family))
    shown: dict[str, Any] = {"family": entry.family, "alias": entry.alias}
    for name, value in entry.fields.items():
        field = family.declared.get(name)
        if field is None:
            shown[name] = MASK
        elif name in family.public and value is not None:
            shown[field.name] = _shown(entry.written(name, field), family.environ, redactor)
    if entry.alias == family.default:
        shown["default"] = True
    return shown


def _may_be_secret(entry: Entry, family: _Family) -> dict[str, Any]:
    """Return what no public field may show (CONN-011), as far as its variables are set."""
    given: dict[str, Any] = {}
    for name in entry.fields:
        field = family.declared.get(name)
        if field is None or field.secret or family.form_decides:
            try:
                given[name] = substitute_all(entry.written(name, field), family.environ)
            except EnvProblemError:
                # What is not set cannot be shown.
                continue
    return given


def _secret_texts(family: str, given: Mapping[str, Any]) -> Iterable[str]:
    try:
        return load_family(family).secret_texts(given)
    except ConnectionConfigError:
        # Nothing is known to be public.
        return secret_texts({}, given)


def _shown(value: Any, environ: Mapping[str, str], redactor: Redactor) -> Any:
    try:
        return public_value(substitute_all(value, environ), redactor)
    except EnvProblemError:
        # As it is written, unless a login or a secret stands beside the variables.
        known = without_variables(value) if isinstance(value, str) else None
        return value if known is not None and public_value(known, redactor) == known else MASK


def secret_variables() -> frozenset[str]:
    """Return the names of variables in fields that may hold a secret, of each file that this process has read.

    The file in the standard locations is read for it; where there is none, or none that can be read, it has none.
    """
    with suppress(ConnectionConfigError):
        # What asks for a connection of it says so.
        read_connections()
    return frozenset(name for file in files_read() for entry in file.entries.values() for name in _variables_of(entry))


def _variables_of(entry: Entry) -> Iterator[str]:
    declared = declared_fields(entry.family)
    for name in entry.fields:
        field = declared.get(name)
        if field is None or field.secret:
            value = entry.written(name, field)
            for text in texts(secrets_in(value) if field is not None and field.is_json else value):
                yield from variables_in(text)
