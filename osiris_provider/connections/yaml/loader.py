"""From the text of a connections file to its YAML nodes, with their lines.

The nodes are built here from the parser's events, because PyYAML's composer would crash at deep nesting, costs twice as
much, and forgets values that YAML takes for something else: ``password: &secret`` names an anchor, ``password:
!secret`` a tag.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import ComposerError

MAX_ITEMS = 200_000
MAX_DEPTH = 20

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str")}
_IMPLICIT: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
TEXT = "tag:yaml.org,2002:str"
_safe = yaml.constructor.SafeConstructor()
_CONSTRUCT = {
    "tag:yaml.org,2002:null": _safe.construct_yaml_null,
    "tag:yaml.org,2002:bool": _safe.construct_yaml_bool,
    "tag:yaml.org,2002:int": _safe.construct_yaml_int,
    "tag:yaml.org,2002:float": _safe.construct_yaml_float,
}
# YAML 1.1 reads 0123 as octal and 12:30 as sixty-based. No one means that in a connections file.
_INTEGER = "tag:yaml.org,2002:int"
_PLAIN_NUMBER = re.compile("[1-9][0-9]*")
_SURPRISING_NUMBER = re.compile(r"[-+]?0[0-9_]+|.*:.*", re.DOTALL)

Remark = tuple[str, int | None]
"""What is wrong, and in which line."""


class Node:
    """A part of the document.

    :param tag: what YAML takes it for; None for a collection without a tag.
    :param value: text of a scalar, nodes of a sequence, or pairs of nodes of a mapping.
    :param line: in which it begins, from 1.
    """

    __slots__ = ("line", "tag", "value")

    def __init__(self, tag: str | None, value: Any, line: int) -> None:
        self.tag = tag
        self.value = value
        self.line = line


class ScalarNode(Node):
    """A text, with or without quotes."""

    __slots__ = ()


class MissingNode(ScalarNode):
    """The value of a name that has no colon: to YAML, ``{password:x}`` and ``{a, b}`` are names alone."""

    __slots__ = ()


class SequenceNode(Node):
    """A list."""

    __slots__ = ()


class MappingNode(Node):
    """Names and values."""

    __slots__ = ()


class UnreadableYamlError(ValueError):
    """The text is not YAML, or not of a kind that is worth reading."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def compose(text: str, max_items: int = MAX_ITEMS) -> tuple[Node | None, list[Remark]]:
    """Return the root node, None for an empty text, and what is wrong without making it unreadable.

    :param text: of the file.
    :param max_items: items that it may have.
    :raises UnreadableYamlError: its message holds nothing of the text.
    """
    problem: UnreadableYamlError
    try:
        composer = _Composer()
        composer.compose(text, max_items)
        return composer.root, composer.remarks()
    except yaml.MarkedYAMLError as error:
        problem = _explain(error, text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = UnreadableYamlError("has a control character, which YAML does not allow", line)
    except yaml.YAMLError:
        problem = UnreadableYamlError("is not valid YAML", None)
    raise problem


def scalar(node: ScalarNode) -> Any:
    """Return the value of a scalar; a number that YAML would read in a surprising way stays text.

    :param node: a plain or quoted scalar.
    """
    tag, text = node.tag or TEXT, node.value
    construct = _CONSTRUCT.get(tag)
    if construct is None:
        return text
    try:
        if tag == _INTEGER and _PLAIN_NUMBER.fullmatch(text):
            # A port, as most are: PyYAML takes ten times as long.
            return int(text)
        if tag.endswith(("int", "float")) and _SURPRISING_NUMBER.fullmatch(text):
            return text
        return construct(yaml.ScalarNode(tag, text))
    except (ValueError, KeyError):
        return text


def plain_scalar(text: str) -> Any:
    """Return the value of a text as YAML reads it without quotes.

    :param text: such as ``5``, ``true`` or ``CZ``.
    """
    return scalar(ScalarNode(_tag_of_plain(text), text, 1))


def _tag_of_plain(text: str) -> str:
    """Return the tag that YAML gives a text without quotes."""
    for tag, pattern in _IMPLICIT.get(text[:1], ()):
        if pattern.match(text):
            return tag
    return TEXT


def _line(position: Any) -> int | None:
    return int(position.line) + 1 if position else None


class _Composer:
    """Builds the nodes of the one document in a text."""

    def __init__(self) -> None:
        self._top: list[Node] = []
        self._children = self._top
        """Of the collection that is open."""
        self._open: list[tuple[Node, list[Node]]] = []
        self._anchors: dict[str, Node] = {}
        self._unused: dict[str, int] = {}
        self._remarks: list[Remark] = []
        self._tags: dict[str, str] = {}
        """Of texts without quotes that YAML may take for something else by their first letter."""
        self._take = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._end_of_mapping,
            yaml.SequenceEndEvent: self._end_of_sequence,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def compose(self, text: str, max_items: int) -> None:
        loader: Any = _Loader(text)
        next_event, take_of, tag_of = loader.get_event, self._take.get, self._tags.get
        scalar_event, implicit, scalar_node = yaml.ScalarEvent, _IMPLICIT, ScalarNode
        before: Any = None
        try:
            # Not yaml.parse(): its generator asks for each event twice.
            for _ in range(max_items):
                event = next_event()
                kind = type(event)
                if kind is scalar_event and event.tag is None and event.anchor is None:
                    # Nine of ten.
                    value = event.value
                    node, tag = scalar_node, TEXT
                    if value[:1] in implicit and event.implicit[0]:
                        tag = tag_of(value) or self._tag_of(value)
                        if not value and self._lacks_colon(text, before, event):
                            node = MissingNode
                    self._children.append(node(tag, value, event.start_mark.line + 1))
                elif take := take_of(kind):
                    take(event)
                elif kind is yaml.StreamEndEvent:
                    return
                before = event
            message = f"has over {max_items:,} items"
            raise UnreadableYamlError(message, _line(event.start_mark))
        finally:
            loader.dispose()

    @property
    def root(self) -> Node | None:
        return self._top[0] if self._top else None

    def remarks(self) -> list[Remark]:
        hint = "begins with &, which YAML takes for the name of an anchor; put it in single quotes"
        return self._remarks + [(f"a value {hint}", line) for line in self._unused.values()]

    def _lacks_colon(self, text: str, name: Any, value: Any) -> bool:
        """Return whether a value is empty because there is no colon behind its name."""
        is_value = self._open and isinstance(self._open[-1][0], MappingNode) and len(self._children) % 2 == 1
        return bool(is_value) and ":" not in text[name.end_mark.index : value.start_mark.index]

    def _document(self, event: Any) -> None:
        if self._top:
            raise ComposerError(None, None, "expected a single document, but found another", event.start_mark)

    def _tag_of(self, text: str) -> str:
        tag = self._tags[text] = _tag_of_plain(text)
        return tag

    def _scalar(self, event: Any) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._tag_of(event.value) if event.implicit[0] else TEXT
        node = ScalarNode(tag, event.value, event.start_mark.line + 1)
        self._add(event, node)
        if event.anchor is not None:
            self._unused[event.anchor] = node.line

    def _mapping(self, event: Any) -> None:
        self._begin(event, MappingNode(event.tag, [], event.start_mark.line + 1))

    def _sequence(self, event: Any) -> None:
        self._begin(event, SequenceNode(event.tag, [], event.start_mark.line + 1))

    def _begin(self, event: Any, node: Node) -> None:
        if len(self._open) == MAX_DEPTH:
            message = f"nests deeper than {MAX_DEPTH} levels"
            raise UnreadableYamlError(message, node.line)
        self._add(event, node)
        # What goes on when the collection ends.
        self._open.append((node, self._children))
        self._children = []

    def _end_of_mapping(self, _event: Any) -> None:
        children = self._children
        node, self._children = self._open.pop()
        node.value = list(zip(children[::2], children[1::2], strict=True))

    def _end_of_sequence(self, _event: Any) -> None:
        children = self._children
        node, self._children = self._open.pop()
        node.value = children

    def _alias(self, event: Any) -> None:
        self._unused.pop(event.anchor, None)
        if event.anchor not in self._anchors:
            raise ComposerError(None, None, "found undefined alias", event.start_mark)
        self._children.append(self._anchors[event.anchor])

    def _add(self, event: Any, node: Node) -> None:
        if event.tag is not None and event.tag not in _TAGS:
            hint = "begins with !, which YAML takes for a tag; put it in single quotes"
            self._remarks.append((f"a value {hint}", node.line))
        if event.anchor is not None:
            if event.anchor in self._anchors:
                raise ComposerError(None, None, "found duplicate anchor", event.start_mark)
            self._anchors[event.anchor] = node
        self._children.append(node)


def _explain(error: yaml.MarkedYAMLError, text: str) -> UnreadableYamlError:
    position = error.problem_mark or error.context_mark
    line = _line(position)
    lines = text.rstrip().split("\n")
    if line and line > len(lines) and error.context_mark:
        # What is open until the end of the file is wrong where it begins.
        line = _line(error.context_mark)
    if line and line <= len(lines) and re.match(r" *\t", lines[line - 1]):
        return UnreadableYamlError("is indented with a tab; YAML wants spaces", line)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    said = re.sub(r"expected ',' or '[}\]]'", "expected a comma or its end", said)
    # What stands in quotes now is taken from the file and may be a piece of a password.
    what = re.sub(r"(['\"]).*\1", "…", said, flags=re.DOTALL)
    hint = "put a value that has special characters in single quotes"
    if line and line <= len(lines) and "flow" in what and "${" in lines[line - 1]:
        hint = "within braces and brackets put ${NAME} in single quotes"
    return UnreadableYamlError(f"is not valid YAML: {what}; {hint}", line)
