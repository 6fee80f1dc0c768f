"""Reading ``osiris_connections.yaml`` (CONN-001): a reviewed file, so a strict reader.

Everything that is wrong with the structure is collected as :class:`Problem` with its line; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osiris_provider.connections.reference import AIRFLOW_ID, NAME, reference_to, shown
from osiris_provider.connections.registry import Field, family_names, is_family, load_family
from osiris_provider.connections.yaml.loader import (
    MappingNode,
    MissingNode,
    Node,
    ScalarNode,
    UnreadableYamlError,
    compose,
)
from osiris_provider.connections.yaml.nodes import NodeReader, parsed_object
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.messages import did_you_mean

_NO_FIELDS = (
    "has a value where its fields belong: they stand below an alias, such as default:, a line each, with a blank "
    "behind the colon"
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the file, and where; with a ``reference`` it concerns that connection only."""

    message: str
    line: int | None = None
    reference: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Entry:
    """One connection as it is written, before variables are replaced.

    ``raw`` has the same values as ``fields``, but with every scalar as its source text, because YAML reads ``0123``
    as 83 and ``no`` as false, which no password wants. ``empty`` names the fields after whose colon nothing stands.
    ``has_fields`` is False if there is something else in their place, which is a problem of the file.
    """

    family: str
    alias: str
    line: int
    is_default: bool
    fields: dict[str, Any] = field(repr=False)
    raw: dict[str, Any] = field(repr=False)
    lines: dict[str, int]
    empty: frozenset[str]
    has_fields: bool

    @property
    def reference(self) -> str:
        """The reference that DAGs use for this entry."""
        return reference_to(self.family, self.alias)

    def written(self, name: str, field: Field | None) -> Any:
        """Return a field as it is to be read: as its source if it holds text, so that ``0123`` keeps its characters.

        :param name: of the field, which is given.
        :param field: what its family declares of it, None if nothing.
        """
        if field is None or not (field.verbatim or field.is_json):
            return self.fields[name]
        if field.is_json:
            return parsed_object(self.fields[name])
        return self.raw[name]

    def problem(self, field: str | None, message: str) -> Problem:
        """Return what is wrong with a field, or with the entry if none is named.

        :param field: with a dot if it is inside another.
        """
        line = self.lines.get(field or "") or self.lines.get((field or "").partition(".")[0], self.line)
        return Problem(f"field {shown(field)}: {message}" if field else message, line, self.reference, field)


@dataclass(frozen=True)
class ConnectionsFile:
    """A file that was read: its entries, and all that is wrong with its structure."""

    path: Path
    entries: dict[tuple[str, str], Entry]
    problems: tuple[Problem, ...] = ()

    def aliases(self, family: str) -> list[str]:
        """Return the aliases of a family, in the order of the file."""
        return [alias for name, alias in self.entries if name == family]

    def references(self) -> list[str]:
        """Return every reference of the file, in its order."""
        return [entry.reference for entry in self.entries.values()]

    def problems_of(self, reference: str | None) -> list[Problem]:
        """Return what is wrong with one connection's structure.

        :param reference: of the connection; None: what is wrong with the file as a whole.
        """
        return [problem for problem in self.problems if problem.reference == reference]


def parse(path: Path, text: str) -> ConnectionsFile:
    """Check the structure of a connections file.

    :param path: of the file, for messages.
    :param text: of the file.
    :return: also if it is not YAML at all; then that is a problem of the whole file.
    """
    try:
        root, remarks = compose(text)
    except UnreadableYamlError as error:
        return ConnectionsFile(path, {}, (Problem(str(error), error.line),))
    reader = _Reader()
    reader.read(root)
    problems = [_attributed(message, line, reader.entries.values()) for message, line in remarks] + reader.problems
    return ConnectionsFile(path, reader.entries, tuple(dict.fromkeys(problems)))


def _attributed(message: str, line: int | None, entries: Iterable[Entry]) -> Problem:
    """Return a remark as a problem of the one connection that has a field in that line, else of the file."""
    matches = [(entry, name) for entry in entries for name, at in entry.lines.items() if at == line]
    if len({entry.reference for entry, _ in matches}) != 1:
        return Problem(message, line)
    entry, name = matches[0]
    if len(matches) > 1:
        return Problem(message, line, entry.reference)
    return Problem(f"field {shown(name)}: {message}", line, entry.reference, name)


