"""Names of the package are the field's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, name_of, tree_of

WORDS = {
    "behind": "end_offset, or what lies there",
    "dig": "get_path",
    "fleet": "check_many",
    "found": "the name of what was found",
    "guarded": "translate_errors",
    "hop": "NextRequest",
    "lane": "row",
    "lasting": "permanent",
    "made": "collect, or the name of what was made",
    "mark": "value, CursorValue",
    "marks": "state",
    "misfit": "constraint_error",
    "most": "limit, max",
    "patience": "max_wait",
    "place": "address, url, path_parts, location, index, context",
    "prove": "probe",
    "settle": "recover",
    "span": "run_range",
    "textual": "is_scalar",
    "tied": "has_dependents",
    "turns": "throttle",
    "twice": "duplicate",
    "usual": "normalized, default",
    "whole": "integer, masked, atomic",
    "window": "cursor_range",
}
"""Words that a newcomer does not know from elsewhere, and what the field says instead."""
FIELDS_OWN = {"BYTE_ORDER_MARK", "ConnectionNotFoundError", "GUARDED", "NOT_FOUND", "in_place"}
"""Terms of the field in which such a word stands."""
FILES = sorted(PACKAGE.rglob("*.py"))
READ = [PACKAGE.parent / "README.md", *sorted((PACKAGE.parent / "docs").rglob("*.md"))]


PROSE = {
    "anew": "again",
    "nobody": "no one, nothing",
    "told": "reported, asked, given",
    "whoever": "the caller, the user",
}
"""Words of no name, which stand in sentences."""


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a file gives, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # Names of tests are sentences.
            yield node.lineno, "" if node.name.startswith("test_") else node.name
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.lineno, node.name


def words_of(name: str) -> set[str]:
    """Return the words of a name in snake case or in capitals and small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_are_the_fields_words(path: Path) -> None:
    wrong = [
        f"line {line}: {name} (rather {WORDS[word]})"
        for line, name in names_in(tree_of(path))
        if name.strip("_") not in FIELDS_OWN
        for word in words_of(name) & WORDS.keys()
    ]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in FILES if "drivers" in path.parts], ids=name_of)
def test_types_of_arrow_are_called_dtype(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.arg) and node.annotation is not None:
            assert node.arg != "kind" or ast.unparse(node.annotation) != "pa.DataType", f"line {node.lineno}"
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == "type":
            assert "kind" not in map(ast.unparse, node.targets), f"line {node.lineno}"


@pytest.mark.parametrize("path", [*FILES, *READ], ids=name_of)
def test_sentences_are_plain_english(path: Path) -> None:
    wrong = [
        f"line {number}: {word} (rather {PROSE[word]})"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word in re.findall(r"\w+", line.lower())
        if word in PROSE
    ]
    assert wrong == []


def test_words_of_names() -> None:
    assert words_of("_WholeFile") == {"whole", "file"}
    assert words_of("MOST_SEEN") == {"most", "seen"}
    assert words_of("place_of") == {"place", "of"}
