"""From a reference to the fields of a connection (CONN-003, 005, 006), and from a file to its list (CONN-021)."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from osiris_provider.connections.env import EnvProblemError, substitute
from osiris_provider.connections.file import ConnectionsFile, Entry, Problem
from osiris_provider.connections.load import FileArgument, invalid, load_connections, read_connections
from osiris_provider.connections.redact import MASK, Redactor, is_sensitive, public_value, secret_texts
from osiris_provider.connections.reference import ConnectionRef, shown
from osiris_provider.connections.registry import Field, family_names, load_family
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connections.trust import distrust, others_read
from osiris_provider.connections.yaml_nodes import misread, parsed_object
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError
from osiris_provider.messages import did_you_mean

__all__ = [
    "FileArgument",
    "default_alias",
    "find_by_id",
    "find_entry",
    "list_connections",
    "resolve_connection",
    "resolve_entry",
    "validate_file",
]

log = logging.getLogger(__name__)


def resolve_connection(reference: str | ConnectionRef, file: FileArgument = None) -> ResolvedConnection:
    """Resolve ``@family.alias`` to its fields, secrets in clear (CONN-006).

    :param reference: ``@mysql.default``, or ``@mysql`` for the family's default.
    :param file: path of the connections file; None looks in the standard locations (CONN-001).
    :return: the given fields coerced to their types, plus ``family`` and ``alias``, made at each call. Printed or
        pickled it shows no secret; ``dict(connection)`` is the plain dict of CONN-006.
    :raises ConnectionNotFoundError: there is no file, or it does not have the reference.
    :raises ConnectionConfigError: the reference, the file, a field or a variable is wrong; all problems of the
        connection in one message.
    """
    ref = reference if isinstance(reference, ConnectionRef) else _parsed(reference, file)
    known = load_connections(file)
    entry = find_entry(known, ref)
    fields, problems, warnings = resolve_entry(entry)
    problems = known.problems_of(entry.reference) + problems
    if problems:
        raise invalid(entry.reference, known.path, problems)
    for warning in warnings:
        log.warning("%s:%s: %s: %s", known.path, warning.line, entry.reference, warning.message)
    return ResolvedConnection(fields, load_family(entry.family).model)


def _parsed(reference: str, file: FileArgument) -> ConnectionRef:
    try:
        return ConnectionRef.parse(reference)
    except ConnectionConfigError as error:
        problem = error
    try:
        near = near_reference(str(reference), load_connections(file).references())
    except ConnectionConfigError:
        near = ""
    message = f"{problem}{near}"
    raise problem.restated(message)


def list_connections(file: FileArgument = None) -> list[dict[str, Any]]:
    """List the connections of the file with what is public of each (CONN-021).

    :param file: path of the connections file; None looks in the standard locations.
    :return: a dict a connection: ``family``, ``alias``, the public fields that are given, ``***`` for a field that
        the family does not know, and ``default: True`` on the family's default. A public ``${VAR}`` that is not set
        stays as written.
    :raises ConnectionConfigError: there is no file, it cannot be read, or its structure is wrong.
    """
    known = load_connections(file)
    environ = dict(os.environ)
    families = {family: _Family(known, family, environ) for family in {family for family, _ in known.entries}}
    return [_public(entry, families[entry.family]) for entry in known.entries.values()]


def validate_file(file: FileArgument = None, *, variables: bool = True) -> tuple[Path, list[Problem], list[Problem]]:
    """Check a whole connections file.

    :param file: path of the connections file; None looks in the standard locations.
    :param variables: False leaves out variables that are not set, for machines that have no secrets.
    :return: the path, all problems, and all warnings, in the order of their lines.
    :raises ConnectionConfigError: there is no file, or it cannot be opened.
    """
    known = read_connections(file)
    problems, warnings = list(known.problems), _exposed(known)
    for entry in known.entries.values():
        _, invalid, warned = resolve_entry(entry, variables=variables, remarks=True)
        problems += invalid
        warnings += warned
    return known.path, sorted(problems, key=_by_line), sorted(warnings, key=_by_line)


def _exposed(known: ConnectionsFile) -> list[Problem]:
    """Return warnings about what other users can do to the file, and what they can read in it."""
    warnings: list[Problem] = []
    problem = distrust(known.path)
    if problem:
        warnings.append(Problem(f"{problem}; correct owner and mode (chown, chmod go-w)"))
    if not others_read(known.path):
        return warnings
    message = "holds a secret, and other users can read the file; take it from a variable (${NAME}), or chmod 600"
    for entry in known.entries.values():
        declared = _declared(entry.family)
        literal = [
            name for name in entry.raw if name in declared and _holds_literal_secret(entry, declared[name], name)
        ]
        warnings += [_problem(entry, name, message) for name in literal]
    return warnings


def _holds_literal_secret(entry: Entry, field: Field, name: str) -> bool:
    value = parsed_object(entry.raw[name]) if field.is_json else entry.raw[name]
    if field.is_json and isinstance(value, dict):
        value = {key: inner for key, inner in value.items() if is_sensitive(key)}
    return field.secret and _is_literal(value)


def _is_literal(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_literal, value.values()))
    if isinstance(value, list):
        return any(map(_is_literal, value))
    return bool(value) and not re.search(r"(?<!\$)\$\{", str(value))


def find_entry(known: ConnectionsFile, ref: ConnectionRef) -> Entry:
    """Return the entry of a reference, or of the family's default (CONN-003).

    :param known: a file that was read.
    :param ref: the reference.
    :raises ConnectionNotFoundError: names the nearest reference of the file.
    :raises ConnectionConfigError: there is no such family, or the alias cannot be one.
    """
    alias = ref.alias or default_alias(known, ref.family)
    entry = known.entries.get((ref.family, alias)) if alias else None
    if entry:
        return entry
    near = near_reference(str(ref), known.references())
    _require_family(ref, near)
    aliases = known.aliases(ref.family)
    if ref.alias is None and aliases:
        listed = ", ".join(f"@{ref.family}.{name}" for name in aliases)
        message = f"{ref} has no default in {known.path}. Mark one with default: true, or name one of {listed}."
        raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))
    listed = f" Family {ref.family} has {', '.join(aliases)}." if aliases else f" It has no family {ref.family}."
    message = f"{ref} is not in {known.path}.{near}{listed}"
    raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))


def near_reference(wrong: str, known: Sequence[str]) -> str:
    """Return ``" Did you mean '@mysql.main'?"`` for a reference that is near in family and alias, else nothing.

    :param wrong: what was written.
    :param known: the references that there are.
    """
    import difflib

    plain = wrong.strip().lower().lstrip("@")
    family, _, alias = (plain if "." in plain else re.sub(r"[-/: ]", ".", plain, count=1)).partition(".")
    families = {one.split(".")[0].lstrip("@") for one in known}
    meant = next(iter(difflib.get_close_matches(family, families, n=1, cutoff=0.6)), None)
    aliases = [one.split(".", 1)[1] for one in known if one.startswith(f"@{meant}.")]
    near = next(iter(difflib.get_close_matches(alias, aliases, n=1, cutoff=0.6)), None)
    return f" Did you mean '@{meant}.{near}'?" if near else ""


def _require_family(ref: ConnectionRef, near: str) -> None:
    families = family_names()
    if ref.family not in families:
        hint = near or did_you_mean(ref.family, families)
        message = f"{ref}: unknown family '{ref.family}'.{hint} Known are {', '.join(families)}."
        raise ConnectionConfigError(message, reference=str(ref))


def default_alias(known: ConnectionsFile, family: str) -> str | None:
    """Return the alias that ``@family`` stands for: the one marked, else the one named ``default``, else None."""
    marked = [alias for (name, alias), entry in known.entries.items() if name == family and entry.is_default]
    if marked:
        return marked[0]
    return "default" if (family, "default") in known.entries else None


def find_by_id(known: ConnectionsFile, connection_id: str) -> Entry | None:
    """Return the entry whose connection Airflow knows under an id.

    :param known: a file that was read.
    :param connection_id: such as ``osiris_mysql_default``, or the own id of an entry of family ``airflow``.
    """
    for entry in known.entries.values():
        if connection_id.endswith(entry.alias):
            with contextlib.suppress(ConnectionConfigError):
                if load_family(entry.family).airflow_id(entry.alias) == connection_id:
                    return entry
    return None


def resolve_entry(
    entry: Entry, *, variables: bool = True, remarks: bool = False
) -> tuple[dict[str, Any], list[Problem], list[Problem]]:
    """Replace variables and coerce the fields of one entry.

    :param entry: an entry of the file.
    :param variables: False: a variable that is not set is no problem.
    :param remarks: True: ask the family also what only a check of the file has to say; it takes its time.
    :return: the resolved connection, its problems, and its warnings (unknown fields that have no part in security).
    """
    try:
        family = load_family(entry.family)
    except ConnectionConfigError as error:
        return {}, [Problem(str(error), entry.line, entry.reference)], []
    declared = family.declared()
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    unset: set[str] = set()
    for name in entry.fields:
        written = _written(entry, name, declared.get(name))
        if name in declared and declared[name].is_json:
            problems += [_problem(entry, *each) for each in misread(name, entry.fields[name], entry.raw[name])]
        try:
            given[name] = _substituted(written, os.environ)
        except EnvProblemError as problem:
            # What is written stands in for the value, so that what else is wrong is found too.
            given[name] = written
            unset.add(name)
            if variables:
                problems.append(_problem(entry, name, str(problem)))
    coerced, wrong, unknown = family.coerce(given)
    wrong += _empty_secrets(entry, declared)
    # Of a variable that is not set only the value is missing; that no one knows the field is true all the same.
    wrong = [(field, message) for field, message in wrong if field not in unset or field not in declared]
    problems += [_problem(entry, field, message) for field, message in wrong]
    warnings = [_problem(entry, name, _unknown_field(entry, name, list(declared))) for name in unknown]
    if remarks:
        warnings += [_problem(entry, field, message) for field, message in family.remarks(given)]
    return {"family": entry.family, "alias": entry.alias, **coerced}, problems, warnings


def _written(entry: Entry, name: str, field: Field | None) -> Any:
    """Return the text of a field that holds text, so that a password of ``0123`` or ``no`` keeps its characters."""
    if field is None or not (field.verbatim or field.is_json):
        return entry.fields[name]
    if field.is_json:
        return parsed_object(entry.fields[name])
    return entry.raw[name]


def _substituted(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return substitute(value, environ)
    if isinstance(value, dict):
        return {name: _substituted(item, environ) for name, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item, environ) for item in value]
    return value


def _empty_secrets(entry: Entry, declared: Mapping[str, Field]) -> list[tuple[str | None, str]]:
    """Find ``password: #secret``, of which YAML makes a comment."""
    problem = "is empty; leave it out, or put a value that begins with # in single quotes"
    return [(name, problem) for name in sorted(entry.empty) if name in declared and declared[name].secret]