class _Reader:
    """Walks the node tree once, collecting entries and problems."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.problems: list[Problem] = []
        self._nodes = NodeReader(self._problem)

    def read(self, root: Node | None) -> None:
        if root is None:
            self._problem("is empty; it begins with version: 1 and connections:", None)
            return
        top = dict(self._nodes.items(root, "the file"))
        known = ("version", "connections")
        for key, (line, _) in top.items():
            if key not in known:
                self._problem(f"unknown key '{shown(key)}' at the top.{did_you_mean(key, known)}", line)
        version = top.get("version")
        if version is None:
            self._problem("version: 1 is required at the top", 1)
        elif self._nodes.value(version[1]) != (1, "1"):
            self._problem("version: is 1, a number without quotes", version[0])
        if "connections" not in top:
            self._problem("connections: is required at the top", 1)
            return
        for family, (line, node) in self._nodes.items(top["connections"][1], "connections"):
            self._family(family, line, node)

    def _family(self, family: str, line: int, node: Node) -> None:
        if not is_family(family):
            known = family_names()
            listed = ", ".join(known)
            message = f"unknown family '{shown(family)}'.{did_you_mean(family, known)} Known are {listed}"
            self._problem(message, line)
            return
        defaults: list[Entry] = []
        for alias, (alias_line, fields) in self._nodes.items(node, f"family {family}"):
            problem = _problem_of_alias(family, alias)
            if problem:
                self._problem(problem, alias_line, f"@{family}.{shown(alias)}")
                continue
            entry = self._entry(family, alias, alias_line, fields)
            self.entries[family, alias] = entry
            if entry.is_default:
                defaults.append(entry)
        if len(defaults) > 1:
            names = " and ".join(entry.alias for entry in defaults)
            message = f"family {family} has more than one default: true ({names}); keep one"
            self._problem(message, defaults[1].lines["default"])

    def _entry(self, family: str, alias: str, line: int, node: Node) -> Entry:
        reference = reference_to(family, alias)
        items = self._nodes.items(node, "the connection", reference, _NO_FIELDS)
        value_of = self._nodes.value
        fields: dict[str, Any] = {}
        raw: dict[str, Any] = {}
        lines: dict[str, int] = {}
        empty: list[str] = []
        nested: list[tuple[str, int, MappingNode]] = []
        for key, (key_line, item) in items:
            fields[key], raw[key] = value_of(item, reference)
            lines[key] = key_line
            if isinstance(item, MappingNode):
                nested.append((key, key_line, item))
            elif item.value == "" and fields[key] is None:
                empty.append(key)
        for name in ("family", "alias"):
            if name in fields:
                del fields[name], raw[name]
                message = f"field {name}: is no field, but stands above the others; leave it out"
                self.problems.append(Problem(message, lines[name], reference, name))
        default = fields.pop("default", False)
        raw.pop("default", None)
        if not isinstance(default, bool):
            message = "field default: is true or false"
            self.problems.append(Problem(message, lines["default"], reference, "default"))
        for each in nested:
            lines |= _inner_lines(*each)
        has_fields = isinstance(node, MappingNode)
        return Entry(family, alias, line, default is True, fields, raw, lines, frozenset(empty), has_fields)

    def _problem(self, message: str, line: int | None, reference: str | None = None) -> None:
        self.problems.append(Problem(message, line, reference))


def _problem_of_alias(family: str, alias: str) -> str | None:
    """Return why an alias cannot be one; most families take only names that a reference can have."""
    if NAME.fullmatch(alias) and AIRFLOW_ID.fullmatch(alias):
        return None
    try:
        allowed = load_family(family).aliases
    except ConnectionConfigError:
        # Its package is broken; doctor and validate say so.
        allowed = NAME
    if allowed is NAME and not NAME.fullmatch(alias):
        return f"'{shown(alias)}' cannot be an alias; begin with a letter and use only a-z, 0-9 and _"
    if allowed.fullmatch(alias):
        return None
    return f"'{shown(alias)}' cannot be an Airflow connection id; use only letters, digits, _, - and ."


def _inner_lines(name: str, line: int, node: MappingNode) -> Iterator[tuple[str, int]]:
    """Yield the lines of what a field's mapping holds, as ``extra.account``, where it does not stand in the field's."""
    for key, value in node.value:
        if isinstance(key, ScalarNode) and not isinstance(value, MissingNode) and key.line != line:
            yield f"{name}.{key.value}", key.line
