"""From a reference to a plain dict of fields (CONN-003, 005, 006), and from a file to its list (CONN-021)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from osiris_provider.connections.env import EnvProblemError, substitute
from osiris_provider.connections.families import load_family
from osiris_provider.connections.file import ConnectionsFile, Entry, Problem, read_file
from osiris_provider.connections.redact import MASK, safe_url
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.settings import find_file
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError, did_you_mean

log = logging.getLogger(__name__)

FileArgument = str | os.PathLike[str] | None


def resolve_connection(reference: str | ConnectionRef, file: FileArgument = None) -> dict[str, Any]:
    """Resolve ``@family.alias`` to its fields, secrets in clear (CONN-006).

    :param reference: ``@mysql.default``, or ``@mysql`` for the family's default.
    :param file: path of the connections file; None looks in the usual places (CONN-001).
    :return: the given fields coerced to their types, plus ``family`` and ``alias``. A fresh dict at each call.
    :raises ConnectionNotFoundError: there is no file, or it does not have the reference.
    :raises ConnectionConfigError: the reference, the file, a field or a variable is wrong; all problems of the
        connection in one message.
    """
    ref = reference if isinstance(reference, ConnectionRef) else ConnectionRef.parse(reference)
    known = load_connections(file)
    entry = find_entry(known, ref)
    fields, problems, warnings = resolve_entry(entry)
    if problems:
        raise _invalid(entry.reference, known.path, problems)
    for warning in warnings:
        log.warning("%s, %s:%s: %s", entry.reference, known.path, warning.line, warning.message)
    return fields


def list_connections(file: FileArgument = None) -> list[dict[str, Any]]:
    """List the connections of the file with what is public of each (CONN-021).

    :param file: path of the connections file; None looks in the usual places.
    :return: a dict a connection: ``family``, ``alias``, the public fields, ``default: True`` on a family's default,
        and ``***`` for a field that the family does not know. A public ``${VAR}`` that is not set stays as written.
    :raises ConnectionConfigError: there is no file, or it cannot be read.
    """
    known = load_connections(file)
    return [_public(entry, known) for entry in known.entries.values()]


def validate_file(file: FileArgument = None, *, variables: bool = True) -> tuple[Path, list[Problem], list[Problem]]:
    """Check a whole connections file.

    :param file: path of the connections file; None looks in the usual places.
    :param variables: False leaves out variables that are not set, for machines that have no secrets.
    :return: the path, all problems, and all warnings, in the order of their lines.
    :raises ConnectionConfigError: there is no file, or it cannot be opened.
    """
    known = _read(find_file(file))
    problems, warnings = list(known.problems), []
    for entry in known.entries.values():
        _, found, warned = resolve_entry(entry, variables=variables)
        problems += found
        warnings += warned
    return known.path, sorted(problems, key=_by_line), sorted(warnings, key=_by_line)


def load_connections(file: FileArgument = None) -> ConnectionsFile:
    """Return the parsed file; cached on its identity (path, inode, size, time), so an edit is seen at once.

    :param file: path of the connections file; None looks in the usual places.
    :raises ConnectionConfigError: there is no file, it cannot be read, or its structure is wrong.
    """
    known = _read(find_file(file))
    if known.problems:
        raise _invalid(None, known.path, known.problems)
    return known


def find_entry(known: ConnectionsFile, ref: ConnectionRef) -> Entry:
    """Return the entry of a reference, or of the family's default (CONN-003).

    :param known: a file that was read.
    :param ref: the reference.
    :raises ConnectionNotFoundError: names the nearest reference of the file.
    """
    load_family(ref.family)
    alias = ref.alias or default_alias(known, ref.family)
    entry = known.entries.get((ref.family, alias)) if alias else None
    if entry:
        return entry
    aliases = known.aliases(ref.family)
    if ref.alias is None and aliases:
        listed = ", ".join(f"@{ref.family}.{name}" for name in aliases)
        message = f"{ref} has no default in {known.path}. Mark one with default: true, or name one of {listed}."
        raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))
    near = did_you_mean(str(ref), known.references())
    listed = f" Family {ref.family} has {', '.join(aliases)}." if aliases else f" It has no family {ref.family}."
    message = f"{ref} is not in {known.path}.{near}{listed}"
    raise ConnectionNotFoundError(message, reference=str(ref), file=str(known.path))


def default_alias(known: ConnectionsFile, family: str) -> str | None:
    """Return the alias that ``@family`` stands for: the one marked, else the one named ``default``, else None."""
    marked = [alias for (name, alias), entry in known.entries.items() if name == family and entry.is_default]
    if marked:
        return marked[0]
    return "default" if (family, "default") in known.entries else None


def resolve_entry(entry: Entry, *, variables: bool = True) -> tuple[dict[str, Any], list[Problem], list[Problem]]:
    """Replace variables and coerce the fields of one entry.

    :param entry: an entry of the file.
    :param variables: False: a variable that is not set is no problem.
    :return: the resolved connection, its problems, and its warnings (unknown fields).
    """
    family = load_family(entry.family)
    declared = family.declared()
    problems: list[Problem] = []
    given: dict[str, Any] = {}
    unset: set[str] = set()
    for name, value in entry.fields.items():
        textual = name in declared and declared[name].textual
        written = entry.scalars[name] if textual and name in entry.scalars else value
        try:
            given[name] = _substituted(written)
        except EnvProblemError as problem:
            unset.add(name)
            problems.append(Problem(f"field {name}: {problem}", entry.lines.get(name), entry.reference, name))
    coerced, wrong, unknown = family.coerce({**given, **dict.fromkeys(unset)})
    for field, message in wrong:
        if field not in unset:
            line = entry.lines.get(field or "", entry.line)
            problems.append(Problem(f"field {field}: {message}" if field else message, line, entry.reference, field))
    if not variables:
        problems = [problem for problem in problems if problem.field not in unset]
    warnings = [_unknown_field(entry, name, list(declared)) for name in unknown]
    return {"family": entry.family, "alias": entry.alias, **coerced}, problems, warnings


def _substituted(value: Any) -> Any:
    if isinstance(value, str):
        return substitute(value, os.environ)
    if isinstance(value, dict):
        return {name: _substituted(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item) for item in value]
    return value


def _unknown_field(entry: Entry, name: str, declared: list[str]) -> Problem:
    message = f"field {name} is not known to family {entry.family}.{did_you_mean(name, declared)}"
    return Problem(message, entry.lines.get(name), entry.reference, name)


def _public(entry: Entry, known: ConnectionsFile) -> dict[str, Any]:
    declared = load_family(entry.family).declared()
    shown: dict[str, Any] = {"family": entry.family, "alias": entry.alias}
    for name, value in entry.fields.items():
        if name not in declared:
            shown[name] = MASK
        elif declared[name].public:
            shown[name] = _shown(value)
    if default_alias(known, entry.family) == entry.alias:
        shown["default"] = True
    return shown


def _shown(value: Any) -> Any:
    try:
        value = _substituted(value)
    except EnvProblemError:
        return value
    return safe_url(value) if isinstance(value, str) else value


def _invalid(reference: str | None, path: Path, problems: Sequence[Problem]) -> ConnectionConfigError:
    listed = list(problems)
    message = "; ".join(_placed(reference, path, listed))
    first = listed[0]
    return ConnectionConfigError(message, reference=reference, file=str(path), line=first.line, field=first.field)


def _placed(reference: str | None, path: Path, problems: list[Problem], most: int = 5) -> Iterator[str]:
    for problem in problems[:most]:
        where = f"{path}:{problem.line}" if problem.line else str(path)
        yield f"{where}: {reference + ': ' if reference else ''}{problem.message}"
    if len(problems) > most:
        yield f"and {len(problems) - most} more; run: osiris connections validate"


def _by_line(problem: Problem) -> int:
    return problem.line or 0


def _read(path: Path) -> ConnectionsFile:
    try:
        found = path.stat()
    except OSError:
        return read_file(path)
    return _read_version(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=16)
def _read_version(path: Path, _inode: int, _size: int, _mtime_ns: int) -> ConnectionsFile:
    return read_file(path)
