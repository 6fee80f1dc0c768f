"""Reading ``osiris_connections.yaml`` (CONN-001): a reviewed file, so a strict reader.

Everything that is wrong with the structure is collected as :class:`Problem` with its line; nothing is guessed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from osiris_provider.connections.families import family_names
from osiris_provider.connections.reference import NAME
from osiris_provider.errors import ConnectionConfigError, did_you_mean

FILE_NAME = "osiris_connections.yaml"
MAX_BYTES = 1024 * 1024
MAX_ITEMS = 100_000
MAX_DEPTH = 20

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_safe = yaml.constructor.SafeConstructor()
_CONSTRUCT = {
    "tag:yaml.org,2002:null": _safe.construct_yaml_null,
    "tag:yaml.org,2002:bool": _safe.construct_yaml_bool,
    "tag:yaml.org,2002:int": _safe.construct_yaml_int,
    "tag:yaml.org,2002:float": _safe.construct_yaml_float,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the file, and where."""

    message: str
    line: int | None = None
    reference: str | None = None
    field: str | None = None


@dataclass(frozen=True)
class Entry:
    """One connection as it is written, before variables are replaced.

    ``scalars`` keeps the source text of plain values, because YAML reads ``0123`` as 83 and ``no`` as false, which
    no password wants.
    """

    family: str
    alias: str
    line: int
    is_default: bool = False
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    scalars: dict[str, str] = field(default_factory=dict, repr=False)
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The reference that DAGs use for this entry."""
        return f"@{self.family}.{self.alias}"


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


def read_file(path: Path) -> ConnectionsFile:
    """Read and check the structure of a connections file.

    :param path: the file. At most 1 MiB, UTF-8.
    :raises ConnectionConfigError: the file cannot be read at all; problems inside it are returned instead.
    """
    text = _read_text(path)
    try:
        root = _compose(text)
    except _UnreadableYamlError as error:
        return ConnectionsFile(path, {}, (Problem(str(error), error.line),))
    reader = _Reader()
    reader.read(root)
    return ConnectionsFile(path, reader.entries, tuple(reader.problems))


def _read_text(path: Path) -> str:
    problem = _file_problem(path)
    data = b""
    if problem is None:
        try:
            data = path.read_bytes()
        except OSError as error:
            problem = f"cannot be read: {os.strerror(error.errno or 0)}"
    if problem is None:
        problem = _encoding_problem(data)
    if problem is not None:
        message = f"Connections file {path} {problem}."
        raise ConnectionConfigError(message, file=str(path))
    return data.decode("utf-8-sig")


def _file_problem(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError as error:
        return f"cannot be read: {os.strerror(error.errno or 0)}"
    if stat.S_ISDIR(found.st_mode):
        return f"is a directory; name the file in it, such as {path / FILE_NAME}"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_size > MAX_BYTES:
        return f"has {found.st_size:,} bytes; a connections file may have {MAX_BYTES:,}"
    return None


def _encoding_problem(data: bytes) -> str | None:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16; save it as UTF-8"
    if b"\0" in data:
        return "is binary; a connections file is YAML in UTF-8"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return f"is not UTF-8 at line {line}; save it as UTF-8"
    return None


class _UnreadableYamlError(ValueError):
    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def _compose(text: str) -> yaml.Node | None:
    """Return the YAML node tree; refuse what would make building it slow or crash the C parser."""
    problem: _UnreadableYamlError
    try:
        _bound(text)
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        problem = _explain(error, text)
    except yaml.YAMLError:
        problem = _UnreadableYamlError("has a character that YAML does not allow", None)
    raise problem


def _bound(text: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_ITEMS:
            what = f"nests deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"has over {MAX_ITEMS:,} items"
            raise _UnreadableYamlError(what, _mark_line(event.start_mark))


def _explain(error: yaml.MarkedYAMLError, text: str) -> _UnreadableYamlError:
    mark = error.problem_mark or error.context_mark
    line = _mark_line(mark)
    lines = text.splitlines()
    if line and line <= len(lines) and re.match(r" *\t", lines[line - 1]):
        return _UnreadableYamlError("is indented with a tab; YAML wants spaces", line)
    # What stands in quotes is taken from the file and may be a piece of a password.
    what = re.sub(r"(['\"]).*\1", "…", error.problem or "syntax error", flags=re.DOTALL)
    hint = "put a value that begins with a special character in single quotes"
    return _UnreadableYamlError(f"is not valid YAML: {what}; {hint}", line)


class _Reader:
    """Walks the node tree once, collecting entries and problems."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.problems: list[Problem] = []
        self._visited = 0
        self._merges = 0

    def read(self, root: yaml.Node | None) -> None:
        if root is None:
            self._problem("is empty; it begins with version: 1 and connections:", None)
            return
        top = dict(self._items(root, "the file"))
        known = ("version", "connections")
        for key, (line, _) in top.items():
            if key not in known:
                self._problem(f"unknown key '{key}' at the top.{did_you_mean(key, known)}", line)
        version = top.get("version")
        if version is None or self._value(version[1]) != 1:
            self._problem("version: 1 is required at the top", version[0] if version else 1)
        if "connections" not in top:
            self._problem("connections: is required at the top", 1)
            return
        for family, (line, node) in self._items(top["connections"][1], "connections"):
            self._family(family, line, node)

    def _family(self, family: str, line: int, node: yaml.Node) -> None:
        known = family_names()
        if family not in known:
            listed = ", ".join(known)
            self._problem(f"unknown family '{family}'.{did_you_mean(family, known)} Known are {listed}", line)
            return
        defaults: list[Entry] = []
        for alias, (alias_line, fields) in self._items(node, f"family {family}"):
            if not NAME.fullmatch(alias):
                message = f"'{alias}' cannot be an alias; begin with a letter and use only a-z, 0-9 and _"
                self._problem(message, alias_line)
                continue
            entry = self._entry(family, alias, alias_line, fields)
            self.entries[family, alias] = entry
            if entry.is_default:
                defaults.append(entry)
        if len(defaults) > 1:
            names = " and ".join(entry.alias for entry in defaults)
            message = f"family {family} has more than one default: true ({names}); keep one"
            self._problem(message, defaults[1].lines["default"])

    def _entry(self, family: str, alias: str, line: int, node: yaml.Node) -> Entry:
        reference = f"@{family}.{alias}"
        fields: dict[str, Any] = {}
        scalars: dict[str, str] = {}
        lines: dict[str, int] = {}
        for key, (key_line, value) in self._items(node, reference, reference):
            lines[key] = key_line
            fields[key] = self._value(value)
            if isinstance(value, yaml.ScalarNode) and fields[key] is not None:
                scalars[key] = value.value
        default = fields.pop("default", False)
        scalars.pop("default", None)
        if not isinstance(default, bool):
            message = "default is true or false"
            self.problems.append(Problem(message, lines["default"], reference, "default"))
        return Entry(family, alias, line, default is True, fields, scalars, lines)

    def _items(
        self, node: yaml.Node, what: str, reference: str | None = None
    ) -> Iterator[tuple[str, tuple[int, yaml.Node]]]:
        """Yield key, line and value node of a mapping; ``<<`` merges, own keys win, a key given twice is a problem."""
        if not isinstance(node, yaml.MappingNode):
            empty = isinstance(node, yaml.ScalarNode) and node.value == ""
            hint = "is empty" if empty else "is not a mapping of names to values"
            self._problem(f"{what} {hint}", _line(node), reference)
            return
        merged: dict[str, tuple[int, yaml.Node]] = {}
        own: dict[str, tuple[int, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for name, found in self._merged(value, reference):
                    merged.setdefault(name, found)
                continue
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in own:
                message = f"'{name}' stands twice in {what}, first in line {own[name][0]}"
                self._problem(message, _line(key), reference)
            own.setdefault(name, (_line(key), value))
        yield from {**merged, **own}.items()

    def _merged(self, node: yaml.Node, reference: str | None) -> Iterator[tuple[str, tuple[int, yaml.Node]]]:
        self._merges += 1
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not self._exhausted(source, self._merges):
                yield from self._items(source, "<<", reference)
        self._merges -= 1

    def _exhausted(self, node: yaml.Node, depth: int) -> bool:
        """Count a visit; an alias bomb or an alias to itself ends here, with one problem."""
        over = self._visited > MAX_ITEMS
        self._visited += 1
        if not over and (self._visited > MAX_ITEMS or depth > MAX_DEPTH):
            self._problem("its aliases (*name) expand to too much", _line(node))
            self._visited = MAX_ITEMS + 1
        return self._visited > MAX_ITEMS

    def _value(self, node: yaml.Node, depth: int = 0) -> Any:
        if self._exhausted(node, depth):
            return None
        if isinstance(node, yaml.MappingNode):
            return {name: self._value(item, depth + 1) for name, (_, item) in self._items(node, "the value")}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, depth + 1) for item in node.value]
        return self._scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        construct = _CONSTRUCT.get(node.tag)
        try:
            if construct is not None:
                return construct(node)
        except (ValueError, KeyError):
            return str(node.value)
        if node.tag.startswith("tag:yaml.org,2002:"):
            return str(node.value)
        self._problem("a value has a tag (!…), which is not allowed; put the value in quotes", _line(node))
        return None

    def _problem(self, message: str, line: int | None, reference: str | None = None) -> None:
        self.problems.append(Problem(message, line, reference))


def _line(node: yaml.Node) -> int:
    return _mark_line(node.start_mark) or 1


def _mark_line(mark: Any) -> int | None:
    return int(mark.line) + 1 if mark else None
