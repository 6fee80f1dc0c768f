"""Our nodes are those of PyYAML's composer, where that would make any."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.connections.yaml import nodes
from osiris_provider.connections.yaml.loader import MappingNode, Node, ScalarNode, UnreadableYamlError, compose, scalar

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PIECES = [
    *["a", "b: ", "- ", "\n", "\n  ", "\n    ", ": ", "? ", "[", "]", "{", "}", ", ", "&x ", "*x", "<<: ", "# c"],
    *["'q'", '"q"', "| ", "> ", "!!str ", "!!int ", "!t ", "! ", "0123", "12:30", "1.5", "true", "no", "~", "null"],
    *["--- ", "...", "2026-11-28", "="],
]
documents = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def plain(node: Any, above: tuple[Any, ...] = ()) -> Any:
    """A tree of lists of a node; tags of collections count only if they are written."""
    if node in above:
        return "above"
    inside = (*above, node)
    if isinstance(node, (yaml.ScalarNode, ScalarNode)):
        return node.tag, node.value
    if isinstance(node, (yaml.MappingNode, MappingNode)):
        return [(plain(key, inside), plain(value, inside)) for key, value in node.value]
    return [plain(item, inside) for item in node.value] if node else None


def lines(node: Any, above: tuple[Any, ...] = ()) -> list[int]:
    if node is None or node in above:
        return []
    own = node.line if isinstance(node, Node) else node.start_mark.line + 1
    children = node.value if isinstance(node.value, list) else []
    flat = [child for item in children for child in (item if isinstance(item, tuple) else [item])]
    return [own, *(line for child in flat for line in lines(child, (*above, node)))]


@given(documents)
@example("a: &x {b: [1, *x]}")
@example("a: &x 1\nb: &x 2")
@example("a: *x")
@example("a: 1\n--- \nb: 2")
@example("? [a]\n: b")
@example("! 12")
@example("")
def test_any_document_has_the_nodes_of_yaml(text: str) -> None:
    try:
        expected = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError:
        expected = None
    try:
        actual, _ = compose(text)
    except UnreadableYamlError:
        actual = None
    assert plain(actual) == plain(expected)
    assert lines(actual) == lines(expected)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[("3306", 3306), ("0", 0), ("-5", -5), ("+5", 5), ("1_000", 1000), ("0x1F", 31), ("1.5", 1.5), ("5.", 5.0)],
        *[("true", True), ("On", True), ("no", False), ("~", None), ("null", None), ("", None), ("!!null x", None)],
        # Numbers of another base, and dates, would be something else than they look like.
        *((text, text) for text in ("0123", "00", "08", "-07", "12:30", "190:20:30.15", "2026-01-31", "2026-02-30")),
        *[('!!int "1:\\n2"', "1:\n2"), ("'5'", "5"), ("!!str 5", "5"), ("!t 5", "5"), ("!!timestamp 7", "7")],
        # What the tag promises, and the text is not.
        *[("!!bool maybe", "maybe"), ("!!int x", "x"), ("!!float y", "y")],
    ],
)
def test_a_scalar_is_what_it_looks_like(written: str, value: object) -> None:
    root, _ = compose(f"a: {written}")
    assert isinstance(root, MappingNode)
    [(_, node)] = root.value
    assert isinstance(node, ScalarNode)
    assert (scalar(node), type(scalar(node))) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "visits"),
    # A list and its items; a mapping, its keys, which are visited as such, and their values; the same once more.
    [("[1, 2]", 3), ("{a: 1, b: 2}", 5), ("[&x [1, 2], *x]", 7), ("{a: &x {b: 1}, c: *x}", 9)],
)
def test_so_many_visits_are_taken_and_not_one_more(text: str, visits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = compose(text)
    assert root
    told: list[str] = []
    for limit in (visits, visits - 1):
        monkeypatch.setattr(nodes, "MAX_ITEMS", limit)
        assert told == []
        nodes.NodeReader(lambda problem, _line, _scope: told.append(problem)).value(root)
    assert told == ["YAML aliases (*name) expand to too many nodes"]