def _problem(entry: Entry, field: str | None, message: str) -> Problem:
    line = entry.lines.get(field or "") or entry.lines.get((field or "").partition(".")[0], entry.line)
    return Problem(f"field {shown(field)}: {message}" if field else message, line, entry.reference, field)


def _unknown_field(entry: Entry, name: str, declared: list[str]) -> str:
    return f"is not known to family {entry.family}.{did_you_mean(name, declared)}"


class _Family:
    """What the connections of a family in a file have in common.

    :param known: the file.
    :param family: its name.
    :param environ: the variables; a plain dict is asked much faster than ``os.environ``.
    """

    def __init__(self, known: ConnectionsFile, family: str, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.default = default_alias(known, family)
        self.declared = _declared(family)
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
            shown[field.name] = _shown(_written(entry, name, field), family.environ, redactor)
    if entry.alias == family.default:
        shown["default"] = True
    return shown


def _declared(family: str) -> Mapping[str, Field]:
    try:
        return load_family(family).declared()
    except ConnectionConfigError:
        # Its package is broken; doctor and validate say so. Nothing is known to be public.
        return {}


def _may_be_secret(entry: Entry, family: _Family) -> dict[str, Any]:
    """Return what no public field may show (CONN-011), as far as its variables are set."""
    given: dict[str, Any] = {}
    for name in entry.fields:
        field = family.declared.get(name)
        if field is None or field.secret or family.form_decides:
            try:
                given[name] = _substituted(_written(entry, name, field), family.environ)
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
        value = _substituted(value, environ)
    except EnvProblemError:
        return value
    return public_value(value, redactor)


def _by_line(problem: Problem) -> int:
    return problem.line or 0
