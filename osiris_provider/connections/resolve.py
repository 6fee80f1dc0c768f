"""From a reference to the fields of a connection (CONN-003, 005, 006)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import Any

from osiris_provider.connections.env import EnvProblemError, substitute_all
from osiris_provider.connections.file import Entry, Problem
from osiris_provider.connections.find import find_entry, near_reference
from osiris_provider.connections.load import FileArgument, invalid, load_connections
from osiris_provider.connections.redact import texts
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.registry import Field, load_family
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connections.yaml.nodes import misread
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import did_you_mean

__all__ = ["FileArgument", "resolve_connection", "resolve_entry"]

log = logging.getLogger(__name__)

LINE_BREAK = (
    "ends with a line break, which is a part of it. If it should not be, fill the variable or the Kubernetes secret "
    "with printf %s or echo -n, which add none, or write |- for | in this file"
)

NO_VARIABLE = "looks like a variable, and is taken for a text as it is; a variable is written ${NAME}"
_LIKE_VARIABLE = re.compile(r"\s*(\$[A-Z_][A-Z0-9_]{2,}|\{\{.*\}\})\s*", re.DOTALL)
"""What shells, and the templates of Airflow and of dbt, call a variable."""


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
    if not entry.has_fields:
        # That they are missing is said already; which of them are would be more of the same.
        return {"family": entry.family, "alias": entry.alias}, [], []
    declared = family.declared()
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    unset: set[str] = set()
    for name in entry.fields:
        written = entry.written(name, declared.get(name))
        if name in declared and declared[name].is_json:
            problems += [entry.problem(*each) for each in misread(name, entry.fields[name], entry.raw[name])]
        try:
            given[name] = substitute_all(written, os.environ)
        except EnvProblemError as problem:
            # What is written stands in for the value, so that what else is wrong is found too.
            given[name] = written
            unset.add(name)
            if variables:
                problems.append(entry.problem(name, str(problem)))
    coerced, wrong, unknown = family.coerce(given)
    wrong += _empty_secrets(entry, declared)
    # Of a variable that is not set only the value is missing; that no one knows the field is true all the same.
    wrong = [(field, message) for field, message in wrong if field not in unset or field not in declared]
    problems += [entry.problem(field, message) for field, message in wrong]
    warnings = [entry.problem(name, _unknown_field(entry, name, list(declared))) for name in unknown]
    warnings += [
        entry.problem(name, LINE_BREAK) for name in given if _has_stray_line_break(declared.get(name), given[name])
    ]
    warnings += [entry.problem(name, NO_VARIABLE) for name in given if _looks_like_variable(entry.raw[name])]
    if remarks:
        warnings += [entry.problem(field, message) for field, message in family.remarks(given)]
    return {"family": entry.family, "alias": entry.alias, **coerced}, problems, warnings


def _empty_secrets(entry: Entry, declared: Mapping[str, Field]) -> list[tuple[str | None, str]]:
    """Find ``password: #secret``, of which YAML makes a comment."""
    problem = "is empty; leave it out, or put a value that begins with # in single quotes"
    return [(name, problem) for name in sorted(entry.empty) if name in declared and declared[name].secret]


def _has_stray_line_break(field: Field | None, value: Any) -> bool:
    """Return whether a secret is one line and its end, which hardly any server takes; keys in PEM have several."""
    if field is None or not field.secret or not isinstance(value, str):
        return False
    line = value.removesuffix("\n").removesuffix("\r")
    return line != value and "\n" not in line


def _looks_like_variable(written: Any) -> bool:
    return any(_LIKE_VARIABLE.fullmatch(text) for text in texts(written))


def _unknown_field(entry: Entry, name: str, declared: list[str]) -> str:
    return f"is not known to family {entry.family}.{did_you_mean(name, declared)}"
