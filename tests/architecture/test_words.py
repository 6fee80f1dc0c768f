"""Names are the field's words: of the package, the tests, the scripts and the benchmarks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.source import CODE, PACKAGE, ROOT, name_of, read, tree_of

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
NAMED = sorted({*CODE, *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("scripts/*.py")})
READ = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


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


# One test a rule, and not one for each of many hundred files.


def test_names_are_the_fields_words() -> None:
    assert len(NAMED) > 500
    wrong = [
        f"{name_of(path)}:{line}: {name} (rather {WORDS[word]})"
        for path in NAMED
        for line, name in names_in(tree_of(path))
        if name.strip("_") not in FIELDS_OWN
        for word in words_of(name) & WORDS.keys()
    ]
    assert wrong == []


def test_types_of_arrow_are_called_dtype() -> None:
    drivers = [path for path in FILES if "drivers" in path.parts]
    assert len(drivers) > 50
    wrong = []
    for path in drivers:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.arg) and node.annotation is not None and node.arg == "kind":
                wrong += [f"{name_of(path)}:{node.lineno}"] if ast.unparse(node.annotation) == "pa.DataType" else []
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == "type":
                wrong += [f"{name_of(path)}:{node.lineno}"] if "kind" in map(ast.unparse, node.targets) else []
    assert wrong == []


def test_sentences_are_plain_english() -> None:
    wrong = [
        f"{name_of(path)}:{number}: {word} (rather {PROSE[word]})"
        for path in [*FILES, *READ]
        for number, line in enumerate(read(path).splitlines(), 1)
        for word in re.findall(r"\w+", line.lower())
        if word in PROSE
    ]
    assert wrong == []


def test_words_of_names() -> None:
    assert words_of("_WholeFile") == {"whole", "file"}
    assert words_of("MOST_SEEN") == {"most", "seen"}
    assert words_of("place_of") == {"place", "of"}
