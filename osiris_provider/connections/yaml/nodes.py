"""From YAML nodes to values: mappings with merges and without duplicate keys, aliases that do not expand for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Iterator
from contextlib import suppress
from typing import Any

from osiris_provider.connections.reference import shown
from osiris_provider.connections.yaml.loader import (
    MAX_DEPTH,
    MAX_ITEMS,
    TEXT,
    MappingNode,
    MissingNode,
    Node,
    ScalarNode,
    SequenceNode,
    scalar,
)

Located = tuple[int, Node]
"""The line of a key, and the node of its value."""
Report = Callable[[str, "int | None", "str | None"], None]
"""Takes what is wrong, its line, and the part of the file that it concerns."""

_NO_COLON = "put a blank behind its colon, and a value that has a comma or a colon in single quotes"
_NO_NAMES = "is not a mapping of names to values"
_NONE: ItemsView[str, Located] = {}.items()


class NodeReader:
    """Reads the nodes of one document.

    :param report: is called for each thing that is wrong; reading goes on.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._visited = 0
        self._merges = 0
        self._gave_up = False

    def items(
        self, node: Node, what: str, scope: str | None = None, no_names: str = _NO_NAMES
    ) -> ItemsView[str, Located]:
        """Return key, line and value node of a mapping; ``<<`` merges, own keys win, a key given twice is reported.

        :param node: should be a mapping; that it is none is reported.
        :param what: it is, for messages.
        :param scope: the part of the file that it belongs to.
        :param no_names: what is wrong with a node that is something else.
        """
        if not isinstance(node, MappingNode):
            empty = isinstance(node, ScalarNode) and node.value == ""
            self._report(f"{what} {'is empty' if empty else no_names}", node.line, scope)
            return _NONE
        self._visited += len(node.value)
        merged: dict[str, Located] = {}
        own: dict[str, Located] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for name, merged_value in self._merged(value, scope):
                    merged.setdefault(name, merged_value)
                continue
            if not isinstance(key, ScalarNode):
                self._report(f"a name in {what} is not a text", key.line, scope)
                continue
            if isinstance(value, MissingNode):
                # The name is not shown: it may be a password, or the rest of one.
                self._report(f"{what} has a name without a value; {_NO_COLON}", key.line, scope)
                continue
            name = key.value
            if name in own:
                message = f"'{shown(name)}' stands twice in {what}, first in line {own[name][0]}"
                self._report(message, key.line, scope)
            else:
                own[name] = key.line, value
        return ({**merged, **own} if merged else own).items()

    def value(self, node: Node, scope: str | None = None, depth: int = 0) -> tuple[Any, Any]:
        """Return the value of a node, and the same with the source text of every scalar.

        :param node: of any kind.
        :param scope: the part of the file that it belongs to.
        :param depth: of the node.
        """
        if self.exhausted(node, depth):
            return None, None
        if isinstance(node, ScalarNode):
            text = node.value
            value = text if node.tag == TEXT else scalar(node)
            return value, None if value is None else text
        if isinstance(node, MappingNode):
            items = dict(self.items(node, "the value", scope))
            pairs = [(name, *self.value(item, scope, depth + 1)) for name, (_, item) in items.items()]
            return {name: value for name, value, _ in pairs}, {name: text for name, _, text in pairs}
        values = [self.value(item, scope, depth + 1) for item in node.value]
        return [value for value, _ in values], [text for _, text in values]

    def exhausted(self, node: Node, depth: int) -> bool:
        """Count a visit; an alias bomb or an alias to itself ends here, with one report.

        :param node: that is visited.
        :param depth: of it.
        """
        self._visited += 1
        if (self._visited > MAX_ITEMS or depth > MAX_DEPTH) and not self._gave_up:
            self._gave_up = True
            self._report("YAML aliases (*name) expand to too many nodes", node.line, None)
        return self._gave_up

    def _merged(self, node: Node, scope: str | None) -> Iterator[tuple[str, Located]]:
        self._merges += 1
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not self.exhausted(source, self._merges):
                yield from self.items(source, "<<", scope)
        self._merges -= 1


def parsed_object(value: Any) -> Any:
    """Return the object that a text is; anything else as it is.

    Variables are replaced after that: what one holds cannot end a text of JSON, or be taken for JSON.

    :param value: of the field, as written.
    """
    parsed = parsed_collection(value)
    return parsed if isinstance(parsed, dict) else value


def parsed_collection(value: Any) -> Any:
    """Return the object or the list that a text is; anything else as it is.

    :param value: as written.
    """
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            parsed = json.loads(value)
            if isinstance(parsed, (dict, list)):
                return parsed
    return value


def misread(path: str, value: Any, raw: Any) -> Iterator[tuple[str, str]]:
    """Yield what YAML takes for a number or a yes or no although JSON would not write it so, with what to do.

    ``no`` is false to YAML and a text to a person, and ``1.10`` loses its last digit; no one knows what the owner of
    an undeclared entry meant.

    :param path: of the value, such as ``extra.account``.
    :param value: as YAML reads it.
    :param raw: the same with the source text of every scalar.
    """
    if isinstance(value, dict) and isinstance(raw, dict):
        for name, inner in value.items():
            yield from misread(f"{path}.{name}", inner, raw.get(name))
    elif isinstance(value, list) and isinstance(raw, list):
        for inner, text in zip(value, raw, strict=False):
            yield from misread(path, inner, text)
    elif isinstance(value, bool) and str(raw).lower() not in ("true", "false"):
        yield path, f"YAML reads this as {json.dumps(value)}; write that, or quotes around it if it is a text"
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and raw != json.dumps(value):
        yield path, "YAML reads this as a number; write it as JSON does, or in quotes if it is a text"
