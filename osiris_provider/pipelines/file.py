"""From the path of a pipeline to its values, each with its line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from osiris_provider.connections.reader import try_read_text
from osiris_provider.connections.yaml.loader import MappingNode, Node, ScalarNode, UnreadableYamlError, compose, scalar
from osiris_provider.connections.yaml.nodes import NodeReader
from osiris_provider.pipelines.problems import Location, Problems

_INTEGERS = range(-(2**63), 2**64)
_BLOCK = re.compile(r"[|][+-]?\d?\s*(#.*)?$")
SUFFIXES = (".yaml", ".yml")
MAX_CHARS = 256 * 1024
"""Of a pipeline or a ``.sql`` file: a file that takes long to read would hold up all others."""
MAX_ITEMS = 50_000
"""Names and values of a pipeline: a hundred for each of the most steps."""
MAX_TEMPLATE_CHARS = 128 * 1024
"""Of all texts with Jinja in a pipeline, which take the longest."""


@dataclass
class Source:
    """A file that was read.

    :param path: of the YAML.
    :param text: of the YAML.
    :param value: what it holds; empty if it cannot be read.
    :param problems: that were found, and where each value stands.
    :param sql: texts of the ``.sql`` files that it names, by path.
    """

    path: Path
    text: str
    value: Mapping[str, Any]
    problems: Problems
    sql: dict[Path, str] = field(default_factory=dict)
    template_chars: int = 0

    def too_many_templates(self, text: str) -> tuple[int, str] | None:
        """Count a text with Jinja; return the line in it and what is wrong if all together are too long to be parsed.

        :param text: of a config value or a ``.sql`` file.
        """
        self.template_chars += len(text)
        if self.template_chars <= MAX_TEMPLATE_CHARS:
            return None
        return 1, f"texts with Jinja have more than {MAX_TEMPLATE_CHARS:,} characters in this pipeline; split it"

    def line_of(self, location: Location, line: int) -> int:
        """Return where a line of a text stands in the file.

        :param location: of the text.
        :param line: of the text, from 1.
        """
        at = self.problems.line(location)
        return at + line if _BLOCK.search(self.text.splitlines()[at - 1]) else at

    def digest(self) -> str:
        """Return a text that changes with each byte of the YAML and of its ``.sql`` files."""
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass"))
        for path in sorted(self.sql):
            digest.update(b"\0" + str(path.relative_to(self.path.parent)).encode("utf-8", "surrogatepass") + b"\0")
            digest.update(self.sql[path].encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def read_source(path: Path) -> Source:
    """Read a pipeline; what is wrong is among the ``problems`` of the result.

    :param path: of the YAML.
    :raises TooManyProblemsError: there is more wrong than is worth telling.
    """
    problems = Problems(path)
    text, problem = try_read_text(path, "is a folder; name one of the files in it")
    if problem is None and len(text) > MAX_CHARS:
        problem = f"has more than {MAX_CHARS:,} characters; move its SQL into .sql files, or split it"
    if problem:
        problems.add((), f"the file {problem}")
        return Source(path, "", {}, problems)
    return Source(path, text, _values(text, problems), problems)


def _values(text: str, problems: Problems) -> Mapping[str, Any]:
    try:
        root, remarks = compose(text, MAX_ITEMS)
    except UnreadableYamlError as error:
        problems.add_at(problems.file, error.line or 1, f"the file {error}")
        return {}
    for message, line in remarks:
        problems.add_at(problems.file, line or 1, message)
    if root is None or (isinstance(root, MappingNode) and not root.value):
        problems.add((), "the file is empty; it begins with steps:")
        return {}
    if not isinstance(root, MappingNode):
        problems.add((), "the file is not a mapping of names to values; it begins with steps:")
        return {}
    value: dict[str, Any] = _Builder(problems).build(root, ())
    return value


class _Builder:
    """Makes plain values of nodes, and notes the line of each."""

    def __init__(self, problems: Problems) -> None:
        self._lines = problems.lines
        self._add = partial(problems.add_at, problems.file)
        self._nodes = NodeReader(lambda message, line, _: self._add(line or 1, message))

    def build(self, node: Node, location: Location) -> Any:
        if self._nodes.exhausted(node, len(location)):
            return None
        if isinstance(node, ScalarNode):
            value = scalar(node)
            self._check_stored(value, node.line)
            return value
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        values = []
        for index, item in enumerate(node.value):
            self._lines[(*location, index)] = item.line
            values.append(self.build(item, (*location, index)))
        return values

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (line, item) in self._nodes.items(node, _what(location)):
            self._lines[(*location, name)] = line
            self._check_stored(name, line)
            values[name] = self.build(item, (*location, name))
        return values

    def _check_stored(self, value: Any, line: int) -> None:
        """Refuse what Airflow cannot pass on or store: it would take all DAGs of the loader down with it."""
        if type(value) is float and not isfinite(value):
            self._add(line, "a number is infinite or none at all, which Airflow cannot store")
        elif type(value) is int and value not in _INTEGERS:
            self._add(line, "a number has more than 64 bits, which Airflow cannot store; put it in quotes")
        elif type(value) is str and "\0" in value:
            self._add(line, "a text has a NUL character, which Airflow cannot store")


def _what(location: Location) -> str:
    """Return what a mapping is, for messages."""
    names = [part for part in location if isinstance(part, str)]
    if not location:
        return "the file"
    return "the step" if names == ["steps"] else str(names[-1])
