"""Rules of this repository that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from osiris_provider.connections.registry import family_names

from tests.architecture.source import CODE, PACKAGE, ROOT, name_of, tree_of

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
MAX_ROOM = 15
"""Modules in a folder, besides what makes it a package."""
WORKPLACE = re.compile(r"/work/|\bTODO\b|\bFIXME\b|\bXXX\b|\bClaude\b|\bLLM\b|\bissue #?\d", re.IGNORECASE)
EXEMPTION = re.compile(r"#\s*(?:noqa(?:: [A-Z0-9, ]+)?|type: ignore(?:\[[a-z0-9-, ]+\])?)")
BANNER = re.compile(r"^\s*#\s*([-=#*~])\1{3,}", re.MULTILINE)
TEXTS = [
    path
    for pattern in ("*.md", "*.toml", "docs/**/*", "scripts/*", "osiris_provider/**/*.py", "tests/**/*.py", "dags/*")
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path.suffix not in (".png", ".pyc") and path != Path(__file__)
]


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_sizes(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("folder", sorted({path.parent for path in PACKAGE.rglob("*.py")}), ids=name_of)
def test_no_room_is_crowded(folder: Path) -> None:
    assert sum(path.name != "__init__.py" for path in folder.glob("*.py")) <= MAX_ROOM


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name_of)
def test_nothing_depends_on_the_name_of_a_family(path: Path) -> None:
    # A family's own file or folder may know its own name.
    others = {name for name in family_names() if not path.stem.startswith(name) and name not in path.parts}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Compare):
            assert not set(_texts(node)) & others, f"line {node.lineno} compares with a family's name"
        if isinstance(node, ast.MatchValue):
            assert not set(_texts(node.value)) & others, "a match has a case for a family"


def _texts(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_texts_are_for_the_reader(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not WORKPLACE.search(text)
    if path.suffix == ".py":
        assert not BANNER.search(text)


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_exemptions_give_their_reason(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        exempt, *rest = EXEMPTION.split(line, maxsplit=1)
        if rest and not exempt.rstrip().endswith(('"', "'")):
            assert re.search(r"\w{3}", EXEMPTION.sub("", rest[0])), f"line {number}"
