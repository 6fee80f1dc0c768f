"""All that is wrong with a connections file, and what is unwise about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from osiris_provider.connections.file import ConnectionsFile, Entry, Problem
from osiris_provider.connections.load import FileArgument, read_connections
from osiris_provider.connections.redact import secrets_in, texts
from osiris_provider.connections.registry import Field, declared_fields, load_family
from osiris_provider.connections.resolve import resolve_entry
from osiris_provider.connections.resolved import IDENTITY
from osiris_provider.connections.trust import distrust, others_read
from osiris_provider.errors import ConnectionConfigError


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
        fields, invalid, warned = resolve_entry(entry, variables=variables, remarks=True)
        problems += invalid or _further(entry, fields)
        warnings += warned
    return known.path, sorted(problems, key=_by_line), sorted(warnings, key=_by_line)


def _further(entry: Entry, fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with fields that are right one by one, if the variables of all of them are set."""
    if not fields.keys() - set(IDENTITY) or any("${" in text for text in texts(fields)):
        # Where a variable is not set, there may be a mistake that is none with it.
        return
    try:
        load_family(entry.family).model.parse(fields).check_further()
    except ConnectionConfigError as error:
        declared = declared_fields(entry.family)
        written = (name for name in entry.lines if name in declared and declared[name].name == error.field)
        line = entry.lines.get(next(written, ""), entry.line)
        yield Problem(str(error), line, entry.reference, error.field)


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
        declared = declared_fields(entry.family)
        literal = [
            name for name in entry.raw if name in declared and _holds_literal_secret(entry, declared[name], name)
        ]
        warnings += [entry.problem(name, message) for name in literal]
    return warnings


def _holds_literal_secret(entry: Entry, field: Field, name: str) -> bool:
    value = entry.written(name, field)
    return field.secret and _is_literal(secrets_in(value) if field.is_json else value)


def _is_literal(value: Any) -> bool:
    return any(text and not re.search(r"(?<!\$)\$\{", text) for text in texts(value))


def _by_line(problem: Problem) -> int:
    return problem.line or 0
