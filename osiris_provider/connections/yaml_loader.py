"""From the text of a connections file to its YAML nodes, with their lines.

A pass over the parser's events comes first. It refuses what would make building the nodes slow, or crash the C parser,
and it finds values that YAML takes for something else: ``password: &secret`` names an anchor, ``password: !secret``
a tag.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_ITEMS = 200_000
MAX_DEPTH = 20

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str")}
_resolver: Any = yaml.resolver.Resolver()
_safe = yaml.constructor.SafeConstructor()
_CONSTRUCT = {
    "tag:yaml.org,2002:null": _safe.construct_yaml_null,
    "tag:yaml.org,2002:bool": _safe.construct_yaml_bool,
    "tag:yaml.org,2002:int": _safe.construct_yaml_int,
    "tag:yaml.org,2002:float": _safe.construct_yaml_float,
}
# YAML 1.1 reads 0123 as octal and 12:30 as sixty-based. No one means that in a connections file.
_SURPRISING_NUMBER = re.compile(r"[-+]?0[0-9_]+|.*:.*", re.DOTALL)

Remark = tuple[str, int | None]
"""What is wrong, and in which line."""


class UnreadableYamlError(ValueError):
    """The text is not YAML, or not of a kind that is worth reading."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def compose(text: str) -> tuple[yaml.Node | None, list[Remark]]:
    """Return the root node, None for an empty text, and what is wrong without making it unreadable.

    :param text: of the file.
    :raises UnreadableYamlError: its message holds nothing of the text.
    """
    problem: UnreadableYamlError
    try:
        remarks = _survey(text)
        return yaml.compose(text, Loader=_Loader), remarks
    except yaml.MarkedYAMLError as error:
        problem = _explain(error, text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = UnreadableYamlError("has a control character, which YAML does not allow", line)
    except yaml.YAMLError:
        problem = UnreadableYamlError("is not valid YAML", None)
    raise problem


def scalar(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar; a number that YAML would read in a surprising way stays text.

    :param node: a plain or quoted scalar.
    """
    construct = _CONSTRUCT.get(node.tag)
    if construct is None or (node.tag.endswith(("int", "float")) and _SURPRISING_NUMBER.fullmatch(node.value)):
        return str(node.value)
    try:
        return construct(node)
    except (ValueError, KeyError):
        return str(node.value)


def plain_scalar(text: str) -> Any:
    """Return the value of a text as YAML reads it without quotes.

    :param text: such as ``5``, ``true`` or ``CZ``.
    """
    return scalar(yaml.ScalarNode(_resolver.resolve(yaml.ScalarNode, text, (True, False)), text))


def line_of(node: yaml.Node) -> int:
    """Return the line in which a node begins, from 1."""
    return _line(node.start_mark) or 1


def _line(position: Any) -> int | None:
    return int(position.line) + 1 if position else None


def _survey(text: str) -> list[Remark]:
    depth = 0
    remarks: list[Remark] = []
    anchored: dict[str, int | None] = {}
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_ITEMS:
            what = f"nests deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"has over {MAX_ITEMS:,} items"
            raise UnreadableYamlError(what, _line(event.start_mark))
        if isinstance(event, yaml.NodeEvent):
            remarks += _odd_node(event, anchored)
    hint = "begins with &, which YAML takes for the name of an anchor; put it in single quotes"
    return remarks + [(f"a value {hint}", line) for line in anchored.values()]


def _odd_node(event: yaml.NodeEvent, anchored: dict[str, int | None]) -> list[Remark]:
    line = _line(event.start_mark)
    if isinstance(event, yaml.AliasEvent) and event.anchor:
        anchored.pop(event.anchor, None)
    elif isinstance(event, yaml.ScalarEvent) and event.anchor:
        anchored[event.anchor] = line
    tag = getattr(event, "tag", None)
    if tag is None or tag in _TAGS:
        return []
    return [("a value begins with !, which YAML takes for a tag; put it in single quotes", line)]


def _explain(error: yaml.MarkedYAMLError, text: str) -> UnreadableYamlError:
    position = error.problem_mark or error.context_mark
    line = _line(position)
    lines = text.split("\n")
    if line and line <= len(lines) and re.match(r" *\t", lines[line - 1]):
        return UnreadableYamlError("is indented with a tab; YAML wants spaces", line)
    # What stands in quotes is taken from the file and may be a piece of a password.
    said = ", ".join(part for part in (error.context, error.problem) if part)
    what = re.sub(r"(['\"]).*\1", "…", said, flags=re.DOTALL)
    hint = "put a value that has special characters in single quotes"
    return UnreadableYamlError(f"is not valid YAML: {what}; {hint}", line)
